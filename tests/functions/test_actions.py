"""Actions: the outside world, in time limits, without holding up anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.engines import RunningEngine, message_of, running, value_of, write_backend
from syncline.functions import ActionCall, Failure, Outcome, Success
from syncline.kernel.errors import AppError, OverloadedError
from syncline.kernel.identity import ANONYMOUS, Caller, Identity
from syncline.kernel.limits import Limits

NOTES = """
    from syncline import AppError, Document, MutationCtx, QueryCtx, mutation, query


    class Note(Document):
        text: str


    @query(internal=True)
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @query
    def subject(ctx: QueryCtx) -> str | None:
        identity = ctx.auth.identity
        return None if identity is None else identity.subject


    @mutation(internal=True)
    def add(ctx: MutationCtx, text: str) -> int:
        if not text:
            raise AppError({"code": "empty"})
        ctx.db.insert(Note(text=text))
        return len(ctx.db.query(Note).all())
"""
WORK = """
    import asyncio
    import logging
    import random
    import threading
    import time
    from pathlib import Path

    from syncline import ActionCtx, AppError, SyncActionCtx, action

    from . import notes

    gate = threading.Event()
    open_gate = threading.Event()
    events: list[str] = []


    @action
    async def save(ctx: ActionCtx, text: str) -> list[str]:
        count = await ctx.run(notes.add, text=text)
        assert isinstance(count, int)
        return await ctx.run(notes.texts)


    @action
    def save_in_thread(ctx: SyncActionCtx, text: str) -> list[str]:
        ctx.run(notes.add, text)
        return ctx.run(notes.texts)


    @action
    async def rescue(ctx: ActionCtx) -> str:
        try:
            await ctx.run(notes.add, text="")
        except AppError as error:
            return str(error.data["code"])
        return "unreached"


    @action
    def rescue_in_thread(ctx: SyncActionCtx) -> str:
        try:
            ctx.run(notes.add, text="")
        except AppError as error:
            return str(error.data["code"])
        return "unreached"


    @action
    async def fail_inside(ctx: ActionCtx) -> None:
        await ctx.run(notes.add, text="")


    @action
    async def wrong_argument(ctx: ActionCtx) -> None:
        await ctx.run(notes.add, txt="a")


    @action
    async def whoami(ctx: ActionCtx) -> list[str | None]:
        identity = ctx.auth.identity
        return [None if identity is None else identity.subject, await ctx.run(notes.subject)]


    @action
    def world(ctx: SyncActionCtx) -> bool:
        time.sleep(0)
        random.random()
        assert abs(ctx.now.timestamp() - time.time()) < 60
        assert 0 <= ctx.random.random() < 1
        return bool(Path(__file__).read_text())


    @action
    async def speak(ctx: ActionCtx, word: str) -> None:
        for number in range(3):
            print(word, number)
            await asyncio.sleep(0)
        await asyncio.to_thread(print, word, "in a thread")
        ctx.log.info(word)


    @action
    def speak_in_thread(ctx: SyncActionCtx, word: str) -> None:
        print(word)
        logging.getLogger(__name__).warning(word)


    @action(timeout=0.05)
    async def wait_forever(ctx: ActionCtx) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            events.append("cancelled")


    @action
    async def wait_long(ctx: ActionCtx) -> None:
        events.append("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("cancelled")


    @action(timeout=0.05)
    async def refuse_to_end(ctx: ActionCtx) -> None:
        for _ in range(2):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                events.append("swallowed")


    @action(timeout=0.05)
    def spin(ctx: SyncActionCtx) -> None:
        while True:
            pass


    @action(timeout=0.05)
    def block(ctx: SyncActionCtx) -> None:
        gate.wait()
        events.append("ended")


    @action
    async def hold_the_loop(ctx: ActionCtx) -> None:
        await asyncio.sleep(0)
        while True:
            pass


    @action
    def wait_for_gate(ctx: SyncActionCtx) -> str:
        open_gate.wait()
        return "through"


    @action
    def lie(ctx: SyncActionCtx) -> int:
        return "no number"  # type: ignore  # the mistake that is tested


    @action
    async def crash(ctx: ActionCtx) -> int:
        raise ValueError("boom")


    @action
    async def leave(ctx: ActionCtx) -> int:
        raise SystemExit(3)


    @action
    async def quick(ctx: ActionCtx) -> str:
        return "quick"


    @action
    async def inline(ctx: ActionCtx) -> str:
        return await quick(ctx)


    @action
    async def seen(ctx: ActionCtx) -> list[str]:
        return list(events)
"""


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    return write_backend(tmp_path, notes=NOTES, work=WORK)


@pytest.fixture
def node(backend: Path) -> Iterator[RunningEngine]:
    with running(backend, limits=Limits(action_step_seconds=0.05)) as engine:
        yield engine


def start(node: RunningEngine, path: str, caller: Caller = ANONYMOUS, **args: Any) -> list[Outcome]:
    """Start an action; the list holds its outcome once `pump` has seen it."""
    settled: list[Outcome] = []
    node.engine.act(ActionCall(path, msgspec.json.encode(args), caller, settled.append))
    return settled


@pytest.mark.parametrize("path", ["work:save", "work:save_in_thread"])
def test_an_action_calls_mutations_and_queries_each_a_transaction_of_its_own(
    node: RunningEngine, path: str
) -> None:
    assert value_of(node.act(path, text="one")) == ["one"]
    assert value_of(node.act(path, text="two")) == ["one", "two"]
    assert len(node.commits) == 2


def test_internal_functions_are_open_to_actions_but_not_to_clients(node: RunningEngine) -> None:
    assert "Could not find public function for 'notes:add'" in message_of(
        node.mutate("notes:add", text="x")[0]
    )


@pytest.mark.parametrize("path", ["work:rescue", "work:rescue_in_thread"])
def test_errors_of_called_functions_arrive_as_they_were_raised(node: RunningEngine, path: str) -> None:
    assert value_of(node.act(path)) == "empty"


def test_an_error_that_passes_through_an_action_keeps_its_data(node: RunningEngine) -> None:
    outcome = node.act("work:fail_inside")
    assert isinstance(outcome, Failure)
    assert outcome.data == b'{"code":"empty"}'
    assert isinstance(outcome.exception, AppError)


def test_arguments_of_called_functions_are_checked_where_they_are_given(node: RunningEngine) -> None:
    message = message_of(node.act("work:wrong_argument"))
    assert "Uncaught ArgumentError: notes:add: there is no argument `txt` (did you mean `text`?)" in message
    assert "    at wrong_argument (backend/work.py:" in message


def test_the_caller_is_the_same_inside(node: RunningEngine) -> None:
    ann = Caller(Identity(subject="ann", issuer="https://id.example.com"))
    settled = start(node, "work:whoami", ann)
    node.pump(lambda: settled)
    assert value_of(settled[0]) == ["ann", "ann"]
    assert value_of(node.act("work:whoami")) == [None, None]


def test_an_action_may_touch_the_world(node: RunningEngine) -> None:
    assert value_of(node.act("work:world")) is True


def test_an_action_may_call_another_as_a_function(node: RunningEngine) -> None:
    assert value_of(node.act("work:inline")) == "quick"


def test_lines_of_actions_that_run_together_are_kept_apart(node: RunningEngine) -> None:
    settled = [start(node, "work:speak", word=word) for word in ("red", "blue")]
    threaded = start(node, "work:speak_in_thread", word="green")
    node.pump(lambda: all(settled) and threaded)
    for word, (outcome,) in zip(("red", "blue"), settled, strict=True):
        assert outcome.lines == (
            *[f"[LOG] '{word}' {number}" for number in range(3)],
            f"[LOG] '{word}' 'in a thread'",
            f"[INFO] '{word}'",
        )
    assert threaded[0].lines == ("[LOG] 'green'", "[WARN] 'green'")


def test_an_action_that_waits_too_long_is_cancelled(node: RunningEngine) -> None:
    message = message_of(node.act("work:wait_forever"))
    assert (
        "action seconds: work:wait_forever was stopped after 0.05 s, its time limit. "
        "Give it more with @action(timeout=...), or do the work in several actions."
    ) in message
    assert value_of(node.act("work:seen")) == ["cancelled"]


def test_an_action_that_swallows_its_cancellation_is_answered_and_cancelled_again(
    node: RunningEngine,
) -> None:
    assert "was stopped after 0.05 s" in message_of(node.act("work:refuse_to_end"))
    seen: list[str] = []
    while len(seen) < 2:
        seen = value_of(node.act("work:seen"))
    assert seen == ["swallowed", "swallowed"]


def test_a_busy_thread_is_interrupted(node: RunningEngine) -> None:
    assert "work:spin was stopped after 0.05 s" in message_of(node.act("work:spin"))
    assert value_of(node.act("work:world")) is True


def test_an_action_that_waits_in_c_code_is_answered_in_time(node: RunningEngine) -> None:
    assert "work:block was stopped after 0.05 s" in message_of(node.act("work:block"))
    assert value_of(node.act("work:world")) is True, "others go on meanwhile"


def test_an_action_that_holds_the_loop_is_stopped_and_others_go_on(node: RunningEngine) -> None:
    held, quick = start(node, "work:hold_the_loop"), start(node, "work:quick")
    node.pump(lambda: held and quick)
    assert value_of(quick[0]) == "quick"
    assert (
        "action step seconds: work:hold_the_loop computed for 0.05 s without awaiting anything; no other `async def` "
        "action can run meanwhile. Write it with plain `def`: then it runs in a thread."
    ) in message_of(held[0])


def test_too_many_actions_are_refused_and_those_that_wait_run_later(backend: Path) -> None:
    with running(backend, limits=Limits(actions_running=1, actions_queued=1)) as node:
        first, second = start(node, "work:wait_for_gate"), start(node, "work:quick")
        with pytest.raises(
            OverloadedError, match=r"actions queued: 1 wait and 1 run, no more are taken"
        ) as raised:
            start(node, "work:quick")
        assert raised.value.retry_after > 0
        definition = node.engine.release.registry.definitions["work:wait_for_gate"]
        definition.fn.__globals__["open_gate"].set()
        node.pump(lambda: first and second)
        assert (value_of(first[0]), value_of(second[0])) == ("through", "quick")


def test_actions_that_still_wait_when_the_engine_stops_are_told_so(backend: Path) -> None:
    with running(backend, limits=Limits(actions_running=1)) as node:
        running_one, waiting = start(node, "work:wait_for_gate"), start(node, "work:quick")
        gate = node.engine.release.registry.definitions["work:wait_for_gate"].fn.__globals__["open_gate"]
        assert not node.engine.actions.stop()
        node.pump(lambda: waiting)
        assert "the server is stopping; the action was not started" in message_of(waiting[0])
        with pytest.raises(OverloadedError, match="the server is stopping; no more actions are taken"):
            start(node, "work:quick")
        gate.set()
        node.pump(lambda: running_one)


def test_actions_that_run_when_the_engine_stops_are_cancelled(backend: Path) -> None:
    with running(backend) as node:
        waiting = start(node, "work:wait_long")
        module = node.engine.release.registry.definitions["work:wait_long"].fn.__globals__
        while "waiting" not in module["events"]:
            pass
        assert not node.engine.actions.stop()
        node.pump(lambda: waiting)
        assert "work:wait_long was cancelled before it had ended" in message_of(waiting[0])
        assert module["events"] == ["waiting", "cancelled"]


def test_a_wrong_result_is_reported(node: RunningEngine) -> None:
    assert "ReturnsValidationError: Value does not match validator." in message_of(node.act("work:lie"))


def test_wrong_arguments_are_reported_without_running(node: RunningEngine) -> None:
    for path in ("work:quick", "work:world"):
        outcome = node.act(path, surplus=1)
        assert isinstance(outcome, Failure)
        assert "ArgumentValidationError: Object contains extra field `surplus`" in outcome.message
        assert outcome.error.frames == ()


def test_unexpected_errors_show_their_frames(node: RunningEngine) -> None:
    message = message_of(node.act("work:crash"))
    assert "\nUncaught ValueError: boom\n    at crash (backend/work.py:" in message
    assert "action_loop" not in message
    assert "Uncaught SystemExit: 3" in message_of(node.act("work:leave"))


def test_missing_functions_and_wrong_kinds_are_failures(node: RunningEngine) -> None:
    assert "Could not find public function for 'work:nothing'." in message_of(node.act("work:nothing"))
    assert "Trying to execute notes.js:subject as Action, but it is defined as Query." in message_of(
        node.act("notes:subject")
    )


def test_a_request_id_of_the_caller_is_kept(node: RunningEngine) -> None:
    settled: list[Outcome] = []
    node.engine.act(ActionCall("work:crash", b"{}", ANONYMOUS, settled.append, "00ff" * 4))
    node.pump(lambda: settled)
    assert message_of(settled[0]).startswith("[Request ID: 00ff00ff00ff00ff] Server Error\n")


def test_many_actions_of_both_forms_run_together(node: RunningEngine) -> None:
    paths = ["work:quick", "work:world", "work:rescue_in_thread", "work:inline"] * 25
    settled = [start(node, path) for path in paths]
    node.pump(lambda: all(settled))
    assert all(isinstance(outcome, Success) for (outcome,) in settled)
