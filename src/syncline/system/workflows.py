"""Workflows and what has become of their steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict

from syncline.schema import Document, Id, Index, private

from .jobs import ScheduledJob

WorkflowState = Literal["running", "success", "failed", "cancelled"]
StepKind = Literal["call", "sleep", "event"]
StepState = Literal["pending", "success", "failed", "cancelled"]


class WorkflowEvent(TypedDict):
    """Something that was sent to a workflow, and has not been waited for yet."""

    name: str
    value: Any


class WorkflowRun(Document, table="_workflows"):
    """One run of a workflow, from its start to a week after its end."""

    #: The path of its function.
    function: str
    args: dict[str, Any]
    #: Who started it, as `Identity.token_identifier`.
    owner: str | None
    #: What its chance is made of.
    seed: str
    started_at: datetime
    state: WorkflowState
    #: Whether it is to go on: a job that does so waits.
    awake: bool
    events: list[WorkflowEvent]
    result: Any = None
    error: str | None = None
    completed_at: datetime | None = None

    access = private
    by_state = Index("state")
    by_completion = Index("completed_at")


class WorkflowStep(Document, table="_workflow_steps"):
    """One thing that a workflow waits for, or has waited for: a call, a sleep or an event."""

    workflow: Id[WorkflowRun]
    #: Counted from 0, in the order in which the workflow asked.
    number: int
    kind: StepKind
    #: The path of the function, or the name of the event.
    name: str
    state: StepState
    attempt: int
    #: The job that runs it, or wakes the workflow.
    job: Id[ScheduledJob] | None
    result: Any = None
    error: str | None = None
    #: What an AppError carried.
    data: Any = None
    completed_at: datetime | None = None
    #: Attempts after the first one, and the pauses before them: see `Retry`.
    times: int = 0
    first: float = 1.0
    factor: float = 2.0
    longest: float = 60.0

    access = private
    by_workflow = Index("workflow", "number", unique=True)
