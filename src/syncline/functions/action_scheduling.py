"""`ctx.scheduler` of actions: the same as in mutations, each call a transaction of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from syncline.schema import Id
from syncline.system import ScheduledJob

from .scheduling import Planned, Target, checked_moment, moment_after

if TYPE_CHECKING:
    from .action_run import ActionRun

P = ParamSpec("P")
R = TypeVar("R")

_SCHEDULE = "_system/jobs:schedule"
_CANCEL = "_system/jobs:cancel"


class _Base:
    __slots__ = ("_run",)

    def __init__(self, run: ActionRun) -> None:
        self._run = run

    @property
    def job(self) -> Id[ScheduledJob] | None:
        """The job that this run is; None for a call by a client or another function."""
        return self._run.job

    def _after(
        self, delay: float | timedelta, fn: object, args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> dict[str, object]:
        return self._values(moment_after(self._run.now(), delay), fn, args, kwargs)

    def _at(
        self, when: datetime, fn: object, args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> dict[str, object]:
        return self._values(checked_moment(self._run.now(), when), fn, args, kwargs)

    def _values(
        self, when: datetime, fn: object, args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> dict[str, object]:
        planned = Planned(fn, args, kwargs, self._run.settings.limits)
        return {
            "function": planned.path,
            "kind": planned.kind,
            "args": planned.args,
            "when": when,
            "parent": self._run.job,
        }


class ActionScheduler(_Base):
    """`ctx.scheduler` of an `async def` action: what is scheduled stays, whatever becomes of the action."""

    __slots__ = ()

    async def after(
        self, delay: float | timedelta, fn: Target[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Id[ScheduledJob]:
        """Call `fn` in `delay` seconds (or a timedelta). Returns the job's id once it is stored."""
        return cast(
            "Id[ScheduledJob]", await self._run.system(_SCHEDULE, self._after(delay, fn, args, kwargs))
        )

    async def at(
        self, when: datetime, fn: Target[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Id[ScheduledJob]:
        """Call `fn` at `when`, an aware datetime; one that has passed means as soon as possible."""
        return cast("Id[ScheduledJob]", await self._run.system(_SCHEDULE, self._at(when, fn, args, kwargs)))

    async def cancel(self, id: Id[ScheduledJob]) -> None:
        """Let a scheduled call not happen; see `Scheduler.cancel`."""
        await self._run.system(_CANCEL, {"id": id})


class SyncActionScheduler(_Base):
    """`ctx.scheduler` of a `def` action: what is scheduled stays, whatever becomes of the action."""

    __slots__ = ()

    def after(
        self, delay: float | timedelta, fn: Target[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Id[ScheduledJob]:
        """Call `fn` in `delay` seconds (or a timedelta). Returns the job's id once it is stored."""
        return cast(
            "Id[ScheduledJob]", self._run.system_and_wait(_SCHEDULE, self._after(delay, fn, args, kwargs))
        )

    def at(self, when: datetime, fn: Target[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Id[ScheduledJob]:
        """Call `fn` at `when`, an aware datetime; one that has passed means as soon as possible."""
        return cast(
            "Id[ScheduledJob]", self._run.system_and_wait(_SCHEDULE, self._at(when, fn, args, kwargs))
        )

    def cancel(self, id: Id[ScheduledJob]) -> None:
        """Let a scheduled call not happen; see `Scheduler.cancel`."""
        self._run.system_and_wait(_CANCEL, {"id": id})
