"""Syncline: a transactional document database, typed Python functions and live results, in one package.

Everything that applications use is here; see the documentation for what each name means.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncline.database import blend
    from syncline.functions import (
        ActionCtx,
        App,
        Change,
        MutationCtx,
        QueryCtx,
        Retry,
        StepError,
        SyncActionCtx,
        WorkflowCtx,
        action,
        cron,
        every,
        migration,
        mutation,
        on_change,
        query,
        workflow,
    )
    from syncline.functions.routes import Cors
    from syncline.helpers import Presence, Present, RateLimit, RateStatus
    from syncline.http import SyncRequest, context, route, sync_context
    from syncline.kernel.errors import (
        AppError,
        ArgumentError,
        DocumentError,
        ForbiddenError,
        LimitError,
        NotFoundError,
        OverloadedError,
        RateLimitError,
        RefusedAddressError,
        SideEffectError,
        SynclineError,
        UnauthenticatedError,
        UniqueError,
    )
    from syncline.kernel.identity import Identity
    from syncline.schema import (
        UNSET,
        Aggregate,
        Document,
        Id,
        Index,
        Page,
        PaginationOptions,
        Rules,
        SearchIndex,
        VectorIndex,
        between,
        contains,
        gt,
        gte,
        lt,
        lte,
        members,
        owned_by,
        private,
        public_read,
    )
    from syncline.system import (
        CronJob,
        Organization,
        OrganizationMember,
        ScheduledJob,
        StoredFile,
        UserProfile,
        WorkflowRun,
    )
    from syncline.text import highlight
    from syncline.values import Int64

__version__ = "0.1.0"

__all__ = [
    "UNSET",
    "ActionCtx",
    "Aggregate",
    "App",
    "AppError",
    "ArgumentError",
    "Change",
    "Cors",
    "CronJob",
    "Document",
    "DocumentError",
    "ForbiddenError",
    "Id",
    "Identity",
    "Index",
    "Int64",
    "LimitError",
    "MutationCtx",
    "NotFoundError",
    "Organization",
    "OrganizationMember",
    "OverloadedError",
    "Page",
    "PaginationOptions",
    "Presence",
    "Present",
    "QueryCtx",
    "RateLimit",
    "RateLimitError",
    "RateStatus",
    "RefusedAddressError",
    "Retry",
    "Rules",
    "ScheduledJob",
    "SearchIndex",
    "SideEffectError",
    "StepError",
    "StoredFile",
    "SyncActionCtx",
    "SyncRequest",
    "SynclineError",
    "UnauthenticatedError",
    "UniqueError",
    "UserProfile",
    "VectorIndex",
    "WorkflowCtx",
    "WorkflowRun",
    "action",
    "between",
    "blend",
    "contains",
    "context",
    "cron",
    "every",
    "gt",
    "gte",
    "highlight",
    "lt",
    "lte",
    "members",
    "migration",
    "mutation",
    "on_change",
    "owned_by",
    "private",
    "public_read",
    "query",
    "route",
    "sync_context",
    "workflow",
]

# Imported when first used: `syncline --help` must not wait for the database.
_HOMES = {
    "syncline.database": "blend",
    "syncline.functions": (
        "ActionCtx App Change MutationCtx QueryCtx Retry StepError SyncActionCtx WorkflowCtx action cron every migration mutation on_change query workflow"
    ),
    "syncline.functions.routes": "Cors",
    "syncline.http": "SyncRequest context route sync_context",
    "syncline.helpers": "Presence Present RateLimit RateStatus",
    "syncline.kernel.errors": (
        "AppError ArgumentError DocumentError ForbiddenError LimitError NotFoundError OverloadedError RateLimitError RefusedAddressError "
        "SideEffectError SynclineError UnauthenticatedError UniqueError"
    ),
    "syncline.kernel.identity": "Identity",
    "syncline.schema": (
        "UNSET Aggregate Document Id Index Page PaginationOptions Rules SearchIndex VectorIndex between contains gt gte "
        "lt lte members owned_by private public_read"
    ),
    "syncline.system": "StoredFile CronJob Organization OrganizationMember ScheduledJob UserProfile WorkflowRun",
    "syncline.text": "highlight",
    "syncline.values": "Int64",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'syncline' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
