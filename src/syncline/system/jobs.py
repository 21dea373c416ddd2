"""Functions that are to run later, and those that run again and again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict

from syncline.schema import Document, Id, Index, private

JobKind = Literal["mutation", "action"]
JobState = Literal["pending", "running", "success", "failed", "cancelled"]


class ScheduledJob(Document, table="_scheduled_functions"):
    """One call of a function at a time of its own: before it, during it, and for a week after it.

    Mutations go from `pending` to their end in the transaction of their effects; only actions are ever `running`.
    """

    #: Its path: "messages:send".
    function: str
    args: dict[str, Any]
    kind: JobKind
    state: JobState
    scheduled_for: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    #: What the function returned, if it is not too large to be kept.
    result: Any = None
    #: What it failed with, or why nothing else is known of its end.
    error: str | None = None
    #: The cron that it belongs to, by the path of its function.
    cron: str | None = None
    #: The step of a workflow that it is, by its id.
    step: str | None = None

    access = private
    by_state = Index("state", "kind", "scheduled_for")
    by_completion = Index("completed_at")


class CronRun(TypedDict):
    """A run of a cron that has ended."""

    job: Id[ScheduledJob]
    scheduled_for: datetime
    started_at: datetime | None
    completed_at: datetime
    state: JobState
    error: str | None


class CronJob(Document, table="_crons"):
    """A function of the application that runs again and again. `job` is its next run, or the one under way."""

    function: str
    #: "every 300 s" or "0 9 * * 1-5 Europe/Zurich".
    schedule: str
    #: When it was first seen: periods are counted from here.
    since: datetime
    job: Id[ScheduledJob]
    #: The newest first.
    runs: list[CronRun]

    access = private
    by_function = Index("function", unique=True)
