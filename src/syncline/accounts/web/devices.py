"""Where a user is signed in, and ending that."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import api_keys, audit, known_devices, sessions, signing_in, users
from syncline.accounts.core import AccountError, Core
from syncline.accounts.sessions import Session

from .completing import require_own
from .visits import Visit


async def show(visit: Visit) -> Response:
    if visit.session is None:
        return visit.redirect("/auth/sign-in", redirect="/auth/devices")
    run, user_id = visit.accounts.workers.run, visit.session.user_id
    # Who acts as somebody does not end what that somebody's programs use.
    keys = [] if visit.session.actor else await run(api_keys.listed, visit.core, user_id)
    found = await run(sessions.listed, visit.core, user_id)
    return visit.page("devices.html", sessions=found, key_count=len(keys))


async def submit(visit: Visit) -> Response:
    session, run = visit.required(), visit.accounts.workers.run
    match visit.form.get("action"):
        case "revoke":
            await run(_revoke, visit, session, visit.form.get("session", ""))
            if visit.form.get("session") == session.id:
                visit.clear_session()
                return visit.redirect("/auth/sign-in")
        case "others":
            await run(_revoke_all, visit, session, session.id)
        case "everywhere":
            await run(_revoke_all, visit, session, None)
            visit.clear_site()
            return visit.redirect("/auth/sign-in")
        case _:
            raise AccountError("error.body")
    return visit.redirect("/auth/devices")


async def describe(visit: Visit) -> Response:
    """`GET /auth/sessions`: the same list for scripts; times in milliseconds since the epoch."""
    own = visit.required()
    found = await visit.accounts.workers.run(sessions.listed, visit.core, own.user_id)
    described = [
        {
            "id": each.id,
            "device": visit.core.pages.device(each.agent),
            "address": each.address or None,
            "created_at": each.created_at * 1000,
            "last_seen_at": each.seen_at * 1000,
            "expires_at": each.ends_at * 1000,
            "actor": each.actor,
            "current": each.id == own.id,
        }
        for each in found
    ]
    return visit.answer({"sessions": described})


async def revoke(visit: Visit) -> Response:
    """`POST /auth/sessions/revoke` with `{"session": id}`: ends one of the caller's own sessions."""
    own, id = visit.required(), visit.fields.get("session", "")[:100]
    await visit.accounts.workers.run(_revoke, visit, own, id)
    if id == own.id:
        visit.clear_session()
    return visit.answer({})


def _revoke(visit: Visit, own: Session, id: str) -> None:
    core: Core = visit.core
    if all(each.id != id for each in sessions.listed(core, own.user_id)):
        raise AccountError("error.not_found", status=404)
    sessions.end(core, id, "revoked", keeps_device=id == own.id)
    audit.record(core, "session.revoked", own.user_id, visit.visitor, actor=own.actor, session=id)


def _revoke_all(visit: Visit, own: Session, but: str | None) -> None:
    core: Core = visit.core
    if visit.form.get("keys"):
        signing_in.end_keys(core, users.require(core, require_own(visit).user_id), visit.visitor)
    known_devices.forget_all(core, own.user_id, but=own.id, device=visit.visitor.device)
    for each in sessions.listed(core, own.user_id):
        if each.id != but:
            _revoke(visit, own, each.id)
