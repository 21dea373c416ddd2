"""Organisations: choosing, making, inviting, members; and invitations from the side of the invited."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from syncline.accounts import admission, audit, organizations, rates, sessions, users
from syncline.accounts.core import AccountError, Core
from syncline.accounts.emails import clean_email, normal_form
from syncline.accounts.organizations import ADMIN, Membership
from syncline.accounts.sessions import Session

from .completing import require_recent, require_word
from .visits import Visit

LIST = "/auth/organizations"


async def show(visit: Visit) -> Response:
    return await _list_page(visit)


async def submit(visit: Visit) -> Response:
    """Make an organisation, switch to one, or leave one."""
    session = visit.required()
    try:
        await visit.accounts.workers.run(_change, visit, session)
    except AccountError as error:
        return await _list_page(visit, error)
    return visit.redirect(LIST)


async def choose(visit: Visit) -> Response:
    """`POST /auth/organizations/active`: the organisation that tokens name from now on; null for none."""
    session, wanted = visit.required(), visit.json.get("organization")

    def work(core: Core) -> None:
        chosen = None
        if wanted is not None:
            chosen = organizations.membership(core, str(wanted), session.user_id).organization
        sessions.choose_organization(core, session.id, chosen)

    await visit.accounts.workers.run(work, visit.core)
    return visit.answer({})


async def show_one(visit: Visit) -> Response:
    if visit.session is None:
        return visit.redirect("/auth/sign-in", redirect=visit.request.url.path)
    return await _page(visit)


async def submit_one(visit: Visit) -> Response:
    """Invite, change roles, remove members and invitations, rename and delete: for administrators."""
    action = visit.form.get("action")
    try:
        if action == "invite":
            await _invite(visit)
        else:
            await visit.accounts.workers.run(_manage, visit)
    except AccountError as error:
        if error.status == 404:
            raise
        if error.text == "error.reverify":
            return visit.redirect("/auth/reverify", redirect=visit.request.url.path)
        return await _page(visit, error)
    return visit.redirect(LIST if action == "delete" else f"{LIST}/{_wanted(visit)}")


async def show_invitation(visit: Visit) -> Response:
    ticket = visit.query.get("ticket", "")[:100]

    def work(core: Core) -> dict[str, Any]:
        found = admission.find_invitation(core, ticket)
        if found is None:
            raise AccountError("invitation.gone", status=410)
        user = users.require(core, visit.session.user_id) if visit.session else None
        own = user is not None and any(
            each.normal == found.normal and each.verified for each in user.addresses
        )
        name = core.file.value("SELECT name FROM organizations WHERE id = ?", found.organization)
        return {"invitation": found, "where": name or core.settings.name, "own": own}

    return visit.page("invitation.html", ticket=ticket, **await visit.accounts.workers.run(work, visit.core))


async def accept_invitation(visit: Visit) -> Response:
    session = visit.required()

    def work(core: Core) -> str | None:
        found = admission.find_invitation(core, visit.form.get("ticket", "")[:100])
        if found is None:
            raise AccountError("invitation.gone", status=410)
        user = users.require(core, session.user_id)
        admission.accept(core, found, user, visit.visitor, actor=session.actor)
        if found.organization is not None:
            sessions.choose_organization(core, session.id, found.organization)
        return found.organization

    organization = await visit.accounts.workers.run(work, visit.core)
    return visit.redirect(LIST if organization else "/")


async def _invite(visit: Visit) -> None:
    core, run, session = visit.core, visit.accounts.workers.run, visit.required()
    email = clean_email(visit.form.get("email", ""))
    # Who may not invite learns so before anything is counted.
    own = await run(organizations.require_admin, core, _wanted(visit), session.user_id)
    attempts = (("invite", session.user_id), ("send", normal_form(email)))
    rates.refuse(await run(rates.take, core, *attempts))

    def work() -> None:
        by = users.require(core, session.user_id)
        role = visit.form.get("role") or organizations.MEMBER
        admission.invite(
            core,
            email,
            locale=visit.locale,
            organization=own.organization,
            role=role,
            by=by,
            visitor=visit.visitor,
            actor=session.actor,
        )

    await run(work)


def _manage(visit: Visit) -> None:
    core, session = visit.core, visit.required()
    own = organizations.require_admin(core, _wanted(visit), session.user_id)
    member = visit.form.get("member", "")
    match visit.form.get("action"):
        case "role":
            organizations.membership(core, own.organization, member)
            organizations.set_role(core, own.organization, member, visit.form.get("role", ""))
            event = "organizationMembership.updated"
        case "remove":
            organizations.membership(core, own.organization, member)
            organizations.leave(core, own.organization, member)
            event = "organizationMembership.deleted"
        case "withdraw":
            if not admission.revoke_invitation(core, visit.form.get("invitation", ""), own.organization):
                raise AccountError("error.not_found", status=404)
            event = "organizationInvitation.revoked"
        case "rename":
            organizations.rename(core, own.organization, visit.form.get("name", ""))
            event = "organization.updated"
        case "delete":
            require_recent(visit)
            require_word(visit)
            organizations.delete(core, own.organization)
            event = "organization.deleted"
        case _:
            raise AccountError("error.body")
    about = {"organization": own.organization, "member": member}
    audit.record(core, event, session.user_id, visit.visitor, actor=session.actor, **about)


def _change(visit: Visit, session: Session) -> None:
    core, user_id, wanted = visit.core, session.user_id, visit.form.get("organization", "")

    def record(event: str, organization: str) -> None:
        audit.record(core, event, user_id, visit.visitor, actor=session.actor, organization=organization)

    match visit.form.get("action"):
        case "create":
            _require_proved_address(core, user_id)
            made = organizations.create(core, visit.form.get("name", ""), user_id)
            sessions.choose_organization(core, session.id, made.organization)
            record("organization.created", made.organization)
        case "choose":
            chosen = organizations.membership(core, wanted, user_id).organization if wanted else None
            sessions.choose_organization(core, session.id, chosen)
        case "leave":
            own = organizations.membership(core, wanted, user_id)
            organizations.leave(core, own.organization, user_id)
            record("organization.left", own.organization)
        case _:
            raise AccountError("error.body")


def _require_proved_address(core: Core, user_id: str) -> None:
    """Who proves the address of this account one day must not find himself in an organisation of a stranger's making."""
    addresses = users.require(core, user_id).addresses
    if addresses and not any(each.verified for each in addresses):
        raise AccountError("error.unverified_address", status=403)


def _wanted(visit: Visit) -> str:
    wanted: str = visit.request.path_params["organization"]
    return wanted


async def _list_page(visit: Visit, error: AccountError | None = None) -> Response:
    session = visit.session
    if session is None:
        return visit.redirect("/auth/sign-in", redirect=LIST)
    # Anew: what was chosen a moment ago counts.
    current = await visit.accounts.workers.run(sessions.get, visit.core, session.id)
    found = await visit.accounts.workers.run(organizations.memberships, visit.core, session.user_id)
    active = current.organization if current else None
    return visit.page(
        "organizations.html", error.status if error else 200, error=error, memberships=found, active=active
    )


async def _page(visit: Visit, error: AccountError | None = None) -> Response:
    session = visit.required()

    def work(core: Core) -> dict[str, Any]:
        own: Membership = organizations.membership(core, _wanted(visit), session.user_id)
        invited = admission.invitations_to(core, own.organization) if own.role == ADMIN else []
        return {
            "own": own,
            "members": organizations.members(core, own.organization),
            "invited": invited,
            "is_admin": own.role == ADMIN,
            "user_id": session.user_id,
        }

    facts = await visit.accounts.workers.run(work, visit.core)
    return visit.page("organization.html", error.status if error else 200, error=error, **facts)
