"""Imports and exports that a running server does, while they last and for a while afterwards."""

from __future__ import annotations

from typing import Literal

from syncline.schema import Document, private
from syncline.values import Int64

ImportState = Literal["uploaded", "waiting_for_confirmation", "in_progress", "completed", "failed"]
ExportState = Literal["requested", "in_progress", "completed", "failed"]


class ImportJob(Document, table="_imports"):
    """One import, from the end of its upload on."""

    file_format: str
    mode: str
    table: str | None
    state: ImportState
    #: What will be done, for people; and whether it deletes documents.
    summary: str = ""
    deletes: bool = False
    #: What is being done now.
    progress: str = ""
    added: int = 0
    #: Why it failed.
    error: str = ""

    access = private


class ExportJob(Document, table="_exports"):
    """One export. `start_ts` is the commit that it is the state after."""

    state: ExportState
    include_storage: bool
    start_ts: Int64 = Int64(0)
    complete_ts: Int64 = Int64(0)
    error: str = ""

    access = private
