"""Presence: who is in a room now. A sign of life is written at most twice per timeout, unless it says something new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict

from syncline.functions import MutationCtx, QueryCtx
from syncline.functions.system_db import system_writer
from syncline.kernel.errors import SetupError
from syncline.system import PresenceEntry

_MOST_SHOWN = 1_000


class Present(TypedDict):
    """Somebody who is there. `data` is what they said of themselves: a cursor, "is typing"."""

    who: str
    data: Any
    since: datetime


@dataclass(frozen=True, slots=True)
class Presence:
    """Rooms and who is in them. Whoever gives no sign of life for `timeout` has left.

    online = Presence("online")

    @mutation
    def here(ctx: MutationCtx, room: str) -> None:        # called by the page every ten seconds or so
        online.beat(ctx, room, ctx.auth.require().subject)

    @query
    def who_is_here(ctx: QueryCtx, room: str) -> list[Present]:
        return online.list(ctx, room)
    """

    name: str
    timeout: timedelta = timedelta(seconds=30)

    def __post_init__(self) -> None:
        if self.timeout < timedelta(seconds=2):
            raise SetupError(f"{self}: a timeout of less than two seconds would be a write each second")

    def beat(self, ctx: MutationCtx, room: str, who: str, data: Any = None) -> None:
        """A sign of life. It is written if `who` is new, says something else than before, or was heard of long ago."""
        now = ctx.now
        found = self._find(ctx, room, who)
        expires_at = now + self.timeout
        db = system_writer(ctx)
        if found is None:
            db.insert(
                PresenceEntry(
                    space=self.name, room=room, who=who, data=data, since=now, expires_at=expires_at
                )
            )
        elif found.expires_at <= now:
            db.patch(found, data=data, since=now, expires_at=expires_at)
        elif found.data != data or found.expires_at < now + self.timeout / 2:
            db.patch(found, data=data, expires_at=expires_at)

    def leave(self, ctx: MutationCtx, room: str, who: str) -> None:
        """Somebody has left, and says so."""
        found = self._find(ctx, room, who)
        if found is not None:
            system_writer(ctx).delete(found)

    def list(self, ctx: QueryCtx, room: str) -> list[Present]:
        """Who is there, by name. Live: it also changes when somebody's time is up."""
        clock = ctx.clock(seconds=max(1.0, self.timeout.total_seconds() / 6))
        entries = (
            ctx.db.unrestricted.query(PresenceEntry)
            .index(PresenceEntry.by_room, space=self.name, room=room)
            .take(_MOST_SHOWN)
        )
        return [
            Present(who=entry.who, data=entry.data, since=entry.since)
            for entry in entries
            if entry.expires_at > clock
        ]

    def _find(self, ctx: MutationCtx, room: str, who: str) -> PresenceEntry | None:
        entries = ctx.db.unrestricted.query(PresenceEntry)
        return entries.where(space=self.name, room=room, who=who).unique()
