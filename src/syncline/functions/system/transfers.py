"""The records of imports and exports, as the server keeps them."""

from __future__ import annotations

from typing import Any, Final

from syncline.functions.contexts import MutationCtx
from syncline.functions.decorators import mutation
from syncline.functions.system_db import system_writer
from syncline.schema import Id
from syncline.system import ExportJob, ImportJob
from syncline.system.transfers import ExportState, ImportState
from syncline.values import Int64

#: Records of each kind that are kept.
_KEPT: Final = 20
_RESTARTED: Final = "the server was restarted; nothing was changed. Run it again"
_UNKNOWN: Final = "the server was restarted while it wrote: look whether the documents are there"


@mutation(internal=True)
def begin_import(ctx: MutationCtx, file_format: str, mode: str, table: str | None) -> Id[ImportJob]:
    """A file was uploaded."""
    db = system_writer(ctx)
    for old in db.query(ImportJob).order("desc").all()[_KEPT - 1 :]:
        db.delete(old)
    return db.insert(ImportJob(file_format=file_format, mode=mode, table=table, state="uploaded"))


@mutation(internal=True)
def change_import(
    ctx: MutationCtx,
    id: Id[ImportJob],
    expected: list[ImportState],
    state: ImportState,
    summary: str | None = None,
    deletes: bool | None = None,
    progress: str | None = None,
    added: int | None = None,
    error: str | None = None,
) -> bool:
    """Go on to a state, if the import is in an expected one; returns whether it was."""
    db = system_writer(ctx)
    found = db.get(id)
    if found is None or found.state not in expected:
        return False
    values: dict[str, Any] = {
        "summary": summary, "deletes": deletes, "progress": progress, "added": added, "error": error,
    }  # fmt: skip
    db.patch(found, state=state, **{name: value for name, value in values.items() if value is not None})
    return True


@mutation(internal=True)
def begin_export(ctx: MutationCtx, include_storage: bool) -> Id[ExportJob] | None:
    """An export was asked for; None while another one is not done."""
    db = system_writer(ctx)
    jobs = db.query(ExportJob).order("desc").all()
    if any(job.state in ("requested", "in_progress") for job in jobs):
        return None
    for old in jobs[_KEPT - 1 :]:
        db.delete(old)
    return db.insert(ExportJob(state="requested", include_storage=include_storage))


@mutation(internal=True)
def change_export(
    ctx: MutationCtx,
    id: Id[ExportJob],
    state: ExportState,
    start_ts: Int64 = Int64(0),
    complete_ts: Int64 = Int64(0),
    error: str = "",
) -> None:
    """Go on to a state."""
    system_writer(ctx).patch(id, state=state, start_ts=start_ts, complete_ts=complete_ts, error=error)


@mutation(internal=True)
def interrupted(ctx: MutationCtx) -> None:
    """Fail what an earlier process left behind."""
    db = system_writer(ctx)
    for job in db.query(ImportJob).all():
        if job.state not in ("completed", "failed"):
            db.patch(job, state="failed", error=_UNKNOWN if job.state == "in_progress" else _RESTARTED)
    for export in db.query(ExportJob).all():
        if export.state not in ("completed", "failed"):
            db.patch(export, state="failed", error=_RESTARTED)


FUNCTIONS = (begin_import, change_import, begin_export, change_export, interrupted)
