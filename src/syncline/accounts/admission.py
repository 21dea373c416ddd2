"""Who may have an account: rules for addresses, and invitations."""

from __future__ import annotations

from dataclasses import dataclass

from . import audit, events, organizations, users
from .core import AccountError, Core, Visitor
from .disposable import is_disposable
from .emails import matches, normal_form
from .mail.outbox import queue
from .users import User

_INVITED_SECONDS = 7 * 24 * 3600
PENDING = 1_000


@dataclass(frozen=True, slots=True)
class Invitation:
    id: str
    email: str
    normal: str
    organization: str | None
    role: str | None
    created_at: int
    expires_at: int


def check_address(core: Core, email: str) -> None:
    """Raise AccountError for an address that the rules keep out. Says nothing of whether anybody has it."""
    normal, accounts = normal_form(email), core.settings.accounts
    stored = core.file.rows("SELECT pattern, allowed FROM address_rules")
    blocked = [*accounts.blocked, *(pattern for pattern, allowed in stored if not allowed)]
    allowed = [*accounts.allowed, *(pattern for pattern, allowed in stored if allowed)]
    welcome = any(matches(normal, pattern) for pattern in allowed)
    if any(matches(normal, pattern) for pattern in blocked) or (allowed and not welcome):
        raise AccountError("error.blocked", status=403)
    if accounts.block_disposable and not welcome and is_disposable(normal):
        raise AccountError("error.disposable", status=403)


def may_sign_up(core: Core, email: str) -> bool:
    """Whether sign-up is open to this address: to all, or to the invited."""
    if core.settings.accounts.sign_up == "open":
        return True
    return core.settings.accounts.sign_up == "invited" and bool(open_invitations(core, email))


def set_rule(core: Core, pattern: str, *, allowed: bool) -> None:
    """`pattern`: an address, or `@domain`."""
    core.file.change(
        "INSERT OR REPLACE INTO address_rules VALUES (?, ?, ?)", pattern.casefold(), int(allowed), core.now()
    )


def remove_rule(core: Core, pattern: str) -> bool:
    return core.file.change("DELETE FROM address_rules WHERE pattern = ?", pattern.casefold()) > 0


def rules(core: Core) -> list[tuple[str, bool]]:
    return [
        (pattern, bool(allowed))
        for pattern, allowed in core.file.rows("SELECT pattern, allowed FROM address_rules")
    ]


def invite(
    core: Core,
    email: str,
    *,
    locale: str,
    organization: str | None = None,
    role: str = organizations.MEMBER,
    by: User | None = None,
    visitor: Visitor | None = None,
    actor: str | None = None,
) -> str:
    """Invite an address to the application, or to an organisation. Sends a mail; returns the ticket that is in it.

    An earlier invitation of the address to the same is void.
    """
    check_address(core, email)
    pending: int = core.file.value(
        "SELECT count(*) FROM invitations WHERE organization IS ? AND accepted_at IS NULL AND revoked_at IS NULL "
        "AND expires_at > ?",
        organization,
        core.now(),
    )
    if pending >= PENDING:
        raise AccountError("error.too_many_invitations", limit=PENDING)
    normal, ticket = normal_form(email), core.new_secret()
    for earlier in open_invitations(core, email):
        if earlier.organization == organization:
            revoke_invitation(core, earlier.id, organization)
    id = core.new_id("inv")
    core.file.change(
        "INSERT INTO invitations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        id,
        normal,
        email,
        organization,
        role if organization else None,
        core.digest("ticket", ticket),
        by.id if by else None,
        core.now(),
        core.now() + _INVITED_SECONDS,
    )
    name = (
        core.file.value("SELECT name FROM organizations WHERE id = ?", organization) if organization else None
    )
    queue(
        core,
        "invitation",
        email,
        locale,
        where=name or core.settings.name,
        who=(by.name or by.email) if by else core.settings.name,
        url=f"{core.settings.issuer}/invitation?ticket={ticket}",
    )
    audit.record(
        core,
        "invitation.created",
        by.id if by else None,
        visitor,
        actor=actor,
        email=email,
        organization=organization,
    )
    _tell(core, "created", id)
    return ticket


def find_invitation(core: Core, ticket: str) -> Invitation | None:
    """The open invitation with this ticket."""
    return next(iter(_open(core, "ticket_hash = ?", core.digest("ticket", ticket))), None)


def open_invitations(core: Core, email: str) -> list[Invitation]:
    return _open(core, "normal = ?", normal_form(email))


def invitations_to(core: Core, organization: str) -> list[Invitation]:
    """Invitations to an organisation that nobody accepted yet."""
    return _open(core, "organization = ?", organization)


def pending(core: Core, organization: str | None, *, after: str, limit: int) -> list[Invitation]:
    """Invitations that nobody accepted yet, to an organisation or to the application, in the order of their ids."""
    return _open(core, "id > ? AND organization IS ?", after, organization, end="id LIMIT ?", more=(limit,))


def invitation(core: Core, id: str) -> Invitation | None:
    """The open invitation of this id."""
    return next(iter(_open(core, "id = ?", id)), None)


def _open(
    core: Core, where: str, *values: object, end: str = "created_at", more: tuple[object, ...] = ()
) -> list[Invitation]:
    """Invitations that can be accepted still, as far as `where` says, in the order that `end` says."""
    rows = core.file.rows(
        f"SELECT id, email, normal, organization, role, created_at, expires_at FROM invitations WHERE {where} "  # noqa: S608 - conditions from above
        f"AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ? ORDER BY {end}",
        *values,
        core.now(),
        *more,
    )
    return [Invitation(*row) for row in rows]


def accept(
    core: Core, invitation: Invitation, user: User, visitor: Visitor, *, actor: str | None = None
) -> None:
    """The user takes the invitation. Raises AccountError unless the invited address is a verified one of the user's."""
    if not any(address.normal == invitation.normal and address.verified for address in user.addresses):
        raise AccountError("invitation.other", status=403, email=invitation.email)
    taken = core.file.change(
        "UPDATE invitations SET accepted_at = ? WHERE id = ? AND accepted_at IS NULL AND revoked_at IS NULL",
        core.now(),
        invitation.id,
    )
    if not taken:
        raise AccountError("invitation.gone", status=410)
    if invitation.organization is not None:
        organizations.join(core, invitation.organization, user.id, invitation.role or organizations.MEMBER)
    audit.record(
        core, "invitation.accepted", user.id, visitor, actor=actor, organization=invitation.organization
    )
    _tell(core, "accepted", invitation.id)


def accept_for_new(core: Core, user: User, visitor: Visitor) -> None:
    """A new user with a verified address has accepted the application's own invitations by signing up."""
    for invitation in open_invitations(core, user.email):
        if invitation.organization is None:
            accept(core, invitation, users.require(core, user.id), visitor)


def revoke_invitation(core: Core, id: str, organization: str | None) -> bool:
    """Withdraw an invitation of this organisation (or of none)."""
    changed = core.file.change(
        "UPDATE invitations SET revoked_at = ? WHERE id = ? AND organization IS ? AND accepted_at IS NULL",
        core.now(),
        id,
        organization,
    )
    if changed:
        _tell(core, "revoked", id)
    return changed > 0


def _tell(core: Core, status: str, id: str) -> None:
    """`invitation.created` and so on; `organizationInvitation.created` for one to an organisation."""
    email, organization, role = core.file.row(
        "SELECT email, organization, role FROM invitations WHERE id = ?", id
    ) or ("", None, None)
    described = {"id": id, "email_address": email, "status": "pending" if status == "created" else status}
    if organization is None:
        events.emit(core, f"invitation.{status}", {"object": "invitation"} | described)
        return
    described |= {"object": "organization_invitation", "organization": organization, "role": role}
    events.emit(core, f"organizationInvitation.{status}", described)
