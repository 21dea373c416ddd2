"""Running a workflow: through its function from the beginning, past everything that is on record, to what is not yet.

The function never waits in memory. Each time something that it waits for has ended it is run through again within a
mutation: what it asked for before is answered from the record, what it asks for newly is put on record and begun, and where it
must wait it is dropped. So a workflow survives whatever happens to the process, and a deployment; all it must do is ask for the
same things in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, cast

from syncline.database import SystemWriter
from syncline.functions import workflow_records as records
from syncline.functions.logs import Log
from syncline.functions.retry import Retry
from syncline.functions.scheduling import Planned
from syncline.kernel.errors import LimitError, SynclineError
from syncline.kernel.limits import Limits
from syncline.schema import Id
from syncline.system import ScheduledJob, WorkflowRun, WorkflowStep
from syncline.values import decode_json, encode_json

from .context import Pending, StepError, WorkflowCtx

if TYPE_CHECKING:
    from syncline.functions.registry import Registry
    from syncline.functions.run import TransactionRun

    from .declaring import Workflow


class _Suspended(BaseException):
    """The workflow waits: its clean-up must not ask for anything."""


class ChangedWorkflowError(SynclineError):
    """The code asks for something else than what is on record of a run that began under older code."""

    code = "workflow_changed"


class Journal:
    """What is on record of one run, as its function is run through."""

    def __init__(self, run: TransactionRun, db: SystemWriter, workflow: WorkflowRun) -> None:
        self._db = db
        self._run = run
        self._workflow = workflow
        self._steps = {step.number: step for step in records.steps(db, workflow.id)}
        self._next = 0
        self._events = list(workflow.events)
        self._suspended = False
        self.id: Id[WorkflowRun] = workflow.id
        self.limits: Limits = run.settings.limits
        self.log = Log(run)
        self.now: datetime = workflow.started_at
        self.random = Random(workflow.seed)  # noqa: S311 - the same each time, on purpose

    def ended(self, number: int) -> WorkflowStep | None:
        """The step if it has ended."""
        step = self._steps[number]
        if step.state == "pending":
            return None
        if step.completed_at is not None:
            self.now = max(self.now, step.completed_at)
        return step

    def suspend(self) -> None:
        """It waits from here on."""
        self._suspended = True

    @property
    def finished_asking(self) -> bool:
        """Whether all that is on record was asked for."""
        return self._next >= len(self._steps)

    def call(self, planned: Planned, retry: Retry | None) -> Pending[Any]:
        number = self._number("call", planned.path)
        if number not in self._steps:
            step = self._new(number, "call", planned.path, retry)
            self._begin(step, records.job_of(planned.path, planned.args, self._run.now, planned.kind))
        return Pending(self, number, self._decoder(planned.path))

    def sleep(self, until: datetime) -> Pending[None]:
        number = self._number("sleep", "sleep")
        if number not in self._steps:
            self._begin(self._new(number, "sleep", "sleep", None), records.job_of(records.WAKE, {}, until))
        return Pending(self, number, _nothing)

    def event(self, name: str, until: datetime | None) -> Pending[Any]:
        number = self._number("event", name)
        if number not in self._steps:
            step = self._new(number, "event", name, None)
            waiting = next((event for event in self._events if event["name"] == name), None)
            if waiting is not None:
                self._events.remove(waiting)
                self._db.patch(self._workflow.id, events=self._events)
                self._db.patch(step, state="success", result=waiting["value"], completed_at=self._run.now)
                self._steps[number] = self._db.require(step)
            elif until is not None:
                self._begin(step, records.job_of(records.WAKE, {}, until))
        return Pending(self, number, decode_json)

    def _number(self, kind: str, name: str) -> int:
        if self._suspended:
            raise _Suspended
        number, self._next = self._next, self._next + 1
        if number >= self.limits.workflow_steps:
            raise LimitError(
                f"workflow steps: {number:,} used, the limit is {self.limits.workflow_steps:,}. Let the workflow end and "
                "start the next one with what is left to do"
            )
        known = self._steps.get(number)
        if known is not None and (known.kind, known.name) != (kind, name):
            raise ChangedWorkflowError(
                f"the code of {self._workflow.function} has changed under a run of it: step {number} was {known.kind} "
                f"{known.name}, and now is {kind} {name}. Keep the order of steps for runs that are under way, or give "
                "the new code another name"
            )
        return number

    def _new(self, number: int, kind: Any, name: str, retry: Retry | None) -> Id[WorkflowStep]:
        policy = Retry(1) if retry is None else retry
        id = self._db.insert(
            WorkflowStep(
                workflow=self.id,
                number=number,
                kind=kind,
                name=name,
                state="pending",
                attempt=1,
                job=None,
                times=0 if retry is None else policy.times,
                first=policy.first,
                factor=policy.factor,
                longest=policy.longest,
            )
        )
        self._steps[number] = self._db.require(id)
        return id

    def _begin(self, step: Id[WorkflowStep], job: ScheduledJob) -> None:
        made = records.job_of(job.function, job.args, job.scheduled_for, job.kind, str(step))
        self._db.patch(step, job=self._db.insert(made))

    def _decoder(self, path: str) -> Callable[[bytes], Any]:
        definition = registry_of(self._run).get(path)
        return decode_json if definition is None else definition.result.decode


def _nothing(_: bytes) -> None:
    """What a sleep gives."""


def registry_of(run: TransactionRun) -> Registry:
    """The functions of the release that runs."""
    assert run.registry is not None
    return run.registry


def advance(run: TransactionRun, db: SystemWriter, id: Id[WorkflowRun]) -> None:
    """Let a run go on as far as it can."""
    workflow = db.get(id)
    if workflow is None or workflow.state != "running":
        return
    db.patch(workflow, awake=False)
    definition = registry_of(run).get(workflow.function)
    function = None if definition is None else definition.function
    if definition is None or not hasattr(function, "body"):
        text = f"{workflow.function} is gone: the code in force has no such workflow"
        records.end(db, workflow, "failed", run.now, error=text)
        return
    found = cast("Workflow[..., Any]", function)
    journal = Journal(run, db, db.require(id))
    try:
        arguments = definition.arguments.decode(encode_json(workflow.args))
        coroutine = found.body(WorkflowCtx(journal, found.retry), **arguments)
        result = _step(coroutine, journal)
    except Exception as error:
        message = str(error) if isinstance(error, StepError) else f"{type(error).__name__}: {error}"
        records.end(db, db.require(id), "failed", run.now, error=message)
        return
    if result is not None:
        records.end(
            db, db.require(id), "success", run.now, result=decode_json(found.encode_result(result[0]))
        )


def _step(coroutine: Coroutine[object, None, object], journal: Journal) -> tuple[object] | None:
    """Run it to its end, or to where it must wait (None)."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return (stop.value,)
    journal.suspend()
    with suppress(_Suspended, RuntimeError):
        coroutine.close()  # Its clean-up may ask for something, or want to wait: it is not its time yet.
    return None
