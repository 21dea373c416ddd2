"""The end of an account, and a copy of all that is known of it."""

from __future__ import annotations

from typing import Any

from . import (
    api_keys,
    audit,
    events,
    known_devices,
    merging,
    organizations,
    passkeys,
    second_factor,
    sessions,
    users,
)
from .core import Core, Visitor
from .mail.outbox import queue


def delete_user(
    core: Core, user_id: str, *, visitor: Visitor | None = None, actor: str | None = None
) -> None:
    """Delete a user with everything that belongs to it. Its sessions end, its tokens are refused from now on.

    Raises AccountError if an organisation would be left without anybody in charge; one without other members is deleted.
    """
    user = users.require(core, user_id)
    for membership in organizations.memberships(core, user_id):
        if len(organizations.members(core, membership.organization)) == 1:
            organizations.delete(core, membership.organization)
        else:
            organizations.leave(core, membership.organization, user_id)
    sessions.end_all(core, user_id, "user deleted")
    core.ended += [key.id for key in api_keys.listed(core, user_id)]
    core.file.change("DELETE FROM flows WHERE user_id = ?", user_id)
    core.file.change("DELETE FROM users WHERE id = ?", user_id)
    # What the log says of somebody who is gone is that something happened, not from where.
    for id in (user_id, *merging.former_ids(core, user_id)):
        core.file.change("UPDATE audit SET address = '', agent = '', data = '{}' WHERE user_id = ?", id)
    audit.record(core, "user.deleted", user_id, visitor, actor=actor)
    events.emit(core, "user.deleted", {"id": user_id, "object": "user", "deleted": True})
    if user.email:
        queue(core, "deleted", user.email, user.locale)


def export_user(core: Core, user_id: str) -> dict[str, Any]:
    """All that is stored of a user, without secrets."""
    user = users.require(core, user_id)
    connections = core.file.rows(
        "SELECT provider, subject, email, created_at, used_at FROM connections WHERE user_id = ?", user_id
    )
    ended = core.file.rows(
        "SELECT id, created_at, seen_at, ended_at, ended_why, address, agent FROM sessions WHERE user_id = ?",
        user_id,
    )
    return {
        "user": events.describe_user(user),
        "password": core.file.row("SELECT changed_at FROM passwords WHERE user_id = ?", user_id) is not None,
        "second_step": second_factor.is_on(core, user_id),
        "passkeys": [
            {"name": each.name, "created_at": each.created_at, "used_at": each.used_at}
            for each in passkeys.listed(core, user_id)
        ],
        "connections": [
            dict(zip(("provider", "subject", "email", "created_at", "used_at"), row, strict=True))
            for row in connections
        ],
        "sessions": [
            dict(
                zip(
                    ("id", "created_at", "seen_at", "ended_at", "ended_why", "address", "agent"),
                    row,
                    strict=True,
                )
            )
            for row in ended
        ],
        "known_devices": [
            {"created_at": created, "signed_in_at": seen}
            for created, seen in known_devices.listed(core, user_id)
        ],
        "organizations": [
            {"id": each.organization, "slug": each.slug, "name": each.name, "role": each.role}
            for each in organizations.memberships(core, user_id)
        ],
        "events": [
            _shown(entry)
            for id in (*merging.former_ids(core, user_id), user_id)
            for entry in audit.entries(core, user_id=id, limit=100_000)
        ],
    }


def _shown(entry: audit.AuditEntry) -> dict[str, Any]:
    """An event as its user may see it: not from where an administrator did something."""
    return dict(entry) if entry["actor"] is None else {**entry, "address": "", "agent": ""}
