"""`process=True`: work in processes of its own, whose losses are nobody else's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.engines import RunningEngine, message_of, running, value_of, write_backend
from syncline.functions import ActionCall, Failure, Outcome, Success
from syncline.kernel.identity import ANONYMOUS, Caller, Identity
from syncline.kernel.limits import Limits

WORK = """
    import ctypes
    import os
    import time

    from syncline import AppError, Document, Id, MutationCtx, QueryCtx, SyncActionCtx, action, mutation, query


    class Note(Document):
        text: str


    class Odd(Exception):
        def __init__(self, first: int, second: int) -> None:
            super().__init__(f"{first} and {second}")
            self.first = first


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @query
    def who(ctx: QueryCtx) -> str:
        return ctx.auth.require().subject


    @mutation
    def add(ctx: MutationCtx, text: str) -> Id[Note]:
        if text == "bad":
            raise AppError({"code": "bad"})
        if text == "odd":
            raise Odd(1, 2)
        return ctx.db.insert(Note(text=text))


    @action(process=True)
    def pid(ctx: SyncActionCtx) -> int:
        return os.getpid()


    @action(process=True)
    def save(ctx: SyncActionCtx, text: str) -> list[str]:
        print("saving", text)
        id: Id[Note] = ctx.run(add, text=text)
        assert ctx.run(texts)[-1] == text and id
        return ctx.run(texts)


    @action(process=True)
    def rescue(ctx: SyncActionCtx) -> str:
        try:
            ctx.run(add, text="bad")
        except AppError as error:
            found = str(error.data["code"])
        try:
            ctx.run(add, text="odd")
        except Odd as error:
            return f"{found} {error.first} {error}"
        return "unreached"


    @action(process=True)
    def whoami(ctx: SyncActionCtx) -> str:
        return f"{ctx.auth.require().subject} {ctx.run(who)}"


    @action(process=True)
    def fail(ctx: SyncActionCtx, how: str) -> str:
        match how:
            case "raise":
                raise ValueError("as asked")
            case "app":
                raise AppError({"code": "no"})
            case "odd":
                raise Odd(3, 4)
            case "exit":
                os._exit(7)
            case "segfault":
                ctypes.string_at(0)
            case "memory":
                return "x" * (8 * 2**30)
            case "spin":
                sum(range(10**12))
        return "unreached"


    @action(process=True, timeout=0.5)
    def short(ctx: SyncActionCtx) -> int:
        return sum(range(10**12))


    @action(process=True)
    def count(ctx: SyncActionCtx, seconds: float) -> float:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        return seconds
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    backend = write_backend(tmp_path_factory.mktemp("app"), work=WORK)
    with running(backend, limits=Limits(process_workers=2)) as node:
        yield node


def start(
    node: RunningEngine, path: str, caller: Caller = ANONYMOUS, handle: object = None, **args: Any
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    node.engine.act(ActionCall(path, msgspec.json.encode(args), caller, outcomes.append, handle=handle))
    return outcomes


def run(node: RunningEngine, path: str, caller: Caller = ANONYMOUS, **args: Any) -> Outcome:
    outcomes = start(node, path, caller, **args)
    node.pump(lambda: outcomes)
    return outcomes[0]


def pid(node: RunningEngine) -> int:
    return int(value_of(run(node, "work:pid")))


def test_it_is_another_process_and_stays_for_the_next_call(node: RunningEngine) -> None:
    first = pid(node)
    assert first != os.getpid()
    assert pid(node) == first


def test_queries_and_mutations_work_across_the_pipe(node: RunningEngine) -> None:
    outcome = run(node, "work:save", text="a")
    assert value_of(outcome)[-1] == "a"
    assert outcome.lines == ("[LOG] 'saving' 'a'",)
    assert node.query("work:texts")[-1] == "a"


def test_errors_arrive_as_they_were_raised_on_both_sides(node: RunningEngine) -> None:
    assert value_of(run(node, "work:rescue")) == "bad 1 1 and 2"
    failed = run(node, "work:fail", how="odd")
    assert isinstance(failed, Failure)
    assert (type(failed.exception).__name__, str(failed.exception)) == ("Odd", "3 and 4")
    assert "work.py" in failed.error.traceback
    refused = run(node, "work:fail", how="app")
    assert isinstance(refused, Failure)
    assert refused.data == b'{"code":"no"}'


def test_the_caller_is_the_same_there(node: RunningEngine) -> None:
    caller = Caller(Identity("ann", "https://issuer.example"))
    assert value_of(run(node, "work:whoami", caller)) == "ann ann"
    assert "sign in" in message_of(run(node, "work:whoami"))


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("exit", "its process ended itself with exit code 7. No other call was harmed"),
        ("segfault", "its process was ended by SIGSEGV. No other call was harmed"),
        ("memory", "MemoryError"),
    ],
)
def test_what_kills_a_process_fails_its_own_call_only(node: RunningEngine, how: str, text: str) -> None:
    other = start(node, "work:count", seconds=1.0)
    assert text in message_of(run(node, "work:fail", how=how))
    node.pump(lambda: other)
    assert value_of(other[0]) == 1.0
    assert value_of(run(node, "work:save", text=how))[-1] == how


def test_a_time_limit_ends_even_what_holds_the_interpreter(node: RunningEngine) -> None:
    began = time.monotonic()
    text = message_of(run(node, "work:short"))
    assert "action seconds: work:short was stopped after 0.5 s" in text
    assert time.monotonic() - began < 20
    assert pid(node) > 0


def test_a_cancelled_one_is_killed_and_answered(node: RunningEngine) -> None:
    outcomes = start(node, "work:fail", how="spin", handle="one")
    assert pid(node) > 0  # The other worker: the first has begun.
    node.engine.cancel("one")
    node.pump(lambda: outcomes)
    assert "work:fail was cancelled before it had ended" in message_of(outcomes[0])
    node.pump(lambda: outcomes)
    assert isinstance(run(node, "work:count", seconds=0.0), Success)


def test_more_calls_than_processes_wait_for_one(node: RunningEngine) -> None:
    calls = [start(node, "work:count", seconds=0.05) for _ in range(7)]
    node.pump(lambda: all(calls))
    assert [value_of(call[0]) for call in calls] == [0.05] * 7


def test_new_code_gets_new_processes(tmp_path: Path) -> None:
    backend = write_backend(tmp_path, work=WORK)
    with running(backend, limits=Limits(process_workers=1)) as node:
        before = pid(node)
        source = (backend / "work.py").read_text()
        (backend / "work.py").write_text(
            source.replace('return f"{found} {error.first} {error}"', 'return "new"')
        )
        assert node.reload() is None
        assert value_of(run(node, "work:rescue")) == "new"
        assert pid(node) != before


def test_a_process_cannot_be_asynchronous(tmp_path: Path) -> None:
    from syncline.functions import load_application
    from syncline.kernel.errors import SetupError

    source = """
    from syncline import ActionCtx, action

    @action(process=True)
    async def wrong(ctx: ActionCtx) -> None: ...
    """
    with pytest.raises(SetupError, match="wrong is an `async def`, and process=True is for plain functions"):
        load_application(write_backend(tmp_path, work=source))
