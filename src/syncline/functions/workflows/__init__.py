"""Durable workflows, on the scheduler: a function that is run through again, and a journal of what it waited for."""

from .context import Pending, StepError, WorkflowCtx
from .declaring import Workflow, workflow
from .replay import ChangedWorkflowError

__all__ = ["ChangedWorkflowError", "Pending", "StepError", "Workflow", "WorkflowCtx", "workflow"]
