"""Scheduling on behalf of actions, and the bookkeeping of scheduled functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Literal

from syncline.database import DatabaseReader
from syncline.functions import job_records
from syncline.functions.contexts import MutationCtx, QueryCtx
from syncline.functions.crons import CronDeclaration
from syncline.functions.decorators import mutation, query
from syncline.functions.system_db import run_of, settings_of, system_writer
from syncline.schema import Document, Id, lt, lte
from syncline.system import ActionProgress, CronJob, JobState, PresenceEntry, RateBucket, ScheduledJob

MOST_SHOWN = 10_000
_FORGOTTEN_AT_ONCE = 1_000
_SWEPT_AT_ONCE = 500


@mutation(internal=True)
def schedule(
    ctx: MutationCtx,
    function: str,
    kind: Literal["mutation", "action"],
    args: dict[str, Any],
    when: datetime,
    parent: Id[ScheduledJob] | None = None,
) -> Id[ScheduledJob]:
    """What `ctx.scheduler` of an action asks for. `parent` is the job that the action itself is, if it is one."""
    db = system_writer(ctx)
    run = run_of(ctx)
    run.settings.pending_jobs.admit(run.transaction, run.catalog, run.settings.limits, run.scheduled[0])
    before = None if parent is None else db.get(parent)
    # An action that was cancelled may run on for a while, but it starts nothing any more.
    cancelled = before is not None and before.state == "cancelled"
    return db.insert(
        ScheduledJob(
            function=function,
            args=args,
            kind=kind,
            state="cancelled" if cancelled else "pending",
            scheduled_for=when,
            completed_at=ctx.now if cancelled else None,
        )
    )


@mutation(internal=True)
def cancel(ctx: MutationCtx, id: Id[ScheduledJob]) -> None:
    """Let a scheduled function not run."""
    job_records.cancel(system_writer(ctx), id, ctx.now)


@mutation(internal=True)
def postpone(ctx: MutationCtx, id: Id[ScheduledJob], seconds: float) -> None:
    """Put back an action for which there was no room."""
    job_records.postpone(system_writer(ctx), id, ctx.now + timedelta(seconds=seconds))


@mutation(internal=True)
def finish_action(
    ctx: MutationCtx,
    id: Id[ScheduledJob],
    result: Any = None,
    error: str | None = None,
    note: str | None = None,
    data: Any = None,
    final: bool = False,
) -> None:
    """A scheduled action has ended. `note` says why the result of a success is not here."""
    job_records.finish_action(
        system_writer(ctx), id, ctx.now, result=result, error=error, note=note, data=data, final=final
    )


@mutation(internal=True)
def interrupt_running(ctx: MutationCtx) -> int:
    """Fail actions that an earlier process left behind, some at a time, and forget how far any were. Returns how many."""
    db = system_writer(ctx)
    told = db.query(ActionProgress).take(_FORGOTTEN_AT_ONCE)
    for item in told:
        db.delete(item)
    return len(told) + job_records.interrupt_running(db, ctx.now)


@mutation(internal=True)
def forget_ended(ctx: MutationCtx) -> int:
    """Remove old jobs and workflows, full buckets and those who have left, some at a time. Returns how many."""
    kept = timedelta(seconds=settings_of(ctx).limits.scheduled_kept_seconds)
    db, now = system_writer(ctx), ctx.now
    full = db.query(RateBucket).index(RateBucket.by_full, full_at=lt(now)).take(_FORGOTTEN_AT_ONCE)
    gone = db.query(PresenceEntry).index(PresenceEntry.by_expiry, expires_at=lt(now)).take(_FORGOTTEN_AT_ONCE)
    for item in (*full, *gone):
        db.delete(item)
    return len(full) + len(gone) + job_records.forget_ended(db, now - kept)


@mutation(internal=True)
def sweep_expired(ctx: MutationCtx) -> int:
    """Delete documents whose time to live is over, some at a time. Returns how many."""
    run = run_of(ctx)
    db, count = ctx.db.unrestricted, 0
    for table in run.catalog.application_tables:
        ttl = table.cls.__definition__.ttl
        if ttl is not None:
            for document in expired(db, table.cls, ttl, ctx.now, _SWEPT_AT_ONCE - count):
                db.delete(document)
                count += 1
    return count


@mutation(internal=True)
def sync_crons(ctx: MutationCtx, declared: list[CronDeclaration]) -> None:
    """Let the crons on record be those of the release."""
    job_records.sync_crons(system_writer(ctx), declared, ctx.now)


@mutation(internal=True)
def run_cron(ctx: MutationCtx, function: str) -> Id[ScheduledJob]:
    """Let a cron's next run begin now."""
    return job_records.run_cron(system_writer(ctx), function, ctx.now)


@query(internal=True)
def get(ctx: QueryCtx, id: Id[ScheduledJob]) -> ScheduledJob | None:
    """One job."""
    return ctx.db.get(id)


@query(name="list", internal=True)
def list_jobs(
    ctx: QueryCtx, state: JobState | None = None, function: str | None = None, limit: int = 100
) -> list[ScheduledJob]:
    """The newest jobs, the newest first."""
    jobs = ctx.db.query(ScheduledJob)
    if state is not None:
        jobs = jobs.where(state=state)
    if function is not None:
        jobs = jobs.where(function=function)
    found = jobs.order("desc").take(min(limit, MOST_SHOWN))
    return sorted(found, key=lambda job: job.scheduled_for, reverse=True)


@query(internal=True)
def crons(ctx: QueryCtx) -> list[CronJob]:
    """The crons with their last runs, by function."""
    return ctx.db.query(CronJob).index(CronJob.by_function).all()


@query(internal=True)
def next_runs(ctx: QueryCtx) -> dict[str, ScheduledJob | None]:
    """Of each cron, its next run or the one under way."""
    return {entry.function: ctx.db.get(entry.job) for entry in ctx.db.query(CronJob)}


def expired(
    db: DatabaseReader, cls: type[Document], ttl: timedelta | str, now: datetime, most: int
) -> list[Document]:
    """The first documents of a table whose time is over."""
    found = db.query(cls)
    if isinstance(ttl, str):
        index = next(item for item in cls.__definition__.indexes if item.fields[0] == ttl)
        return found.index(index, **{ttl: lte(now)}).take(most)
    # By creation, so that the first one that may stay is the last one that is looked at.
    return list(takewhile(lambda document: document.created_at <= now - ttl, islice(found, most)))


FUNCTIONS = (
    sweep_expired,
    schedule,
    cancel,
    postpone,
    finish_action,
    interrupt_running,
    forget_ended,
    sync_crons,
    run_cron,
    get,
    list_jobs,
    crons,
    next_runs,
)
