"""Functions of applications: declaring, loading and running them."""

from .actions import ActionRunner
from .app import App
from .calls import ActionCall, EngineListener, MutationCall, QueryJob, QueryResult
from .contexts import ActionCtx, MutationCtx, QueryCtx, SyncActionCtx
from .deadline import WATCHDOG, Deadline, DeadlineInterrupt
from .decorators import Action, Function, Mutation, Query, SyncAction, action, mutation, query
from .definitions import FunctionDefinition, define
from .failures import make_failure, new_request_id, request_id_for
from .invoke import invoke
from .kinds import Kind
from .loader import Release, load_application
from .outcomes import ErrorFacts, Failure, Frame, Outcome, Success
from .registry import Registry
from .run import Auth, Execution, RunSettings, TransactionRun
from .variables import Environment, StoredVariables

__all__ = [
    "WATCHDOG",
    "Action",
    "ActionCall",
    "ActionCtx",
    "ActionRunner",
    "App",
    "Auth",
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
    "RunSettings",
    "StoredVariables",
    "Success",
    "SyncAction",
    "SyncActionCtx",
    "TransactionRun",
    "action",
    "define",
    "invoke",
    "load_application",
    "make_failure",
    "mutation",
    "new_request_id",
    "query",
    "request_id_for",
]
