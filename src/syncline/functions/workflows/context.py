"""`ctx` of a workflow: what it can wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from syncline.functions.logs import Log
from syncline.functions.retry import Retry
from syncline.functions.scheduling import Planned, Target, moment_after
from syncline.kernel.errors import ArgumentError, SynclineError
from syncline.schema import Id
from syncline.system import WorkflowRun, WorkflowStep
from syncline.values import encode_json

if TYPE_CHECKING:
    from .replay import Journal

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class StepError(SynclineError):
    """A step of a workflow has failed for good. `data` is what its AppError carried, if it was one."""

    code = "step_failed"

    def __init__(self, function: str, message: str, data: Any = None) -> None:
        super().__init__(f"{function} failed: {message}")
        self.function = function
        self.message = message
        self.data = data


class Pending(Awaitable[R], Generic[R]):
    """What a workflow has asked for. Awaiting it gives its result, or raises StepError."""

    def __init__(self, journal: Journal, number: int, decode: Any) -> None:
        self._journal = journal
        self._number = number
        self._decode = decode

    def __await__(self) -> Generator[object, None, R]:
        while (step := self._journal.ended(self._number)) is None:
            yield self
        return self._outcome(step)

    def _outcome(self, step: WorkflowStep) -> R:
        if step.state == "success":
            return cast("R", self._decode(encode_json(step.result)))
        if step.kind == "event":
            raise TimeoutError(f"the event {step.name!r} did not come in time")
        raise StepError(step.name, step.error or step.state, step.data)


class _All(Awaitable[tuple[Any, ...]]):
    def __init__(self, pending: tuple[Pending[Any], ...]) -> None:
        self._pending = pending

    def __await__(self) -> Generator[object, None, tuple[Any, ...]]:
        # All that can be known is known before the first failure is raised: no step is left behind.
        for each in self._pending:
            while each._journal.ended(each._number) is None:  # pyright: ignore[reportPrivateUsage] - the same module
                yield each
        results: list[Any] = []
        for each in self._pending:
            results.append((yield from each.__await__()))
        return tuple(results)


class WorkflowCtx:
    """The context of a workflow. What it gives is the same each time the function is run through again."""

    __slots__ = ("_journal", "_retry", "log")

    def __init__(self, journal: Journal, retry: Retry | None) -> None:
        self._journal = journal
        self._retry = retry
        #: Log lines; a workflow that is run through again says them again.
        self.log: Log = journal.log

    @property
    def id(self) -> Id[WorkflowRun]:
        """This run."""
        return self._journal.id

    @property
    def now(self) -> datetime:
        """The time (UTC) at which what the workflow has waited for last was there."""
        return self._journal.now

    @property
    def random(self) -> Random:
        """Chance, the same whenever the function is run through again."""
        return self._journal.random

    def retrying(self, retry: Retry | int | None) -> WorkflowCtx:
        """The same context with another policy: `await ctx.retrying(5).step(charge, order=order)`."""
        return WorkflowCtx(self._journal, Retry(retry) if isinstance(retry, int) else retry)

    def step(self, fn: Target[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Pending[R]:
        """Call a mutation or an action, which begins at once; await it for its result.

        A mutation is done exactly once. An action is started again when it has failed, as the retry policy says, or
        when the server stopped while it ran. AppError and other errors that are meant are not repeated.
        """
        planned = Planned(fn, args, kwargs, self._journal.limits)
        return self._journal.call(planned, self._retry)

    def sleep(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> Pending[None]:
        """Wait; nothing is kept in memory meanwhile."""
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return self._journal.sleep(moment_after(self.now, length))

    def sleep_until(self, when: datetime) -> Pending[None]:
        """Wait until `when`, an aware datetime."""
        if when.tzinfo is None:
            raise ArgumentError(f"ctx.sleep_until({when!r}) needs a datetime with a time zone")
        return self._journal.sleep(when.astimezone(UTC))

    def wait_for(self, event: str, *, timeout: timedelta | None = None) -> Pending[Any]:
        """Wait for what `ctx.workflows.send(id, event, value)` sends; its value. TimeoutError after `timeout`."""
        return self._journal.event(event, None if timeout is None else moment_after(self.now, timeout))

    @overload
    def gather(self, a: Pending[A], b: Pending[B], /) -> Awaitable[tuple[A, B]]: ...
    @overload
    def gather(self, a: Pending[A], b: Pending[B], c: Pending[C], /) -> Awaitable[tuple[A, B, C]]: ...
    @overload
    def gather(self, *pending: Pending[R]) -> Awaitable[tuple[R, ...]]: ...
    def gather(self, *pending: Pending[Any]) -> Awaitable[tuple[Any, ...]]:
        """Wait for all of them, which run side by side. The first failure is raised when all have ended."""
        return _All(pending)
