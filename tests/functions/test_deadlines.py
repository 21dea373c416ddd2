"""Functions that run too long are stopped, whatever they do to prevent it, and nothing else is."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from support.applications import functions
from syncline.functions import Deadline, DeadlineInterrupt, QueryCtx, query
from syncline.kernel.limits import Limits

SHORT = Limits(run_seconds=0.05)


@query
def spin(ctx: QueryCtx) -> None:
    while True:
        pass


@query
def swallow_exceptions(ctx: QueryCtx) -> None:
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


@query
def swallow_twice_and_return(ctx: QueryCtx) -> str:
    caught = 0
    while caught < 2:
        try:
            for _ in iter(int, 1):
                pass
        except BaseException:
            caught += 1
    return "done"


@query
def swallow_in_every_loop(ctx: QueryCtx) -> int:
    """Catches what interrupts it again and again, and tires only after ten times."""
    caught = 0
    for _ in iter(int, 1):
        try:
            for _ in iter(int, 1):
                pass
        except BaseException:
            caught += 1
            if caught == 10:
                break
    return caught


@query
def generate(ctx: QueryCtx) -> int:
    return sum(i for i in iter(int, 1))


@query
def comprehend(ctx: QueryCtx) -> int:
    return len([[i] for i in range(2_000_000_000)])


@query
def recurse(ctx: QueryCtx) -> int:
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    return fib(60)


@query
def clean_up(ctx: QueryCtx) -> None:
    try:
        cleaned.clear()
        while True:
            pass
    finally:
        cleaned.append("finally")


cleaned: list[str] = []


@query
def quick(ctx: QueryCtx) -> str:
    return "quick"


@pytest.mark.parametrize(
    "function",
    [
        spin,
        swallow_exceptions,
        swallow_twice_and_return,
        swallow_in_every_loop,
        generate,
        comprehend,
        recurse,
        clean_up,
    ],
    ids=lambda function: str(function.name),
)
def test_a_function_that_runs_too_long_is_stopped(function: Any) -> None:
    with functions(function, quick, limits=SHORT) as app:
        failure = app.failure(f"test:{function.name}")
        assert app.execution.deadline.interrupts == 1
        assert app.value("test:quick") == "quick", "the next call is not touched"
    assert failure.error.type == "LimitError"
    told = re.fullmatch(
        rf"run seconds: test:{function.name} was stopped after 0\.05 s, the limit of queries and mutations\. "
        r"(It was at line \d+ of \S*test_deadlines\.py, in \S+\. )?"
        r"Read less at a time \(an index, take\(n\), paginate\), or do long work in an @action and store what it finds "
        r"with a mutation\.",
        failure.error.message,
    )
    assert told is not None, failure.error.message
    if function is spin:
        assert told[1] is not None and told[1].endswith(", in spin. "), "it says where it was"
    assert failure.data is not None, "clients learn of limits in production too"


def test_finally_blocks_of_the_function_run() -> None:
    with functions(clean_up, limits=SHORT) as app:
        app.failure("test:clean_up")
    assert cleaned == ["finally"]


def test_an_interrupt_lost_in_a_destructor_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)

    class Slow:
        def __del__(self) -> None:
            while not ignored_once:
                pass

    ignored_once: list[bool] = []

    def hook(unraisable: Any) -> None:
        ignored.append(unraisable.exc_type)
        ignored_once.append(True)

    monkeypatch.setattr(sys, "unraisablehook", hook)

    @query
    def drop(ctx: QueryCtx) -> None:
        Slow()
        while True:
            pass

    with functions(drop, limits=SHORT) as app:
        assert app.failure("test:drop").error.type == "LimitError"
    assert ignored == [DeadlineInterrupt]


def test_a_function_that_waits_in_c_code_is_stopped_when_that_returns() -> None:
    gate = threading.Lock()
    gate.acquire()

    @query
    def wait(ctx: QueryCtx) -> bool:
        return gate.acquire(timeout=0.2)

    with functions(wait, limits=SHORT) as app:
        assert app.failure("test:wait").error.type == "LimitError"


def test_results_that_come_in_time_are_results() -> None:
    with functions(quick, limits=Limits(run_seconds=30)) as app:
        for _ in range(1000):
            assert app.value("test:quick") == "quick"
        assert app.execution.deadline.interrupts == 0


def test_no_interrupt_ever_leaves_the_call_it_is_meant_for() -> None:
    """Thousands of calls that end just when their time is up: each gives its result or is interrupted, cleanly."""
    escaped: list[BaseException] = []
    outcomes = {"returned": 0, "interrupted": 0}

    def shots() -> None:
        deadline = Deadline()
        try:
            for turn in range(1500):
                work = _work_of(turn)
                try:
                    deadline.run(0.0005, b"test", work)
                    outcomes["returned"] += 1
                except DeadlineInterrupt:
                    outcomes["interrupted"] += 1
                # Room for a stray one to strike.
                sum(range(50))
        except BaseException as error:
            escaped.append(error)
        finally:
            deadline.close()

    threads = [threading.Thread(target=shots) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert escaped == []
    assert outcomes["interrupted"] > 0
    assert sum(outcomes.values()) == 3000


def _work_of(turn: int) -> Callable[[], int]:
    size = 2_000 + (turn % 50) * 800

    def work() -> int:
        total = 0
        for i in range(size):
            total += i
        return total

    return work


def test_tracing_works_after_interrupts() -> None:
    with functions(spin, limits=SHORT) as app:
        app.failure("test:spin")
    seen: list[str] = []

    def traced() -> int:
        return 1

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: seen.append(frame.f_code.co_name))
    try:
        traced()
    finally:
        sys.settrace(before)
    assert "traced" in seen


def test_a_thread_that_waits_in_c_code_is_not_shot_at_until_it_runs_again() -> None:
    """A pending interrupt would slow all other threads down, and on CPython 3.11 stop them while they are traced."""
    gate = threading.Lock()
    gate.acquire()
    outcome: list[str] = []

    def wait() -> None:
        deadline = Deadline()
        try:
            deadline.run(0.01, b"test", gate.acquire)
        except DeadlineInterrupt:
            outcome.append("interrupted")
        finally:
            deadline.close()

    waiting = threading.Thread(target=wait)
    waiting.start()
    with functions(spin, limits=SHORT) as app:
        app.failure("test:spin")
        # The watchdog has looked at both by now, and at this thread often.
        test_tracing_works_after_interrupts()
    gate.release()
    waiting.join()
    assert outcome == ["interrupted"]


def test_an_interrupt_raised_by_hand_is_not_taken_for_ours() -> None:
    deadline = Deadline()

    def raise_it() -> None:
        raise DeadlineInterrupt

    try:
        with pytest.raises(DeadlineInterrupt):
            deadline.run(10, b"test", raise_it)
        assert deadline.interrupts == 0
    finally:
        deadline.close()


def test_except_exception_does_not_catch_it() -> None:
    assert not issubclass(DeadlineInterrupt, Exception)


def test_clients_in_production_are_not_told_the_line_but_the_log_is() -> None:
    with functions(spin, limits=SHORT, redact=True) as app:
        failure = app.failure("test:spin")
    assert "test_deadlines.py" not in failure.error.message
    assert failure.data is not None and b"test_deadlines.py" not in failure.data
    assert any(
        re.search(r"stopped at line \d+ of \S*test_deadlines\.py, in spin", line) for line in failure.lines
    )
