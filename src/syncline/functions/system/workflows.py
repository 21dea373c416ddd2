"""What lets workflows go on, and what they can be watched by."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from syncline.functions import workflow_records as records
from syncline.functions.contexts import MutationCtx, QueryCtx
from syncline.functions.decorators import mutation, query
from syncline.functions.system_db import run_of, system_writer
from syncline.functions.workflows.replay import advance as advance_run
from syncline.schema import Id
from syncline.system import StepState, WorkflowRun, WorkflowState, WorkflowStep

_MOST_SHOWN = 1_000


class Step(TypedDict):
    """A step of a workflow: `name` is the function, the event or "sleep"."""

    name: str
    state: StepState
    attempt: int
    error: str | None
    completed_at: datetime | None


class Watched(TypedDict):
    """A run of a workflow, with all that it has asked for so far."""

    function: str
    state: WorkflowState
    steps: list[Step]
    result: Any
    error: str | None


@query(anonymous=True)
def watch(ctx: QueryCtx, id: Id[WorkflowRun]) -> Watched | None:
    """A run, for whoever has started it; for everybody who knows its id if nobody was signed in then."""
    db = ctx.db.unrestricted
    workflow = db.get(id)
    if workflow is None:
        return None
    identity = ctx.auth.identity
    caller = None if identity is None else identity.token_identifier
    if (
        workflow.owner not in (None, caller)
        and not run_of(ctx).caller.admin
        and not run_of(ctx).caller.backend
    ):
        return None
    found = db.query(WorkflowStep).index(WorkflowStep.by_workflow, workflow=id)
    return Watched(
        function=workflow.function,
        state=workflow.state,
        steps=[
            Step(
                name=step.name,
                state=step.state,
                attempt=step.attempt,
                error=step.error,
                completed_at=step.completed_at,
            )
            for step in found.take(_MOST_SHOWN)
        ],
        result=workflow.result,
        error=workflow.error,
    )


@query(internal=True, name="list")
def list_runs(ctx: QueryCtx, state: WorkflowState | None = None, limit: int = 100) -> list[WorkflowRun]:
    """The newest runs, the newest first."""
    runs = ctx.db.query(WorkflowRun)
    if state is not None:
        runs = runs.where(state=state)
    return runs.order("desc").take(min(limit, _MOST_SHOWN))


@mutation(internal=True)
def advance(ctx: MutationCtx, workflow: Id[WorkflowRun]) -> None:
    """Let a run go on as far as it can."""
    advance_run(run_of(ctx), system_writer(ctx), workflow)


@mutation(internal=True)
def wake(ctx: MutationCtx) -> None:
    """The time of a sleep, or of a wait for an event, is over. That this job has ended is all there is to it."""


@mutation(internal=True)
def send(ctx: MutationCtx, id: Id[WorkflowRun], event: str, value: Any = None) -> None:
    """Give a run an event."""
    records.send(system_writer(ctx), id, event, value, ctx.now)


@mutation(internal=True)
def cancel(ctx: MutationCtx, id: Id[WorkflowRun]) -> None:
    """Let a run not go on."""
    records.cancel(system_writer(ctx), id, ctx.now)


FUNCTIONS = (watch, list_runs, advance, wake, send, cancel)
