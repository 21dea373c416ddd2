"""Organisations: groups of users with roles, one of which a session acts for."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from .core import AccountError, Core, RoleChange, dumps, loads
from .events import emit
from .users import clean_name

ADMIN = "admin"
MEMBER = "member"
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?").fullmatch
_ROLE = re.compile(r"[a-z][a-z0-9_:-]{0,40}").fullmatch
#: In place of a user: whoever was in an organisation that is gone.
EVERYBODY = ""
PER_USER = 100
MEMBERS = 10_000


@dataclass(frozen=True, slots=True)
class Membership:
    organization: str
    slug: str
    name: str
    role: str
    since: int


@dataclass(frozen=True, slots=True)
class Organization:
    id: str
    slug: str
    name: str
    created_at: int
    public_metadata: dict[str, Any]
    private_metadata: dict[str, Any]
    #: How many members it has.
    members: int


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
    wanted = slug or _slug_of(name)
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
    _tell(core, "organization.created", id)
    join(core, id, user_id, ADMIN)
    return Membership(id, wanted, name, ADMIN, core.now())


def join(core: Core, organization: str, user_id: str, role: str) -> None:
    """Make the user a member. Who is one already keeps the role."""
    if _ROLE(role) is None:
        raise AccountError("error.role")
    count: int = core.file.value("SELECT count(*) FROM memberships WHERE organization = ?", organization)
    if count >= MEMBERS:
        raise AccountError("error.too_many_members", limit=MEMBERS)
    joined = core.file.change(
        "INSERT OR IGNORE INTO memberships VALUES (?, ?, ?, ?)", organization, user_id, role, core.now()
    )
    if joined:
        # Whoever was a member before is one again for whoever remembers the end, however long ago that was.
        _note_role(core, organization, user_id, role)
        _tell_of_member(core, "created", organization, user_id, role)


def set_role(core: Core, organization: str, user_id: str, role: str) -> None:
    """Raises AccountError if that would leave nobody in charge. Tokens that name the former role are refused."""
    if _ROLE(role) is None:
        raise AccountError("error.role")
    if role != ADMIN:
        _keep_an_admin(core, organization, user_id)
    changed = core.file.change(
        "UPDATE memberships SET role = ? WHERE organization = ? AND user_id = ? AND role <> ?",
        role,
        organization,
        user_id,
        role,
    )
    if not changed:
        return
    _note_role(core, organization, user_id, role)
    _tell_of_member(core, "updated", organization, user_id, role)


def leave(core: Core, organization: str, user_id: str) -> None:
    """Raises AccountError if that would leave nobody in charge. Sessions that acted for it no longer do, and
    their tokens that say so are refused."""
    _keep_an_admin(core, organization, user_id)
    role = core.file.value(
        "SELECT role FROM memberships WHERE organization = ? AND user_id = ?", organization, user_id
    )
    core.file.change("DELETE FROM memberships WHERE organization = ? AND user_id = ?", organization, user_id)
    if role is None:
        return
    _note_role(core, organization, user_id, None)
    _tell_of_member(core, "deleted", organization, user_id, role)
    core.file.change(
        "UPDATE sessions SET organization = NULL WHERE organization = ? AND user_id = ?",
        organization,
        user_id,
    )


def delete(core: Core, organization: str) -> None:
    core.file.change("DELETE FROM organizations WHERE id = ?", organization)
    core.file.change("UPDATE sessions SET organization = NULL WHERE organization = ?", organization)
    _note_role(core, organization, EVERYBODY, None)
    emit(core, "organization.deleted", {"id": organization, "object": "organization", "deleted": True})


def changed_roles(core: Core, seconds: int) -> list[RoleChange]:
    """What changed in the last `seconds`, in order."""
    rows = core.file.rows(
        "SELECT organization, user_id, role FROM changed_roles WHERE at >= ? ORDER BY at",
        core.now() - seconds,
    )
    return [RoleChange(*row) for row in rows]


def forget_roles(core: Core, seconds: int) -> None:
    """Forget changes that are older."""
    core.file.change("DELETE FROM changed_roles WHERE at < ?", core.now() - seconds)


def find(core: Core, text: str) -> Organization | None:
    """By id or slug."""
    id = core.file.value("SELECT id FROM organizations WHERE id = ? OR slug = ?", text, text)
    return None if id is None else require(core, id)


def require(core: Core, id: str) -> Organization:
    """Raises AccountError."""
    found = get(core, id)
    if found is None:
        raise AccountError("error.no_organization", status=404)
    return found


def get(core: Core, id: str) -> Organization | None:
    row = core.file.row(
        "SELECT id, slug, name, created_at, public_metadata, private_metadata, "
        "(SELECT count(*) FROM memberships WHERE organization = id) FROM organizations WHERE id = ?",
        id,
    )
    if row is None:
        return None
    id, slug, name, created_at, public, private, members = row
    return Organization(id, slug, name, created_at, loads(public), loads(private), members)


def listed(core: Core, *, after: str, limit: int, search: str = "") -> list[Organization]:
    """Organisations in the order of their ids, which is random; `search` is a part of a name or slug."""
    rows = core.file.rows(
        "SELECT id FROM organizations WHERE id > ? AND (? = '' OR instr(lower(name), lower(?)) OR instr(slug, lower(?))) "
        "ORDER BY id LIMIT ?",
        after,
        search,
        search,
        search,
        limit,
    )
    return [require(core, id) for (id,) in rows]


def count(core: Core) -> int:
    found: int = core.file.value("SELECT count(*) FROM organizations")
    return found


def rename(core: Core, id: str, name: str) -> None:
    name = clean_name(name)
    if not name:
        raise AccountError("error.name")
    core.file.change("UPDATE organizations SET name = ? WHERE id = ?", name, id)
    _tell(core, "organization.updated", id)


def set_slug(core: Core, id: str, slug: str) -> None:
    if _SLUG(slug) is None:
        raise AccountError("error.slug")
    if core.file.row("SELECT 1 FROM organizations WHERE slug = ? AND id <> ?", slug, id):
        raise AccountError("error.slug_taken", status=409)
    core.file.change("UPDATE organizations SET slug = ? WHERE id = ?", slug, id)
    _tell(core, "organization.updated", id)


def set_metadata(core: Core, id: str, kind: str, value: dict[str, Any]) -> None:
    """`kind`: `public` or `private`."""
    if kind not in ("public", "private"):
        raise ValueError(kind)
    text = dumps(value)
    if len(text) > 8192:
        raise AccountError("error.metadata_size")
    core.file.change(f"UPDATE organizations SET {kind}_metadata = ? WHERE id = ?", text, id)  # noqa: S608 - checked above
    _tell(core, "organization.updated", id)


def memberships(core: Core, user_id: str) -> list[Membership]:
    rows = core.file.rows(
        "SELECT id, slug, name, role, memberships.created_at FROM organizations JOIN memberships ON organization = id WHERE user_id = ? "
        "ORDER BY name, id",
        user_id,
    )
    return [Membership(*row) for row in rows]


def describe(membership: Membership) -> dict[str, Any]:
    """A user's membership as JSON."""
    return {
        "id": membership.organization,
        "slug": membership.slug,
        "name": membership.name,
        "role": membership.role,
    }


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


def members_page(core: Core, organization: str, *, after: str, limit: int) -> list[dict[str, Any]]:
    """The same in the order of their ids."""
    rows = core.file.rows(
        "SELECT users.id, name, coalesce((SELECT email FROM addresses WHERE user_id = users.id AND is_primary), ''), role, "
        "memberships.created_at FROM memberships JOIN users ON users.id = user_id WHERE organization = ? AND users.id > ? "
        "ORDER BY users.id LIMIT ?",
        organization,
        after,
        limit,
    )
    names = ("id", "name", "email", "role", "created_at")
    return [dict(zip(names, (*row[:4], row[4] * 1000), strict=True)) for row in rows]


def _slug_of(name: str) -> str:
    """`Süd & Söhne` is `sud-sohne`."""
    plain = "".join(
        each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each)
    )
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or "organization"


def _note_role(core: Core, organization: str, user_id: str, role: str | None) -> None:
    """Whoever verifies tokens is told, after the commit and after a restart."""
    core.file.change(
        "INSERT OR REPLACE INTO changed_roles VALUES (?, ?, ?, ?)", organization, user_id, role, core.now()
    )
    core.roles.append(RoleChange(organization, user_id, role))


def _tell(core: Core, event: str, id: str) -> None:
    found = require(core, id)
    described = {
        "id": id,
        "object": "organization",
        "slug": found.slug,
        "name": found.name,
        "public_metadata": found.public_metadata,
        "private_metadata": found.private_metadata,
        "created_at": found.created_at * 1000,
    }
    emit(core, event, described)


def _tell_of_member(core: Core, what: str, organization: str, user_id: str, role: str) -> None:
    described = {
        "object": "organization_membership",
        "organization": organization,
        "user_id": user_id,
        "role": role,
    }
    emit(core, f"organizationMembership.{what}", described)


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
