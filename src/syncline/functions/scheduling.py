"""`ctx.scheduler`: calls of functions at a later time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeAlias, TypeVar, cast

from syncline.database import SystemWriter
from syncline.kernel.errors import ArgumentError, LimitError
from syncline.kernel.limits import Limits
from syncline.schema import Id
from syncline.system import ScheduledJob
from syncline.values import Value, decode_json

from . import job_records
from .decorators import Action, Function, Mutation, SyncAction
from .definitions import FunctionDefinition, arguments_by_name, define
from .kinds import Kind

if TYPE_CHECKING:
    from .run import TransactionRun

P = ParamSpec("P")
R = TypeVar("R")

#: What can be scheduled.
Target: TypeAlias = Mutation[P, R] | Action[P, R] | SyncAction[P, R]

_HORIZON: Final = timedelta(days=5 * 366)


class Planned:
    """A call that is to be made later, checked as far as that goes now."""

    __slots__ = ("args", "kind", "path", "size")

    def __init__(self, fn: object, args: tuple[object, ...], kwargs: dict[str, Any], limits: Limits) -> None:
        """Raises TypeError for what cannot be scheduled, ArgumentError for arguments that do not fit."""
        definition = schedulable(fn)
        codec = definition.arguments
        raw = codec.encode(codec.check(arguments_by_name(definition, args, kwargs)))
        self.path = definition.path
        self.kind = "action" if definition.kind is Kind.ACTION else "mutation"
        self.size = len(raw)
        if self.size > limits.scheduled_argument_bytes:
            raise LimitError(
                f"scheduled argument bytes: the arguments of {self.path} have {self.size:,}, the limit is "
                f"{limits.scheduled_argument_bytes:,}. Store what is large in a document and schedule with its id"
            )
        self.args = cast("dict[str, Value]", decode_json(raw))


class Scheduler:
    """`ctx.scheduler` of a mutation. What is scheduled is part of the transaction, and undone with it.

    A scheduled mutation runs exactly once, a scheduled action at most once, with nobody signed in. `ctx.db` reads what
    becomes of it: a `ScheduledJob`, which is kept for a week after its end.
    """

    __slots__ = ("_run",)

    def __init__(self, run: TransactionRun) -> None:
        self._run = run

    def after(
        self, delay: float | timedelta, fn: Target[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Id[ScheduledJob]:
        """Call `fn` once `delay` (seconds or a timedelta) has passed since this transaction. Returns the job's id."""
        return self._schedule(moment_after(self._run.now, delay), fn, args, kwargs)

    def at(self, when: datetime, fn: Target[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Id[ScheduledJob]:
        """Call `fn` at `when`, an aware datetime; one that has passed means as soon as possible."""
        return self._schedule(checked_moment(self._run.now, when), fn, args, kwargs)

    def cancel(self, id: Id[ScheduledJob]) -> None:
        """Let a scheduled call not happen.

        An action that runs already is stopped if it can be; a call that has ended, or been forgotten, stays as it is.
        """
        run = self._run
        if run.job is not None and id == run.job:
            raise ArgumentError(
                f"{run.definition.path} cannot cancel itself: it is running, and its transaction is its end. Return, or raise"
            )
        job_records.cancel(SystemWriter(run.transaction, run.catalog), id, run.now)

    @property
    def job(self) -> Id[ScheduledJob] | None:
        """The job that this run is; None for a call by a client or another function."""
        return self._run.job

    def _schedule(
        self, when: datetime, fn: object, args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> Id[ScheduledJob]:
        run = self._run
        planned = Planned(fn, args, kwargs, run.settings.limits)
        return record(run, planned, when)


def record(run: TransactionRun, planned: Planned, when: datetime) -> Id[ScheduledJob]:
    """Store a planned call within a mutation. Raises LimitError when the mutation has scheduled too much, or too many wait."""
    limits = run.settings.limits
    count, size = run.scheduled
    count, size = count + 1, size + planned.size
    if count > limits.scheduled_functions:
        raise LimitError(
            f"scheduled functions: {count:,} scheduled by one mutation, the limit is {limits.scheduled_functions:,}. "
            "Let one scheduled mutation do, or schedule, a part of the work and then schedule itself for the rest"
        )
    if size > limits.scheduled_bytes:
        raise LimitError(
            f"scheduled bytes: the arguments of all calls that one mutation scheduled have {size:,}, the limit is "
            f"{limits.scheduled_bytes:,}. Store what is large in documents and schedule with their ids"
        )
    run.settings.pending_jobs.admit(run.transaction, run.catalog, limits, count - 1)
    run.scheduled = count, size
    return SystemWriter(run.transaction, run.catalog).insert(
        ScheduledJob(
            function=planned.path,
            args=planned.args,
            kind="action" if planned.kind == "action" else "mutation",
            state="pending",
            scheduled_for=when,
        )
    )


def schedulable(fn: object) -> FunctionDefinition:
    """The definition of a mutation or action. TypeError for anything else."""
    if not isinstance(fn, Mutation | Action | SyncAction):
        what = f"{fn.__name__} is a query" if isinstance(fn, Function) else f"got {fn!r}"
        raise TypeError(f"ctx.scheduler runs mutations and actions, by the decorated function; {what}")
    found = cast("Function[..., Any]", fn)
    return found.definition or define(found)


def moment_after(now: datetime, delay: float | timedelta) -> datetime:
    """`now` and `delay`. Raises ArgumentError for a delay that is negative, or is none."""
    try:
        length = delay if isinstance(delay, timedelta) else timedelta(seconds=delay)
        if length < timedelta(0):
            raise ValueError("it is negative")
        if length > _HORIZON:
            raise ValueError("it is longer than five years")
    except (ValueError, OverflowError, TypeError) as error:
        raise ArgumentError(f"ctx.scheduler.after({delay!r}, ...): not a delay in seconds: {error}") from None
    return now + length


def checked_moment(now: datetime, when: datetime) -> datetime:
    """`when` in UTC. Raises ArgumentError if it has no time zone or is too far away."""
    if not isinstance(cast("object", when), datetime) or when.tzinfo is None:
        raise ArgumentError(
            f"ctx.scheduler.at({when!r}, ...) needs a datetime with a time zone: ctx.now + timedelta(hours=1), or "
            "datetime(..., tzinfo=UTC)"
        )
    if abs(when - now) > _HORIZON:
        raise ArgumentError(f"ctx.scheduler.at({when.isoformat()}, ...) is more than five years away")
    return when.astimezone(UTC)
