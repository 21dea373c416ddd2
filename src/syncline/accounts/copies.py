"""What functions may know of users and organisations, handed on to the application's database whenever it changes.

Triggers of the identity file note what changed, in the transaction that changed it. A note is taken away once the
application's database has the change: what a crash interrupts is handed on after the next start.

Both sides remember a stamp of the last batch. If they differ the database is of another time than the accounts, which
were restored without each other: all is handed on anew.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from syncline.auth.issuers import issuers
from syncline.kernel.identity import Identity

from . import organizations, users
from .core import Core, dumps
from .outbox_loop import OutboxLoop
from .workers import Workers

logger = logging.getLogger("syncline.accounts")

#: Copies of each kind in one transaction.
BATCH = 100
_FORM = "profiles"
#: The stamps of the batch that was put last, and of the one that is under way or may be.
_PUT, _PUTTING = "copied", "copying"

#: Tables of notes, and what their rows name.
_NOTES: Mapping[str, tuple[str, ...]] = {
    "profile_changes": ("user_id",),
    "organization_changes": ("organization",),
    "membership_changes": ("organization", "user_id"),
}

#: Where all that could be noted stands, and the columns that name it there.
_SOURCES: Mapping[str, tuple[str, str]] = {
    "profile_changes": ("users", "id"),
    "organization_changes": ("organizations", "id"),
    "membership_changes": ("memberships", "organization, user_id"),
}

#: Rows of notes by table; the last column is the number of the change.
Notes = Mapping[str, Sequence[tuple[str | int, ...]]]


@dataclass(frozen=True, slots=True)
class Copies:
    """JSON by the user's and the organisation's id (None: gone). A membership tells itself whose it is."""

    profiles: dict[str, str | None]
    organizations: dict[str, str | None]
    members: list[str]
    #: What the database is to remember of this batch, and what it may remember of the one before.
    stamp: str
    known: list[str]

    @property
    def count(self) -> int:
        return len(self.profiles) + len(self.organizations) + len(self.members)


#: Puts copies into the application's database. What is to be done next: nothing (the empty text), the same again since it
#: takes away what it had ("clearing"), or everything ("anew").
Put = Callable[[Copies], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Changes:
    """`notes` are what `settle` takes away."""

    copies: Copies
    notes: Notes


def changes(core: Core, limit: int = BATCH) -> Changes:
    """What the application's database does not have yet."""
    notes: dict[str, list[tuple[str | int, ...]]] = {
        table: core.file.rows(f"SELECT {', '.join(keys)}, number FROM {table} LIMIT ?", limit)  # noqa: S608 - names from here
        for table, keys in _NOTES.items()
    }
    copies = Copies(
        {str(id): _profile(core, str(id)) for id, _ in notes["profile_changes"]},
        {str(id): _organization(core, str(id)) for id, _ in notes["organization_changes"]},
        [_member(core, str(of), str(user)) for of, user, _ in notes["membership_changes"]],
        *_stamps(core),
    )
    return Changes(copies, notes)


def settle(core: Core, notes: Notes) -> None:
    """These were handed on. What changed again in the meantime keeps a note."""
    for table, rows in notes.items():
        condition = " AND ".join(f"{name} = ?" for name in (*_NOTES[table], "number"))
        for row in rows:
            core.file.change(f"DELETE FROM {table} WHERE {condition}", *row)  # noqa: S608 - names from here
    _remember(core, _PUT, _recall(core, _PUTTING))


def note_all(core: Core) -> None:
    """Hand all on again."""
    for table, (source, ids) in _SOURCES.items():
        keys = ", ".join(_NOTES[table])
        core.file.change(
            f"INSERT INTO {table} SELECT {ids}, random() FROM {source} WHERE true "  # noqa: S608 - names from here
            f"ON CONFLICT({keys}) DO UPDATE SET number = excluded.number"
        )


def begin_anew(core: Core) -> None:
    """Hand all on to a database that has nothing any more, but the stamp of the batch under way."""
    note_all(core)
    _remember(core, _PUT, _recall(core, _PUTTING))


def follow_settings(core: Core) -> None:
    """Hand all on again if the application now wants something else in them, or is somewhere else."""
    accounts = core.settings.accounts
    form = dumps(
        [core.settings.issuer, accounts.profiles, accounts.profile_emails, _names_issuers(core)],
    )
    if _recall(core, _FORM) != form:
        _remember(core, _FORM, form)
        note_all(core)


class CopySender:
    """Hands changes on."""

    def __init__(self, core: Core, workers: Workers) -> None:
        self._core = core
        self._workers = workers
        #: Where they go; None: nowhere, and they wait.
        self.put: Put | None = None
        #: Whether the database is known to be of the same time as the accounts.
        self._agreed = False
        self.loop = OutboxLoop("changed profiles and memberships", self.send_due, self._next_wait)

    async def send_due(self) -> int:
        """Hand on what waits. How much that was."""
        if self.put is None:
            return 0
        found = await self._workers.run(changes, self._core)
        count = found.copies.count
        if not count and self._agreed:
            return 0
        verdict = await self.put(found.copies)
        self._agreed = not verdict
        if verdict == "anew":
            logger.warning(
                "the database is of another time than the accounts: it gets all profiles and memberships anew"
            )
            await self._workers.run(begin_anew, self._core)
        elif not verdict:
            await self._workers.run(settle, self._core, found.notes)
        # Where nothing waited, the database has said that it is as it should be.
        return count if not verdict else 1

    async def _next_wait(self) -> float | None:
        return None


def _stamps(core: Core) -> tuple[str, list[str]]:
    """The stamp of the next batch, and those that the database may have."""
    put, putting = _recall(core, _PUT), _recall(core, _PUTTING)
    if put == putting:
        putting = core.entropy.bytes(8).hex()
        _remember(core, _PUTTING, putting)
    # The batch under way keeps its stamp until it is known to have arrived.
    return putting, [put, putting]


def _recall(core: Core, name: str) -> str:
    found: str | None = core.file.value("SELECT value FROM meta WHERE name = ?", name)
    return found or ""


def _remember(core: Core, name: str, value: str) -> None:
    core.file.change("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)


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


def _organization(core: Core, id: str) -> str | None:
    found = organizations.get(core, id)
    if found is None:
        return None
    return dumps(
        {"slug": found.slug, "name": found.name, "metadata": found.public_metadata, "since": found.created_at}
    )


def _member(core: Core, organization: str, user_id: str) -> str:
    row = core.file.row(
        "SELECT role, created_at FROM memberships WHERE organization = ? AND user_id = ?",
        organization,
        user_id,
    )
    role, since = row or (None, 0)
    return dumps(
        {
            "organization_id": organization,
            "subject": user_id,
            "user_id": _named(core, user_id),
            "role": role,
            "since": since,
        }
    )


def _named(core: Core, user_id: str) -> str:
    """What rules name a user by, in an application with these issuers."""
    identity = Identity(user_id, core.settings.issuer)
    return identity.token_identifier if _names_issuers(core) else identity.subject


def _names_issuers(core: Core) -> bool:
    return len(issuers(core.settings.providers)) > 1
