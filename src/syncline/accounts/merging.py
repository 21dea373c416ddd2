"""Two users become one: what the first has in the identity file goes to the second, in one transaction.

What the application's database has of the first follows later; see `merge_moving`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypedDict

from . import api_keys, audit, events, organizations, passkeys, second_factor, sessions, users
from .core import AccountError, Core, Visitor, dumps
from .organizations import ADMIN
from .users import User

#: Documents of one batch, unless they are so large that batches must be smaller.
BATCH = 100
#: Documents that stayed which a merge names; of others it knows how many.
NAMED = 100
_METADATA_BYTES = 8192
_KEPT_SECONDS = 400 * 24 * 3600
_COLUMNS = "source, target, at, actor, progress, next_at, tries, error, done_at"


class Stayed(TypedDict):
    """A document that could not be given to the other user, and why."""

    table: str
    id: str
    why: str


@dataclass
class Progress:
    """How far the application's documents are. A pass goes over all tables; the last one finds nothing to do."""

    #: Where the next batch begins, as whoever moves documents calls it. None: at the beginning of a pass.
    place: str | None = None
    passes: int = 0
    moved: int = 0
    moved_in_pass: int = 0
    stayed: int = 0
    named: list[Stayed] | None = None
    batch: int = BATCH


@dataclass(frozen=True, slots=True)
class Merge:
    source: str
    target: str
    at: int
    actor: str | None
    progress: Progress
    #: When its next batch is due; None: it is over.
    next_at: int | None
    tries: int
    error: str | None
    done_at: int | None


def merge(core: Core, source: User, target: User, *, actor: str, visitor: Visitor | None = None) -> Merge:
    """Give the target all that the source has, and delete the source. Raises AccountError, changing nothing.

    Where both have one, the target's counts: password, second step, name, and each key of metadata.
    """
    if source.id == target.id:
        raise AccountError("error.merge_self", field="into")
    if target.banned_at is not None:
        raise AccountError("error.merge_banned", status=409, field="into")
    _check_room(core, source, target)
    sessions.end_all(core, source.id, "merged")
    _move_addresses(core, source, target)
    _move_ways_in(core, source, target)
    for key in api_keys.listed(core, source.id):
        api_keys.give(core, key, target.id)
    _move_memberships(core, source, target)
    for table, column in (("sessions", "user_id"), ("invitations", "invited_by")):
        core.file.change(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", target.id, source.id)  # noqa: S608 - names from here
    core.file.change("DELETE FROM flows WHERE user_id = ?", source.id)
    core.file.change("DELETE FROM users WHERE id = ?", source.id)
    _move_facts(core, source, target)
    _begin(core, source, target, actor)
    audit.record(core, "user.merged", source.id, visitor, actor=actor, into=target.id)
    audit.record(core, "user.merged", target.id, visitor, actor=actor, merged=source.id)
    events.user_changed(core, "user.updated", target.id)
    events.emit(core, "user.deleted", {"id": source.id, "object": "user", "deleted": True})
    return require(core, source.id)


def require(core: Core, source: str) -> Merge:
    """The merge of a user that is no more. Raises AccountError."""
    row = core.file.row(f"SELECT {_COLUMNS} FROM merges WHERE source = ?", source)  # noqa: S608 - columns from here
    if row is None:
        raise AccountError("error.not_found", status=404)
    return _merge(row)


def listed(core: Core, *, after: str, limit: int) -> list[Merge]:
    """Merges in the order of the merged users' ids."""
    rows = core.file.rows(
        f"SELECT {_COLUMNS} FROM merges WHERE source > ? ORDER BY source LIMIT ?",  # noqa: S608 - columns from here
        after,
        limit,
    )
    return [_merge(row) for row in rows]


def due(core: Core) -> Merge | None:
    """The merge whose documents are to be moved next."""
    row = core.file.row(
        f"SELECT {_COLUMNS} FROM merges WHERE next_at <= ? ORDER BY next_at, at, source LIMIT 1",  # noqa: S608 - columns from here
        core.now(),
    )
    return None if row is None else _merge(row)


def save(
    core: Core,
    merge: Merge,
    progress: Progress,
    *,
    wait: int = 0,
    error: str | None = None,
    done: bool = False,
) -> None:
    """What a batch has come to. Nothing, if the merge has begun anew in the meantime."""
    core.file.change(
        "UPDATE merges SET progress = ?, next_at = ?, tries = ?, error = ?, done_at = ? WHERE source = ? AND target = ?",
        dumps(vars(progress)),
        None if done else core.now() + wait,
        merge.tries + 1 if wait else 0,
        error,
        core.now() if done else None,
        merge.source,
        merge.target,
    )
    if done:
        audit.record(
            core,
            "user.merge_finished",
            merge.target,
            actor=merge.actor,
            merged=merge.source,
            moved=progress.moved,
            stayed=progress.stayed,
        )


def former_ids(core: Core, user_id: str) -> list[str]:
    """The ids of users that were merged into this one."""
    return [id for (id,) in core.file.rows("SELECT source FROM merges WHERE target = ? ORDER BY at", user_id)]


def trim(core: Core) -> None:
    """Forget merges when the log does."""
    core.file.change("DELETE FROM merges WHERE done_at < ?", core.now() - _KEPT_SECONDS)


def _begin(core: Core, source: User, target: User, actor: str) -> None:
    # What was on its way to the source goes to the target from now on, from the beginning.
    core.file.change(
        "UPDATE merges SET progress = ?, next_at = ?, tries = 0, error = NULL WHERE target = ? AND done_at IS NULL",
        dumps(vars(Progress())),
        core.now(),
        source.id,
    )
    core.file.change("UPDATE merges SET target = ? WHERE target = ?", target.id, source.id)
    core.file.change(
        "INSERT INTO merges(source, target, at, actor, progress, next_at, tries) VALUES (?, ?, ?, ?, ?, ?, 0)",
        source.id,
        target.id,
        core.now(),
        actor,
        dumps(vars(Progress())),
        core.now(),
    )
    core.posted = True


def _check_room(core: Core, source: User, target: User) -> None:
    """No user may have more of anything by a merge than by itself."""
    ids = (source.id, target.id)
    counts = {
        "addresses": (len(source.addresses) + len(target.addresses), users.ADDRESSES),
        "passkeys": (sum(len(passkeys.listed(core, id)) for id in ids), passkeys.PER_USER),
        "API keys": (sum(len(api_keys.listed(core, id)) for id in ids), api_keys.PER_USER),
        "organisations": (
            len({each.organization for id in ids for each in organizations.memberships(core, id)}),
            organizations.PER_USER,
        ),
    }
    for what, (count, limit) in counts.items():
        if count > limit:
            raise AccountError("error.merge_limit", status=409, what=what, count=count, limit=limit)


def _move_addresses(core: Core, source: User, target: User) -> None:
    if target.addresses:
        core.file.change("UPDATE addresses SET is_primary = 0 WHERE user_id = ?", source.id)
    core.file.change("UPDATE addresses SET user_id = ? WHERE user_id = ?", target.id, source.id)


def _move_ways_in(core: Core, source: User, target: User) -> None:
    for table in ("connections", "passkeys"):
        core.file.change(f"UPDATE {table} SET user_id = ? WHERE user_id = ?", target.id, source.id)  # noqa: S608 - names from here
    core.file.change("UPDATE OR IGNORE passwords SET user_id = ? WHERE user_id = ?", target.id, source.id)
    second_factor.move(core, source.id, target.id)


def _move_memberships(core: Core, source: User, target: User) -> None:
    """The higher role counts: an administrator's, or else the one that the target has."""
    own = {each.organization: each.role for each in organizations.memberships(core, target.id)}
    for each in organizations.memberships(core, source.id):
        core.file.change(
            "DELETE FROM memberships WHERE organization = ? AND user_id = ?", each.organization, source.id
        )
        if each.organization not in own:
            organizations.join(core, each.organization, target.id, each.role)
        elif each.role == ADMIN != own[each.organization]:
            organizations.set_role(core, each.organization, target.id, ADMIN)


def _move_facts(core: Core, source: User, target: User) -> None:
    """What a user is called, and what the application has noted."""
    if not target.name and source.name:
        users.rename(core, target.id, source.name)
    if not target.picture and source.picture:
        users.set_picture(core, target.id, source.picture)
    if target.external_id is None and source.external_id is not None:
        users.set_external_id(core, target.id, source.external_id)
    kinds = {
        "public": (source.public_metadata, target.public_metadata),
        "private": (source.private_metadata, target.private_metadata),
        "unsafe": (source.unsafe_metadata, target.unsafe_metadata),
    }
    for kind, (old, own) in kinds.items():
        both = {**old, **own}
        if both != own and len(dumps(both)) <= _METADATA_BYTES:
            users.set_metadata(core, target.id, kind, both)
    last = max((at for at in (source.signed_in_at, target.signed_in_at) if at is not None), default=None)
    core.file.change("UPDATE users SET signed_in_at = ? WHERE id = ?", last, target.id)
    users.touch(core, target.id)


def _merge(row: tuple[Any, ...]) -> Merge:
    source, target, at, actor, progress, next_at, tries, error, done_at = row
    loaded: dict[str, Any] = json.loads(progress)
    return Merge(source, target, at, actor, Progress(**loaded), next_at, tries, error, done_at)
