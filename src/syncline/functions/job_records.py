"""What is on record of scheduled functions: every change of a job's state is made here, in somebody's transaction.

Rules of this file: no change without a look at the state before it, so that whatever is asked twice happens once. A
cron's next run is made by the end of the one before it: two never run at a time, and none is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from syncline.database import SystemWriter
from syncline.kernel.errors import ArgumentError, DocumentError, LimitError
from syncline.kernel.limits import MiB
from syncline.schema import Id, body_of, lt
from syncline.system import CronJob, CronRun, JobState, MigrationRun, ScheduledJob
from syncline.values import InvalidValueError, Value

from . import workflow_records
from .crons import CronDeclaration
from .schedules import Schedule, parse_schedule

MIGRATION_STEP: Final = "_system/migrations:step"

#: A clock that is put back by less than this does not make crons run a second time.
_SMALL_STEP: Final = timedelta(hours=1)
_RUNS_KEPT: Final = 20
_AT_ONCE: Final = 250
_WORKFLOWS_AT_ONCE: Final = 5
_BYTES_AT_ONCE: Final = 2 * MiB
INTERRUPTED: Final = (
    "the server stopped while this action ran. Whatever it had done by then is done; it is not started again, since "
    "actions start at most once. Schedule it again if it may be repeated."
)


def take(db: SystemWriter, id: Id[ScheduledJob]) -> ScheduledJob | None:
    """The job if it is still to be run."""
    job = db.get(id)
    return job if job is not None and job.state == "pending" else None


def begin(db: SystemWriter, job: ScheduledJob, now: datetime) -> None:
    """An action is about to start."""
    db.patch(job, state="running", started_at=now)


def finish(
    db: SystemWriter,
    job: ScheduledJob,
    state: JobState,
    now: datetime,
    *,
    result: Value = None,
    error: str | None = None,
    data: Value = None,
    final: bool = False,
) -> None:
    """A job has ended. `data` is what an AppError carried; `final` are failures that are meant."""
    try:
        db.patch(job, state=state, completed_at=now, result=result, error=error)
    except (LimitError, DocumentError, InvalidValueError) as problem:
        error = f"its result was not kept: {problem}"
        result = None
        db.patch(job, state=state, completed_at=now, error=error)
    _continue_cron(db, job, state, error, now)
    ok = state == "success"
    if job.step is not None:
        text = error if ok or error is not None else state
        workflow_records.step_ended(
            db, job, ok, now, result=result, error=text, data=data, final=final or state == "cancelled"
        )
    elif job.function == workflow_records.ADVANCE and not ok:
        workflow_records.stuck(db, job, error or state, now)
    elif job.function == MIGRATION_STEP and not ok:
        migration = db.get(Id[MigrationRun](str(job.args["id"])))
        if migration is not None and migration.state == "running":
            db.patch(migration, state="failed", error=error or state, completed_at=now)


def finish_action(
    db: SystemWriter,
    id: Id[ScheduledJob],
    now: datetime,
    *,
    result: Value = None,
    error: str | None = None,
    note: str | None = None,
    data: Value = None,
    final: bool = False,
) -> None:
    """A scheduled action has ended. If it was cancelled meanwhile, it stays so."""
    job = db.get(id)
    if job is None:
        return
    if job.state == "running":
        state: JobState = "success" if error is None else "failed"
        finish(db, job, state, now, result=result, error=error or note, data=data, final=final)
    elif job.state == "cancelled":
        _continue_cron(db, job, "cancelled", error, now)


def postpone(db: SystemWriter, id: Id[ScheduledJob], until: datetime) -> None:
    """There was no room for an action that was about to start."""
    job = db.get(id)
    if job is not None and job.state == "running":
        db.patch(job, state="pending", started_at=None, scheduled_for=until)


def cancel(db: SystemWriter, id: Id[ScheduledJob], now: datetime) -> None:
    """Let a job not run. One that runs is marked, and stopped if it can be; one that has ended stays as it is."""
    if not id_of_a_job(db, id):
        raise ArgumentError(f"{id} is not the id of a scheduled function: after() and at() return those")
    job = db.get(id)
    if job is None or job.state not in ("pending", "running"):
        return
    if job.state == "pending":
        finish(db, job, "cancelled", now)
    else:
        # Its cron goes on when it has really ended: two runs shall not overlap.
        db.patch(job, state="cancelled", completed_at=now)


def id_of_a_job(db: SystemWriter, id: str) -> bool:
    """Whether the text is an id of the table of jobs."""
    return db.normalize_id(ScheduledJob, id) is not None


# Crons


def sync_crons(db: SystemWriter, declared: list[CronDeclaration], now: datetime) -> None:
    """Let the crons on record be those of the release."""
    known = {entry.function: entry for entry in db.query(CronJob)}
    for declaration in declared:
        entry = known.pop(declaration["function"], None)
        if entry is None:
            _add_cron(db, declaration, now)
        else:
            _update_cron(db, entry, declaration, now)
    for entry in known.values():
        db.delete(entry)
        _drop_pending(db, entry.job, now)


def run_cron(db: SystemWriter, function: str, now: datetime) -> Id[ScheduledJob]:
    """Let a cron's next run begin now."""
    entry = db.query(CronJob).where(function=function).unique()
    if entry is None:
        known = ", ".join(sorted(each.function for each in db.query(CronJob))) or "none"
        raise ArgumentError(f"{function} is not a cron of this application (its crons: {known})")
    job = db.get(entry.job)
    if job is None or job.state != "pending":
        raise ArgumentError(f"{function} is running already: wait until it has ended")
    if job.scheduled_for > now:
        db.patch(job, scheduled_for=now)
    return entry.job


def _add_cron(db: SystemWriter, declaration: CronDeclaration, now: datetime) -> None:
    schedule = parse_schedule(declaration["schedule"])
    job = _next_run(db, declaration, schedule.next(now, now))
    db.insert(
        CronJob(
            function=declaration["function"], schedule=declaration["schedule"], since=now, job=job, runs=[]
        )
    )


def _update_cron(db: SystemWriter, entry: CronJob, declaration: CronDeclaration, now: datetime) -> None:
    job = db.get(entry.job)
    same = entry.schedule == declaration["schedule"]
    since = entry.since if same else now
    if not same:
        db.patch(entry, schedule=declaration["schedule"], since=now)
    if job is not None and job.state == "running":
        return  # Its end looks at the new schedule.
    schedule = parse_schedule(declaration["schedule"])
    due = schedule.next(now, since)
    if job is None or job.state != "pending":
        db.patch(entry, job=_next_run(db, declaration, due))
    elif job.kind != declaration["kind"]:
        _drop_pending(db, entry.job, now)
        db.patch(entry, job=_next_run(db, declaration, due))
    elif not same or (job.scheduled_for > due and not _ran_lately(entry, now)):
        # Later than its schedule says: the clock was wrong when it was reckoned, and has been put back since.
        db.patch(job, scheduled_for=due)


def _ran_lately(entry: CronJob, now: datetime) -> bool:
    """Whether the newest run ended in the future, but not far in it: then the clock has made a small step back."""
    return bool(entry.runs) and now < entry.runs[0]["completed_at"] < now + _SMALL_STEP


def _continue_cron(
    db: SystemWriter, job: ScheduledJob, state: JobState, error: str | None, now: datetime
) -> None:
    if job.cron is None:
        return
    entry = db.query(CronJob).where(function=job.cron).unique()
    if entry is None or entry.job != job.id:
        return
    schedule: Schedule = parse_schedule(entry.schedule)
    step_back = job.scheduled_for - now
    # A run that was cancelled before its time is left out; one that has run does not come again after a step back.
    kept = state == "cancelled" or step_back < _SMALL_STEP
    after = max(now, job.scheduled_for) if kept else now
    declaration = CronDeclaration(function=entry.function, kind=job.kind, schedule=entry.schedule)
    run = CronRun(
        job=job.id,
        scheduled_for=job.scheduled_for,
        started_at=job.started_at,
        completed_at=now,
        state=state,
        error=error,
    )
    runs = [run, *entry.runs][:_RUNS_KEPT]
    db.patch(entry, job=_next_run(db, declaration, schedule.next(after, entry.since)), runs=runs)


def _next_run(db: SystemWriter, declaration: CronDeclaration, when: datetime) -> Id[ScheduledJob]:
    return db.insert(
        ScheduledJob(
            function=declaration["function"],
            args={},
            kind=declaration["kind"],
            state="pending",
            scheduled_for=when,
            cron=declaration["function"],
        )
    )


def _drop_pending(db: SystemWriter, id: Id[ScheduledJob], now: datetime) -> None:
    """The run that a cron would have had next, had it gone on."""
    job = take(db, id)
    if job is not None:
        db.patch(job, state="cancelled", completed_at=now)


# What is done for many at a time


def interrupt_running(db: SystemWriter, now: datetime) -> int:
    """Fail actions that were under way when the process before this one ended. Returns how many; ask until 0."""
    running = _some(db.query(ScheduledJob).index(ScheduledJob.by_state, state="running"))
    for job in running:
        finish(db, job, "failed", now, error=INTERRUPTED)
    return len(running)


def forget_ended(db: SystemWriter, before: datetime) -> int:
    """Remove jobs that ended before `before`. Returns how many; ask until 0."""
    ended = _some(db.query(ScheduledJob).index(ScheduledJob.by_completion, completed_at=lt(before)))
    for job in ended:
        db.delete(job)
    return len(ended) + workflow_records.forget_ended(db, before, _WORKFLOWS_AT_ONCE)


def _some(jobs: Iterable[ScheduledJob]) -> list[ScheduledJob]:
    """The first ones, as many as one transaction should change."""
    found: list[ScheduledJob] = []
    size = 0
    for job in jobs:
        found.append(job)
        size += len(body_of(job) or b"")
        if len(found) == _AT_ONCE or size > _BYTES_AT_ONCE:
            break
    return found
