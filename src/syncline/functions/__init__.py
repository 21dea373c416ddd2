"""Functions of applications: declaring, loading and running them."""

from .action_scheduling import ActionScheduler, SyncActionScheduler
from .actions import ActionRunner
from .app import App
from .calls import ActionCall, EngineListener, MutationCall, QueryJob, QueryResult
from .contexts import ActionCtx, MutationCtx, QueryCtx, SyncActionCtx
from .crons import cron, every
from .deadline import WATCHDOG, Deadline, DeadlineInterrupt
from .decorators import Action, Function, Mutation, Query, SyncAction, action, mutation, query
from .definitions import FunctionDefinition, define
from .failures import make_failure, new_request_id, request_id_for
from .invoke import invoke
from .kinds import Kind
from .loader import Release, load_application
from .log_book import LogBook, LogEntry
from .migrations import Migration, migration
from .outcomes import ErrorFacts, Failure, Frame, Outcome, Success
from .registry import Registry
from .retry import Retry
from .run import Auth, Execution, RunSettings, TransactionRun
from .scheduling import Scheduler
from .triggers import Change, on_change
from .variables import Environment, StoredVariables
from .workflow_handle import Workflows
from .workflows import StepError, Workflow, WorkflowCtx, workflow

__all__ = [
    "WATCHDOG",
    "Action",
    "ActionCall",
    "ActionCtx",
    "ActionRunner",
    "ActionScheduler",
    "App",
    "Auth",
    "Change",
    "Deadline",
    "DeadlineInterrupt",
    "EngineListener",
    "Environment",
    "ErrorFacts",
    "Execution",
    "Failure",
    "Frame",
    "Function",
    "FunctionDefinition",
    "Kind",
    "LogBook",
    "LogEntry",
    "Migration",
    "Mutation",
    "MutationCall",
    "MutationCtx",
    "Outcome",
    "Query",
    "QueryCtx",
    "QueryJob",
    "QueryResult",
    "Registry",
    "Release",
    "Retry",
    "RunSettings",
    "Scheduler",
    "StepError",
    "StoredVariables",
    "Success",
    "SyncAction",
    "SyncActionCtx",
    "SyncActionScheduler",
    "TransactionRun",
    "Workflow",
    "WorkflowCtx",
    "Workflows",
    "action",
    "cron",
    "define",
    "every",
    "invoke",
    "load_application",
    "make_failure",
    "migration",
    "mutation",
    "new_request_id",
    "on_change",
    "query",
    "request_id_for",
    "workflow",
]
