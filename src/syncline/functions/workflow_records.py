"""What is on record of workflows: every change of a run or a step is made here, in somebody's transaction.

A step is a job like any other. The job's end and the step's are one transaction, and so is the job that lets the workflow
go on: whatever moment a process ends in, each step has been done and noted, or neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from syncline.database import SystemWriter
from syncline.kernel.errors import ArgumentError, LimitError, NotFoundError
from syncline.schema import Id, lt
from syncline.system import ScheduledJob, WorkflowEvent, WorkflowRun, WorkflowState, WorkflowStep

from .retry import Retry

ADVANCE: Final = "_system/workflows:advance"
WAKE: Final = "_system/workflows:wake"
_EVENTS_KEPT: Final = 1_000


def start(
    db: SystemWriter, function: str, args: dict[str, Any], owner: str | None, seed: str, now: datetime
) -> Id[WorkflowRun]:
    """Begin a run: its first part follows at once, as a job."""
    id = db.insert(
        WorkflowRun(
            function=function,
            args=args,
            owner=owner,
            seed=seed,
            started_at=now,
            state="running",
            awake=True,
            events=[],
        )
    )
    db.insert(job_of(ADVANCE, {"workflow": str(id)}, now))
    return id


def wake(db: SystemWriter, workflow: WorkflowRun, now: datetime) -> None:
    """Let a run go on."""
    if workflow.state == "running" and not workflow.awake:
        db.patch(workflow, awake=True)
        db.insert(job_of(ADVANCE, {"workflow": str(workflow.id)}, now))


def step_ended(
    db: SystemWriter,
    job: ScheduledJob,
    ok: bool,
    now: datetime,
    *,
    result: Any,
    error: str | None,
    data: Any,
    final: bool,
) -> None:
    """The job of a step has ended. `final`: a failure that is meant, and not to be repeated."""
    assert job.step is not None
    step = db.get(Id[WorkflowStep](job.step))
    if step is None or step.state != "pending" or step.job != job.id:
        return
    if not ok and not final and step.kind == "call" and step.attempt <= step.times:
        retry = Retry(step.times, step.first, step.factor, step.longest)
        pause = timedelta(seconds=retry.pause(step.attempt, Random(str(step.id))))  # noqa: S311 - a jitter
        again = db.insert(job_of(job.function, job.args, now + pause, job.kind, job.step))
        db.patch(step, job=again, attempt=step.attempt + 1, error=error)
        return
    if step.kind == "event":
        ok, error = False, "timeout"
    db.patch(
        step,
        state="success" if ok else "failed",
        result=result,
        error=None if ok else error,
        data=data,
        completed_at=now,
    )
    workflow = db.get(step.workflow)
    if workflow is not None:
        wake(db, workflow, now)


def stuck(db: SystemWriter, job: ScheduledJob, error: str, now: datetime) -> None:
    """The job that was to let a run go on has failed."""
    workflow = db.get(Id[WorkflowRun](str(job.args["workflow"])))
    if workflow is not None and workflow.state == "running":
        end(db, workflow, "failed", now, error=error)


def send(db: SystemWriter, id: Id[WorkflowRun], name: str, value: Any, now: datetime) -> None:
    """Give a run an event: to the oldest step that waits for it, or to the next one that will."""
    workflow = find(db, id)
    if workflow.state != "running":
        raise ArgumentError(f"the workflow {id} has ended ({workflow.state}): no event reaches it any more")
    for step in steps(db, id):
        if step.kind == "event" and step.state == "pending" and step.name == name:
            db.patch(step, state="success", result=value, completed_at=now)
            drop_job(db, step, now)
            wake(db, workflow, now)
            return
    if len(workflow.events) >= _EVENTS_KEPT:
        raise LimitError(
            f"workflow events: {len(workflow.events):,} wait for the workflow {id}, and it takes none of them"
        )
    db.patch(workflow, events=[*workflow.events, WorkflowEvent(name=name, value=value)])


def end(
    db: SystemWriter,
    workflow: WorkflowRun,
    state: WorkflowState,
    now: datetime,
    *,
    result: Any = None,
    error: str | None = None,
) -> None:
    """A run has ended: what it still waits for is called off."""
    for step in steps(db, workflow.id):
        if step.state == "pending":
            drop_job(db, step, now)
            db.patch(step, state="cancelled", completed_at=now)
    db.patch(workflow, state=state, awake=False, events=[], result=result, error=error, completed_at=now)


def cancel(db: SystemWriter, id: Id[WorkflowRun], now: datetime) -> None:
    """Let a run not go on; one that has ended stays as it is."""
    workflow = find(db, id)
    if workflow.state == "running":
        end(db, workflow, "cancelled", now)


def find(db: SystemWriter, id: Id[WorkflowRun]) -> WorkflowRun:
    """The run, or NotFoundError."""
    if db.normalize_id(WorkflowRun, id) is None:
        raise ArgumentError(f"{id} is not the id of a workflow: starting one returns it")
    found = db.get(id)
    if found is None:
        raise NotFoundError(f"there is no workflow {id}; runs are forgotten a week after their end")
    return found


def steps(db: SystemWriter, id: Id[WorkflowRun]) -> list[WorkflowStep]:
    """The steps of a run, in their order."""
    return db.query(WorkflowStep).index(WorkflowStep.by_workflow, workflow=id).all()


def drop_job(db: SystemWriter, step: WorkflowStep, now: datetime) -> None:
    """The job of a step is not needed any more."""
    job = None if step.job is None else db.get(step.job)
    if job is not None and job.state in ("pending", "running"):
        db.patch(job, state="cancelled", completed_at=now)


def job_of(
    function: str,
    args: dict[str, Any],
    when: datetime,
    kind: Any = "mutation",
    step: str | None = None,
) -> ScheduledJob:
    return ScheduledJob(
        function=function, args=args, kind=kind, state="pending", scheduled_for=when, step=step
    )


def forget_ended(db: SystemWriter, before: datetime, most: int) -> int:
    """Remove runs that ended before `before`, with their steps. Returns how many; ask until 0."""
    ended: Iterable[WorkflowRun] = (
        db.query(WorkflowRun).index(WorkflowRun.by_completion, completed_at=lt(before)).take(most)
    )
    count = 0
    for workflow in ended:
        for step in steps(db, workflow.id):
            db.delete(step)
        db.delete(workflow)
        count += 1
    return count
