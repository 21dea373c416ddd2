"""`ctx.progress` and `ctx.stream`: what an action is doing, as it does it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.applications import write_application
from support.jobs import Application
from support.processes import serving
from syncline import ArgumentError, NotFoundError
from syncline.functions.progress import ProgressTeller
from syncline.functions.streams import TextStream
from syncline.functions.system.progress import watch
from syncline.testing import Backend

WORK = """
    import asyncio
    import threading

    from syncline import ActionCtx, Document, Id, MutationCtx, QueryCtx, ScheduledJob, SyncActionCtx, action, mutation, query

    gate = threading.Event()
    inside = threading.Event()


    class Message(Document):
        body: str
        likes: int = 0


    @query
    def body(ctx: QueryCtx, id: Id[Message]) -> str:
        return ctx.db.require(id).body


    @mutation
    def begin(ctx: MutationCtx) -> Id[Message]:
        return ctx.db.insert(Message(body=""))


    @action
    def work(ctx: SyncActionCtx, key: str | None = None) -> str:
        ctx.progress(0.25, "a quarter", key=key)
        inside.set()
        gate.wait(20)
        return "done"


    @action
    async def wrong(ctx: ActionCtx) -> None:
        ctx.progress(float("nan"))


    @action(process=True)
    def far_away(ctx: SyncActionCtx, key: str) -> list[str]:
        ctx.progress(0.5, "half", key=key)
        id = ctx.run(begin)
        with ctx.stream(id, "body") as out:
            for word in ("from ", "another ", "process"):
                out.write(word)
        return [ctx.run(body, id=id)]


    @mutation
    def later(ctx: MutationCtx) -> Id[ScheduledJob]:
        return ctx.scheduler.after(1, work)


    @action
    async def quick(ctx: ActionCtx) -> str:
        ctx.progress(0.5, "half")
        return "done"


    @mutation
    def later_in_processes(ctx: MutationCtx) -> list[Id[ScheduledJob]]:
        return [ctx.scheduler.after(1, quick), ctx.scheduler.after(1, far_away_alone)]


    @action(process=True)
    def far_away_alone(ctx: SyncActionCtx) -> str:
        ctx.progress(0.5, "half")
        return "done"


    @action
    async def speak(ctx: ActionCtx, words: int, pause: float) -> Id[Message]:
        id = await ctx.run(begin)
        async with ctx.stream(id, "body") as out:
            for number in range(words):
                await out.write(f"{number} ")
                await asyncio.sleep(pause)
        return id


    @action
    async def speak_wrongly(ctx: ActionCtx, field: str, gone: bool) -> None:
        id = await ctx.run(begin)
        if gone:
            id = Id[Message](id[:-1] + ("0" if id[-1] != "0" else "1"))
        async with ctx.stream(id, field) as out:
            await out.write("x")


    @action
    async def speak_and_fail(ctx: ActionCtx, id: Id[Message]) -> None:
        async with ctx.stream(id, "body") as out:
            await out.write("what was said ")
            raise ValueError("on the way")
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, "", work=WORK) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def work(app: Application) -> Any:
    return app.module("work")


# Progress


def test_scheduled_actions_say_how_far_they_are_wherever_they_run(backend: Backend, work: Any) -> None:
    backend.mutation(work.later_in_processes)
    backend.advance(seconds=1)
    assert [(job.state, job.error) for job in backend.jobs()] == [("success", None)] * 2


def test_progress_is_said_at_most_a_few_times_a_second_and_the_last_word_is_heard() -> None:
    written: list[tuple[str, dict[str, Any]]] = []
    timers: list[Callable[[], None]] = []
    teller = ProgressTeller(
        lambda name, args: written.append((name, json.loads(args))), lambda seconds, call: timers.append(call)
    )
    for number in range(5):
        teller.say({"fraction": number / 10})
    assert written == [("say", {"fraction": 0.0})]
    timers.pop()()
    assert written[1:] == [("say", {"fraction": 0.4})]
    timers.pop()()
    assert (len(written), timers) == (2, [])
    teller.say({"fraction": 0.9})
    assert written[-1] == ("say", {"fraction": 0.9})
    teller.end("run")
    timers.pop()()
    teller.say({"fraction": 1.0})
    assert written[3:] == [("forget", {"run": "run"})]


def test_what_is_no_fraction_is_refused(backend: Backend, work: Any) -> None:
    with pytest.raises(ArgumentError, match=r"ctx.progress\(nan, ...\): a number from 0 to 1"):
        backend.action(work.wrong)


def test_clients_watch_what_they_have_called_and_what_they_have_the_key_of(tmp_path: Path) -> None:
    write_application(tmp_path, work=WORK)
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\n")
    with serving(tmp_path) as server, httpx.Client(base_url=f"{server.url}/api", timeout=30) as client:

        def shown(**args: object) -> list[dict[str, Any]]:
            answer = client.post("/query", json={"path": "_system/progress:watch", "args": args}).json()
            found: list[dict[str, Any]] = answer["value"]
            return found

        def run(path: str, **args: object) -> Any:
            return client.post("/action", json={"path": path, "args": args}).json()["value"]

        assert shown(key="k") == []
        assert run("work:far_away", key="k") == ["from another process"]
        with pytest.raises(httpx.ReadTimeout):  # It waits; what it has said is seen meanwhile.
            client.post("/action", json={"path": "work:work", "args": {"key": "k"}}, timeout=1)
        [item] = shown(key="k")
        assert (item["fraction"], item["note"], item["function"]) == (0.25, "a quarter", "work:work")
        assert shown() == []
        assert shown(key="another") == []


def test_a_scheduled_action_is_found_by_its_job_and_forgotten_at_its_end(backend: Backend, work: Any) -> None:
    id = backend.mutation(work.later)
    work.gate.set()
    with backend.subscribe(watch, key=id) as updates:
        backend.advance(seconds=1)
        seen = [updates.next()]
        while len(seen) < updates.count:
            seen.append(updates.next())
    assert seen[0] == []
    assert updates.latest == []
    assert backend.jobs()[0].state == "success"


# Streams


def test_what_is_written_is_put_together_and_arrives_whole(backend: Backend, work: Any) -> None:
    id = backend.action(work.speak, words=50, pause=0.005)
    expected = "".join(f"{number} " for number in range(50))
    assert backend.query(work.body, id=id) == expected


def test_a_stream_writes_ten_times_a_second_and_at_its_end() -> None:
    written: list[str] = []

    async def append(text: str) -> None:
        written.append(text)

    async def speak() -> None:
        async with TextStream(append) as out:
            for number in range(200):
                await out.write(f"{number} ")
                await asyncio.sleep(0.001)

    began = time.monotonic()
    asyncio.run(speak())
    took = time.monotonic() - began
    assert "".join(written) == "".join(f"{number} " for number in range(200))
    assert len(written) <= took / 0.1 + 2


@pytest.mark.parametrize(
    ("field", "gone", "error", "text"),
    [
        ("likes", False, ArgumentError, "ctx.stream: `messages.likes` is not a field that holds text"),
        ("nothing", False, ArgumentError, "`messages.nothing` is not a field"),
        ("body", True, (NotFoundError, ArgumentError), "not a document id|there is no document"),
    ],
)
def test_where_text_cannot_grow_is_named(
    backend: Backend, work: Any, field: str, gone: bool, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        backend.action(work.speak_wrongly, field=field, gone=gone)


def test_what_was_said_before_a_failure_stays(backend: Backend, work: Any) -> None:
    id = backend.mutation(work.begin)
    with pytest.raises(ValueError, match="on the way"):
        backend.action(work.speak_and_fail, id=id)
    assert backend.query(work.body, id=id) == "what was said "
