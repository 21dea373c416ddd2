"""What functions may know of users, handed on to the application's database whenever it changes.

Triggers of the identity file note whose profile changed, in the transaction that changed it. A note is taken away once
the application's database has the profile: what a crash interrupts is handed on after the next start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from . import users
from .core import Core, dumps
from .outbox_loop import OutboxLoop
from .workers import Workers

#: Profiles of one transaction.
BATCH = 100
_FORM = "profiles"

#: Puts profiles (JSON by the user's id; None: gone) into the application's database.
Put = Callable[[dict[str, str | None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Changes:
    """`profiles` by user; `notes` are what `settle` takes away."""

    profiles: dict[str, str | None]
    notes: dict[str, int]


def changes(core: Core, limit: int = BATCH) -> Changes:
    """Profiles that the application's database does not have yet."""
    rows = core.file.rows("SELECT user_id, number FROM profile_changes LIMIT ?", limit)
    return Changes({id: _profile(core, id) for id, _ in rows}, dict(rows))


def settle(core: Core, notes: Mapping[str, int]) -> None:
    """These were handed on. Who changed again in the meantime keeps a note."""
    for id, number in notes.items():
        core.file.change("DELETE FROM profile_changes WHERE user_id = ? AND number = ?", id, number)


def note_all(core: Core) -> None:
    """Hand all on again."""
    core.file.change(
        "INSERT INTO profile_changes SELECT id, random() FROM users WHERE true "
        "ON CONFLICT(user_id) DO UPDATE SET number = excluded.number"
    )


def follow_settings(core: Core) -> None:
    """Hand all on again if the application now wants something else in them, or is somewhere else."""
    accounts = core.settings.accounts
    form = dumps([core.settings.issuer, accounts.profiles, accounts.profile_emails])
    if core.file.value("SELECT value FROM meta WHERE name = ?", _FORM) != form:
        core.file.change("INSERT OR REPLACE INTO meta VALUES (?, ?)", _FORM, form)
        note_all(core)


class ProfileSender:
    """Hands changed profiles on."""

    def __init__(self, core: Core, workers: Workers) -> None:
        self._core = core
        self._workers = workers
        #: Where they go; None: nowhere, and they wait.
        self.put: Put | None = None
        self.loop = OutboxLoop("changed profiles", self.send_due, self._next_wait)

    async def send_due(self) -> int:
        """Hand on what waits. How many profiles that were."""
        if self.put is None:
            return 0
        found = await self._workers.run(changes, self._core)
        if found.profiles:
            await self.put(found.profiles)
            await self._workers.run(settle, self._core, found.notes)
        return len(found.profiles)

    async def _next_wait(self) -> float | None:
        return None


def _profile(core: Core, id: str) -> str | None:
    user, settings = users.get(core, id), core.settings
    if user is None:
        return None
    accounts = settings.accounts
    return dumps(
        {
            "issuer": settings.issuer,
            "name": user.name,
            "picture": user.picture,
            "locale": user.locale,
            "email": user.email if accounts.profile_emails and user.email_verified else None,
            "metadata": user.public_metadata,
            "shared": accounts.profiles == "signed_in",
            "since": user.created_at,
        }
    )
