"""What the helpers keep: buckets of rate limits, who is present, how far migrations are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from syncline.schema import Document, Index, private

MigrationState = Literal["running", "done", "failed"]


class RateBucket(Document, table="_rate_limits"):
    """What is left of a rate limit for one key, as of `at`. One that is full again need not be kept."""

    name: str
    key: str
    tokens: float
    at: datetime
    full_at: datetime

    access = private
    by_key = Index("name", "key", unique=True)
    by_full = Index("full_at")


class PresenceEntry(Document, table="_presence"):
    """Somebody in a room, until `expires_at` unless a sign of life comes before."""

    space: str
    room: str
    who: str
    data: Any
    since: datetime
    expires_at: datetime

    access = private
    by_room = Index("space", "room", "who", unique=True)
    by_expiry = Index("expires_at")


class MigrationRun(Document, table="_migrations"):
    """A run of a migration, the newest of its function: how far it is, and how it ended."""

    #: The path of its function.
    function: str
    state: MigrationState
    dry_run: bool
    #: Where the next batch begins.
    cursor: str | None
    #: Documents looked at, and those that it changed (or would have).
    seen: int
    changed: int
    started_at: datetime
    completed_at: datetime | None
    error: str | None

    access = private
    by_function = Index("function", unique=True)
