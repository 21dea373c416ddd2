"""How far running actions are."""

from __future__ import annotations

from datetime import datetime

from syncline.schema import Document, Index, private


class ActionProgress(Document, table="_progress"):
    """What an action said last with `ctx.progress`, for as long as it runs."""

    #: Stands for the run; clients do not know it.
    run: str
    function: str
    #: By which clients find it: chosen by the action, or the id of its job.
    key: str | None
    #: Who called, as `Identity.token_identifier`; None for nobody.
    caller: str | None
    fraction: float
    note: str
    updated_at: datetime

    access = private
    by_run = Index("run", unique=True)
    by_key = Index("key")
    by_caller = Index("caller", "function")
