"""Sign-in by password, and the ways to the others; sign-out."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import attempts, audit, passwords, rates, sessions, signing_in, users
from syncline.accounts.core import AccountError, Core, Visitor
from syncline.accounts.emails import clean_email
from syncline.accounts.sessions import Session

from .completing import complete
from .visits import Visit


async def show(visit: Visit) -> Response:
    if visit.session is not None and visit.query.get("again") is None:
        return visit.redirect(visit.target)
    return _page(visit)


async def submit(visit: Visit) -> Response:
    try:
        email = clean_email(visit.form.get("email", ""))
        if visit.form.get("method") == "code" and visit.core.settings.email_code:
            return await send_code(visit, email)
        return await _password(visit, email)
    except AccountError as error:
        return _page(visit, error)


async def send_code(visit: Visit, email: str) -> Response:
    """Send a code and ask for it."""
    core, run = visit.core, visit.accounts.workers.run
    rates.refuse(await run(attempts.take_mail, core, email, visit.visitor))
    flow = await run(signing_in.begin_code, core, email, visit.visitor, visit.browser, visit.target)
    return visit.redirect("/auth/verify", flow=flow.id)


async def _password(visit: Visit, email: str) -> Response:
    user = await check_password(visit, email, visit.form.get("password", ""))
    if user is None:
        raise AccountError("error.credentials", status=401)
    return await complete(visit, user.id, ("pwd",), visit.target)


async def check_password(visit: Visit, email: str, password: str) -> users.User | None:
    """The user with this address and password. Counts failures; takes as long without such a user."""
    core, accounts, run = visit.core, visit.accounts, visit.accounts.workers.run
    if accounts.hasher is None:
        return None
    rates.refuse(await run(attempts.take_password, core, email, visit.visitor, visit.session))
    found = await run(signing_in.candidate, core, email, visit.visitor, visit.session)
    if found.closed_seconds is not None:
        raise AccountError(
            "error.password_closed",
            status=429,
            retry_after=found.closed_seconds,
            minutes=-(-found.closed_seconds // 60),
        )
    if len(password) > passwords.LONGEST:
        password = ""
    good, new_hash = await accounts.workers.hash(
        accounts.hasher.check, found.hash, password, found.foreign_hash
    )
    return await run(signing_in.password_checked, core, email, found, good, new_hash, visit.visitor)


async def show_out(visit: Visit) -> Response:
    if visit.session is None:
        return visit.redirect(visit.target)
    user = await visit.accounts.workers.run(users.require, visit.core, visit.session.user_id)
    return visit.page("sign_out.html", user=user)


async def submit_out(visit: Visit) -> Response:
    if visit.session is not None:
        await visit.accounts.workers.run(end_session, visit.core, visit.session, visit.visitor)
    visit.clear_session()
    return visit.redirect(visit.target)


def end_session(core: Core, session: Session, visitor: Visitor) -> None:
    """Sign-out of one session."""
    if sessions.end(core, session.id, "signed out"):
        audit.record(core, "sign_out", session.user_id, visitor, actor=session.actor, session=session.id)


def _page(visit: Visit, error: AccountError | None = None) -> Response:
    status = error.status if error else 200
    return visit.page(
        "sign_in.html", status, error=error, email=visit.form.get("email", visit.query.get("email", ""))
    )
