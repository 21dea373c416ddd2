"""`ctx.workflows` of mutations: what can be done with a run that is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.database import SystemWriter
from syncline.schema import Id
from syncline.system import WorkflowRun

from . import workflow_records as records

if TYPE_CHECKING:
    from .run import TransactionRun


class Workflows:
    """Events for workflows, and ending them: parts of the transaction."""

    __slots__ = ("_run",)

    def __init__(self, run: TransactionRun) -> None:
        self._run = run

    def send(self, id: Id[WorkflowRun], event: str, value: Any = None) -> None:
        """Give a run what `ctx.wait_for(event)` of it waits for, now or later. ArgumentError if it has ended."""
        run = self._run
        records.send(SystemWriter(run.transaction, run.catalog), id, event, value, run.now)

    def cancel(self, id: Id[WorkflowRun]) -> None:
        """Let a run not go on: no step of it begins any more. One that has ended stays as it is."""
        run = self._run
        records.cancel(SystemWriter(run.transaction, run.catalog), id, run.now)
