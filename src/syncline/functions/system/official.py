"""The queries that the official command line asks for, at the paths and in the form that it expects.

Names of arguments are on the wire as they are in Python, hence the camel case.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from syncline.functions.contexts import QueryCtx
from syncline.functions.decorators import Query, query
from syncline.functions.system_db import run_of, settings_of
from syncline.kernel.errors import ForbiddenError
from syncline.schema import Id, Page, PaginationOptions
from syncline.system import ExportJob, ImportJob
from syncline.values import Int64

from . import environment

_URL: Final = "CONVEX_CLOUD_URL"
#: System tables that whoever may look at the data may look at, too.
_OPEN: Final = frozenset({"_scheduled_functions", "_crons", "_storage", "_imports", "_exports"})


@query(internal=True)
def tables(ctx: QueryCtx, page: PaginationOptions) -> Page[Any]:
    """The tables of the application, all on one page."""
    names = sorted(table.name for table in run_of(ctx).catalog.application_tables)
    return Page([{"name": name} for name in names], True, "")


@query(internal=True)
def table_data(
    ctx: QueryCtx, table: str, page: PaginationOptions, order: Literal["asc", "desc"] = "desc"
) -> Page[Any]:
    """The documents of any table in the order of their creation, system tables included."""
    run = run_of(ctx)
    if run.caller.read_only and table.startswith("_") and table not in _OPEN:
        raise ForbiddenError(f"{table} holds secrets: reading it needs an admin key of the scope `admin`")
    found = run.catalog.by_name.get(table)
    if found is None:
        return Page([], True, "")  # As the command line expects: it says that there are no documents.
    return ctx.db.query(found.cls).order(order).paginate(page)


@query(internal=True)
def table_size(ctx: QueryCtx, tableName: str) -> int:
    """How many documents a table holds."""
    found = run_of(ctx).catalog.by_name.get(tableName)
    return 0 if found is None else ctx.db.query(found.cls).count()


@query(internal=True)
def variables(ctx: QueryCtx) -> list[dict[str, str]]:
    """The stored environment variables, by name."""
    found = ctx.run(environment.list_variables)
    return [{"name": name, "value": value} for name, value in sorted(found.items())]


@query(internal=True)
def variable(ctx: QueryCtx, name: str) -> dict[str, str] | None:
    """One stored environment variable."""
    value = ctx.run(environment.get, name=name)
    return None if value is None else {"name": name, "value": value}


@query(internal=True)
def cloud_url(ctx: QueryCtx) -> str:
    """Where clients reach this deployment, if it was told."""
    return settings_of(ctx).env.get(_URL, "")


@query(internal=True)
def latest_export(ctx: QueryCtx) -> dict[str, Any] | None:
    """The newest export."""
    job = ctx.db.query(ExportJob).order("desc").first()
    if job is None:
        return None
    shown: dict[str, Any] = {"_id": job.id, "state": job.state}
    if job.state == "completed":
        shown |= {
            "start_ts": job.start_ts,
            "complete_ts": job.complete_ts,
            "zip_object_key": str(job.start_ts),
        }
    return shown


@query(internal=True)
def imports(ctx: QueryCtx) -> list[dict[str, Any]]:
    """All imports on record, the newest first."""
    return [_shown(job) for job in ctx.db.query(ImportJob).order("desc")]


@query(internal=True)
def one_import(ctx: QueryCtx, importId: Id[ImportJob]) -> dict[str, Any] | None:
    """One import."""
    job = ctx.db.get(importId)
    return None if job is None else _shown(job)


def _shown(job: ImportJob) -> dict[str, Any]:
    state: dict[str, Any] = {"state": job.state}
    match job.state:
        case "waiting_for_confirmation":
            state |= {"message_to_confirm": job.summary, "require_manual_confirmation": job.deletes}
        case "in_progress":
            state |= {"progress_message": job.progress, "checkpoint_messages": list[str]()}
        case "uploaded":
            state |= {"progress_message": job.progress}
        case "completed":
            state |= {"num_rows_written": Int64(job.added), "timestamp": Int64(0)}
        case "failed":
            state |= {"error_message": job.error}
    return {
        "_id": job.id,
        "_creationTime": job.created_at.timestamp() * 1000,
        "format": {"format": job.file_format, "table": job.table},
        "mode": job.mode,
        "state": state,
    }


#: By the module and function that the command line names.
FUNCTIONS: Final[dict[str, Query[..., Any]]] = {
    "_system/cli/tables:default": tables,
    "_system/cli/tableData:default": table_data,
    "_system/cli/tableSize:default": table_size,
    "_system/cli/queryEnvironmentVariables:default": variables,
    "_system/cli/queryEnvironmentVariables:get": variable,
    "_system/cli/convexUrl:cloudUrl": cloud_url,
    "_system/cli/exports:getLatest": latest_export,
    "_system/cli/queryImport:default": one_import,
    "_system/cli/queryImport:list": imports,
}
