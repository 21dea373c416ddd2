"""What actions can be told: to be attempted again, how many at a time, to end when their client leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.engines import RunningEngine, message_of, running, value_of, write_backend
from syncline import AppError, LimitError, OverloadedError
from syncline.functions import ActionCall, Outcome, load_application
from syncline.functions.retry import Retry
from syncline.kernel.errors import SetupError
from syncline.kernel.identity import ANONYMOUS
from syncline.kernel.limits import Limits

WORK = """
    import asyncio
    import threading

    from syncline import ActionCtx, AppError, Retry, SyncActionCtx, action

    attempts: list[str] = []
    gate = threading.Event()
    running: list[int] = [0, 0]  # now, at most


    @action(retry=Retry(3, first=0.01))
    async def flaky(ctx: ActionCtx, failures: int) -> int:
        attempts.append("flaky")
        if len(attempts) <= failures:
            raise ConnectionError(f"attempt {len(attempts)}")
        return len(attempts)


    @action(retry=Retry(2, first=0.01, on=(ConnectionError,)))
    def picky(ctx: SyncActionCtx, kind: str) -> None:
        attempts.append(kind)
        match kind:
            case "app":
                raise AppError("no")
            case "value":
                raise ValueError("no")
            case _:
                raise ConnectionError("no")


    @action(retry=Retry(5, first=0.01), timeout=0.1)
    async def slow(ctx: ActionCtx) -> None:
        attempts.append("slow")
        await asyncio.sleep(10)


    @action(retry=Retry(5, first=60))
    async def resting(ctx: ActionCtx) -> None:
        attempts.append("resting")
        raise ConnectionError("rest")


    @action(concurrency=2)
    def narrow(ctx: SyncActionCtx) -> int:
        running[0] += 1
        running[1] = max(running)
        gate.wait(20)
        running[0] -= 1
        return running[1]


    @action
    async def wide(ctx: ActionCtx) -> str:
        return "wide"


    @action(cancel_with_client=True)
    async def leaves(ctx: ActionCtx) -> None:
        try:
            attempts.append("began")
            await asyncio.sleep(30)
        finally:
            attempts.append("ended")


    @action
    async def stays(ctx: ActionCtx) -> str:
        await asyncio.sleep(0.05)
        return "stayed"
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningEngine]:
    with running(write_backend(tmp_path, work=WORK), limits=Limits(actions_queued=5)) as node:
        yield node


@pytest.fixture
def work(node: RunningEngine) -> Any:
    import sys

    return sys.modules["backend.work"]


def start(node: RunningEngine, path: str, handle: object = None, **args: Any) -> list[Outcome]:
    outcomes: list[Outcome] = []
    node.engine.act(ActionCall(path, msgspec.json.encode(args), ANONYMOUS, outcomes.append, handle=handle))
    return outcomes


def run(node: RunningEngine, path: str, **args: Any) -> Outcome:
    outcomes = start(node, path, **args)
    node.pump(lambda: outcomes)
    return outcomes[0]


def test_it_is_attempted_until_it_succeeds(node: RunningEngine, work: Any) -> None:
    outcome = run(node, "work:flaky", failures=2)
    assert value_of(outcome) == 3
    assert "attempt 1 failed, the next one is in" in outcome.lines[0]
    assert "ConnectionError: attempt 1" in outcome.lines[0]


def test_the_last_failure_is_told_when_all_attempts_fail(node: RunningEngine, work: Any) -> None:
    assert "ConnectionError: attempt 4" in message_of(run(node, "work:flaky", failures=9))
    assert len(work.attempts) == 4


@pytest.mark.parametrize(("kind", "attempts"), [("app", 1), ("value", 1), ("connection", 3)])
def test_only_errors_that_are_worth_it_are_repeated(
    node: RunningEngine, work: Any, kind: str, attempts: int
) -> None:
    run(node, "work:picky", kind=kind)
    assert work.attempts == [kind] * attempts


def test_a_time_limit_is_not_repeated(node: RunningEngine, work: Any) -> None:
    assert "stopped after 0.1 s" in message_of(run(node, "work:slow"))
    assert work.attempts == ["slow"]


def test_one_that_rests_between_attempts_can_be_cancelled(node: RunningEngine, work: Any) -> None:
    outcomes = start(node, "work:resting", handle="x")
    while not node.engine.actions.resting:
        run(node, "work:wide")
    node.engine.cancel("x")
    node.pump(lambda: outcomes)
    assert "cancelled" in message_of(outcomes[0])
    assert work.attempts == ["resting"]


def test_no_more_run_at_once_than_declared_and_others_are_not_held_up(node: RunningEngine, work: Any) -> None:
    calls = [start(node, "work:narrow") for _ in range(6)]
    assert value_of(run(node, "work:wide")) == "wide"
    while work.running[0] < 2:
        run(node, "work:wide")
    work.gate.set()
    node.pump(lambda: all(calls))
    assert max(value_of(call[0]) for call in calls) == 2


def test_a_full_queue_names_the_function_and_its_limit(node: RunningEngine, work: Any) -> None:
    calls = [start(node, "work:narrow") for _ in range(7)]
    with pytest.raises(
        OverloadedError, match="work:narrow was declared with concurrency=2, and as many of it run"
    ):
        start(node, "work:narrow")
    work.gate.set()
    node.pump(lambda: all(calls))


def test_it_ends_when_its_client_leaves_if_it_says_so(node: RunningEngine, work: Any) -> None:
    leaving, staying = start(node, "work:leaves", handle=1), start(node, "work:stays", handle=2)
    while "began" not in work.attempts:
        run(node, "work:wide")
    for handle in (1, 2, 3):
        node.engine.cancel(handle, client_left=True)
    node.pump(lambda: leaving and staying)
    assert "work:leaves was cancelled before it had ended" in message_of(leaving[0])
    assert value_of(staying[0]) == "stayed"
    assert work.attempts == ["began", "ended"]


@given(st.integers(1, 200), st.floats(0, 10), st.floats(1, 5), st.floats(0, 100), st.integers(0, 99))
def test_pauses_grow_within_bounds(
    attempt: int, first: float, factor: float, longest: float, seed: int
) -> None:
    retry = Retry(200, first, factor, longest)
    pause = retry.pause(attempt, Random(seed))
    assert 0 <= pause <= longest
    assert pause >= min(first, longest) * 0.75


def test_which_errors_are_worth_another_attempt() -> None:
    retry = Retry(2)
    assert retry.allows(ValueError(), 1) and retry.allows(OverloadedError("full"), 2)
    assert not retry.allows(ValueError(), 3)
    assert not retry.allows(AppError("no"), 1) and not retry.allows(LimitError("no"), 1)
    assert not retry.allows(KeyboardInterrupt(), 1)


@pytest.mark.parametrize(
    ("option", "text"),
    [("retry=0", "makes no sense"), ("concurrency=0", "wrong: concurrency=0 must be 1 or more")],
)
def test_mistakes_are_named_when_the_application_loads(tmp_path: Path, option: str, text: str) -> None:
    source = f"""
    from syncline import ActionCtx, action

    @action({option})
    async def wrong(ctx: ActionCtx) -> None: ...
    """
    with pytest.raises(SetupError, match=text):
        load_application(write_backend(tmp_path, work=source))
