"""Organisations: groups of users with roles, one of which a session acts for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .core import AccountError, Core
from .users import clean_name

ADMIN = "admin"
MEMBER = "member"
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?").fullmatch
_ROLE = re.compile(r"[a-z][a-z0-9_:-]{0,40}").fullmatch
PER_USER = 100
MEMBERS = 10_000


@dataclass(frozen=True, slots=True)
class Membership:
    organization: str
    slug: str
    name: str
    role: str


def claim(core: Core, organization: str, user_id: str) -> dict[str, Any] | None:
    """What a token says of the active organisation; None if the user is not a member any more."""
    row = core.file.row(
        "SELECT slug, role FROM organizations JOIN memberships ON organization = id WHERE id = ? AND user_id = ?",
        organization,
        user_id,
    )
    return None if row is None else {"id": organization, "slg": row[0], "rol": row[1]}


def create(core: Core, name: str, user_id: str, slug: str = "") -> Membership:
    """A new organisation with its first administrator. Raises AccountError for a name or slug that cannot be."""
    name = clean_name(name)
    if not name:
        raise AccountError("error.name")
    if len(memberships(core, user_id)) >= PER_USER:
        raise AccountError("error.too_many_organizations", limit=PER_USER)
    wanted = slug or re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:50] or "organization"
    if _SLUG(wanted) is None:
        raise AccountError("error.slug")
    if core.file.row("SELECT 1 FROM organizations WHERE slug = ?", wanted):
        if slug:
            raise AccountError("error.slug_taken", status=409)
        wanted = f"{wanted}-{core.entropy.bytes(3).hex()}"
    id = core.new_id("org")
    core.file.change(
        "INSERT INTO organizations(id, slug, name, created_at) VALUES (?, ?, ?, ?)",
        id,
        wanted,
        name,
        core.now(),
    )
    join(core, id, user_id, ADMIN)
    return Membership(id, wanted, name, ADMIN)


def join(core: Core, organization: str, user_id: str, role: str) -> None:
    """Make the user a member. Who is one already keeps the role."""
    if _ROLE(role) is None:
        raise AccountError("error.role")
    count: int = core.file.value("SELECT count(*) FROM memberships WHERE organization = ?", organization)
    if count >= MEMBERS:
        raise AccountError("error.too_many_members", limit=MEMBERS)
    core.file.change(
        "INSERT OR IGNORE INTO memberships VALUES (?, ?, ?, ?)", organization, user_id, role, core.now()
    )


def set_role(core: Core, organization: str, user_id: str, role: str) -> None:
    """Raises AccountError if that would leave nobody in charge."""
    if _ROLE(role) is None:
        raise AccountError("error.role")
    if role != ADMIN:
        _keep_an_admin(core, organization, user_id)
    core.file.change(
        "UPDATE memberships SET role = ? WHERE organization = ? AND user_id = ?", role, organization, user_id
    )


def leave(core: Core, organization: str, user_id: str) -> None:
    """Raises AccountError if that would leave nobody in charge. Sessions that acted for it no longer do."""
    _keep_an_admin(core, organization, user_id)
    core.file.change("DELETE FROM memberships WHERE organization = ? AND user_id = ?", organization, user_id)
    core.file.change(
        "UPDATE sessions SET organization = NULL WHERE organization = ? AND user_id = ?",
        organization,
        user_id,
    )


def delete(core: Core, organization: str) -> None:
    core.file.change("DELETE FROM organizations WHERE id = ?", organization)
    core.file.change("UPDATE sessions SET organization = NULL WHERE organization = ?", organization)


def memberships(core: Core, user_id: str) -> list[Membership]:
    rows = core.file.rows(
        "SELECT id, slug, name, role FROM organizations JOIN memberships ON organization = id WHERE user_id = ? "
        "ORDER BY name, id",
        user_id,
    )
    return [Membership(*row) for row in rows]


def membership(core: Core, organization: str, user_id: str) -> Membership:
    """Raises AccountError, the same for organisations that do not exist and for those of others."""
    for found in memberships(core, user_id):
        if organization in (found.organization, found.slug):
            return found
    raise AccountError("error.no_organization", status=404)


def require_admin(core: Core, organization: str, user_id: str) -> Membership:
    found = membership(core, organization, user_id)
    if found.role != ADMIN:
        raise AccountError("error.not_admin", status=403)
    return found


def members(core: Core, organization: str) -> list[dict[str, Any]]:
    """Who is in it: id, name, email and role."""
    rows = core.file.rows(
        "SELECT users.id, name, coalesce((SELECT email FROM addresses WHERE user_id = users.id AND is_primary), ''), role "
        "FROM memberships JOIN users ON users.id = user_id WHERE organization = ? ORDER BY memberships.created_at, users.id",
        organization,
    )
    return [dict(zip(("id", "name", "email", "role"), row, strict=True)) for row in rows]


def _keep_an_admin(core: Core, organization: str, user_id: str) -> None:
    others = core.file.row(
        "SELECT 1 FROM memberships WHERE organization = ? AND role = ? AND user_id <> ? LIMIT 1",
        organization,
        ADMIN,
        user_id,
    )
    if others is None and core.file.row(
        "SELECT 1 FROM memberships WHERE organization = ? AND role = ? AND user_id = ?",
        organization,
        ADMIN,
        user_id,
    ):
        raise AccountError("error.last_admin")
