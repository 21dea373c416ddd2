"""A copy of all that is known of a user, without secrets. Times are milliseconds since the epoch (UTC)."""

from __future__ import annotations

from typing import Any

from . import (
    admission,
    api_keys,
    audit,
    events,
    known_devices,
    linking,
    merging,
    organizations,
    passkeys,
    second_factor,
    users,
)
from .core import Core, ms
from .users import User

_MOST_EVENTS = 100_000


def export_user(core: Core, user_id: str) -> dict[str, Any]:
    """Metadata of all kinds are in it, private ones too: they are about this person. Raises AccountError."""
    user = users.require(core, user_id)
    return {
        "exported_at": ms(core.now()),
        "user": events.describe_user(user, private=True),
        "password_changed_at": ms(
            core.file.value("SELECT changed_at FROM passwords WHERE user_id = ?", user_id)
        ),
        "second_step": second_factor.is_on(core, user_id),
        "passkeys": [
            {"name": each.name, "created_at": ms(each.created_at), "used_at": ms(each.used_at)}
            for each in passkeys.listed(core, user_id)
        ],
        "connections": linking.described(core, user_id),
        "sessions": _sessions(core, user_id),
        "known_devices": [
            {"created_at": ms(created), "signed_in_at": ms(seen)}
            for created, seen in known_devices.listed(core, user_id)
        ],
        "api_keys": _api_keys(core, user_id),
        "organizations": [
            {**organizations.describe(each), "joined_at": ms(each.since)}
            for each in organizations.memberships(core, user_id)
        ],
        "invitations": _invitations(core, user),
        "events": [
            _event(entry)
            for id in (*merging.former_ids(core, user_id), user_id)
            for entry in audit.entries(core, user_id=id, limit=_MOST_EVENTS)
        ],
    }


def _sessions(core: Core, user_id: str) -> list[dict[str, Any]]:
    """Those that are over too, as long as they are remembered."""
    rows = core.file.rows(
        "SELECT id, created_at, seen_at, ended_at, ended_why, actor, address, agent FROM sessions WHERE user_id = ? "
        "ORDER BY created_at, id",
        user_id,
    )
    return [
        {
            "id": id,
            "created_at": ms(created),
            "seen_at": ms(seen),
            "ended_at": ms(ended),
            "ended_why": why,
            **_place(actor, address, agent),
        }
        for id, created, seen, ended, why, actor, address, agent in rows
    ]


def _api_keys(core: Core, user_id: str) -> list[dict[str, Any]]:
    """Those that ended too."""
    rows = core.file.rows(
        "SELECT id, revoked_at FROM api_keys WHERE user_id = ? ORDER BY created_at, id", user_id
    )
    found = [(api_keys.get(core, id), ended) for id, ended in rows]
    return [
        {
            "id": key.id,
            "name": key.name,
            "scopes": list(key.scopes),
            "created_at": ms(key.created_at),
            "used_at": ms(key.used_at),
            "expires_at": ms(key.expires_at),
            "ended_at": ms(ended),
        }
        for key, ended in found
        if key is not None
    ]


def _invitations(core: Core, user: User) -> list[dict[str, Any]]:
    """Open ones to addresses that are proved to be the user's."""
    return [
        {
            "email": each.email,
            "organization": each.organization,
            "role": each.role,
            "created_at": ms(each.created_at),
            "expires_at": ms(each.expires_at),
        }
        for address in user.addresses
        if address.verified
        for each in admission.open_invitations(core, address.email)
    ]


def _event(entry: audit.AuditEntry) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "at": ms(entry["at"]),
        "event": entry["event"],
        "user_id": entry["user_id"],
        **_place(entry["actor"], entry["address"], entry["agent"]),
        "data": entry["data"],
    }


def _place(actor: str | None, address: str, agent: str) -> dict[str, Any]:
    """Who did something, and from where: not from where an administrator did."""
    if actor is not None:
        address = agent = ""
    return {"actor": actor, "address": address, "agent": agent}
