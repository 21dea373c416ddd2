"""Where a user is signed in, and ending that."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import audit, known_devices, sessions
from syncline.accounts.core import AccountError, Core
from syncline.accounts.sessions import Session

from .visits import Visit


async def show(visit: Visit) -> Response:
    if visit.session is None:
        return visit.redirect("/auth/sign-in", redirect="/auth/devices")
    found = await visit.accounts.workers.run(sessions.listed, visit.core, visit.session.user_id)
    return visit.page("devices.html", sessions=found)


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


def _revoke(visit: Visit, own: Session, id: str) -> None:
    core: Core = visit.core
    if all(each.id != id for each in sessions.listed(core, own.user_id)):
        raise AccountError("error.not_found", status=404)
    sessions.end(core, id, "revoked")
    audit.record(core, "session.revoked", own.user_id, visit.visitor, actor=own.actor, session=id)


def _revoke_all(visit: Visit, own: Session, but: str | None) -> None:
    core: Core = visit.core
    known_devices.forget_all(core, own.user_id, but=but)
    for each in sessions.listed(core, own.user_id):
        if each.id != but:
            _revoke(visit, own, each.id)
