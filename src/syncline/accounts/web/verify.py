"""The code or link of a mail, consumed by POST: programs that look at mails open links, but send no forms."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import attempts, audit, events, flows, linking, rates, sessions, signing_in, users
from syncline.accounts.core import AccountError, Core, Visitor
from syncline.accounts.flows import Flow, Result
from syncline.accounts.sessions import Session

from .completing import complete
from .visits import Visit

PURPOSES = ("sign_in", "sign_up", "reset", "add_email", "reverify", "connect")
#: For these the page sends another mail itself; the others lead to where the mail was asked for.
AGAIN = ("sign_in", "sign_up", "connect")
_NEW_PASSWORD_SECONDS = 15 * 60


async def show(visit: Visit) -> Response:
    flow = await open_flow(visit, visit.query.get("flow", ""), *PURPOSES)
    return _page(visit, flow)


async def submit(visit: Visit) -> Response:
    core, run = visit.core, visit.accounts.workers.run
    flow = await open_flow(visit, visit.form.get("flow", ""), *PURPOSES)
    try:
        rates.refuse(await run(attempts.take_code, core, flow.user_id, visit.visitor))
        result = await run(flows.try_code, core, flow, visit.form.get("code", "")[:40])
        _require_right(result)
        return await _go_on(visit, flow)
    except AccountError as error:
        if error.text != "error.code":
            raise
        return _page(visit, flow, error)


async def again(visit: Visit) -> Response:
    """Another mail for what this browser has begun; the code of the last one is over. Sends as seldom as the first."""
    core, run = visit.core, visit.accounts.workers.run
    flow = await open_flow(visit, visit.form.get("flow", ""), *AGAIN)
    try:
        rates.refuse(await run(attempts.take_mail, core, flow.address or "", visit.visitor))
        begun = await run(_begin_again, core, flow, visit.visitor, visit.browser)
    except AccountError as error:
        return _page(visit, flow, error)
    return visit.redirect("/auth/verify", flow=begun.id, sent="1")


async def show_link(visit: Visit) -> Response:
    id, token = visit.query.get("flow", "")[:100], visit.query.get("token", "")[:100]
    flow = await visit.accounts.workers.run(flows.get, visit.core, id, visit.browser, *PURPOSES)
    if flow is None:
        waits = await visit.accounts.workers.run(flows.is_open, visit.core, id)
        if not waits:
            raise AccountError("notice.expired", status=410)
        return visit.page("elsewhere.html")
    return visit.page("link.html", flow=flow, token=token)


async def submit_link(visit: Visit) -> Response:
    flow = await open_flow(visit, visit.form.get("flow", ""), *PURPOSES)
    result = await visit.accounts.workers.run(
        flows.try_link, visit.core, flow, visit.form.get("token", "")[:100]
    )
    _require_right(result)
    return await _go_on(visit, flow)


async def open_flow(visit: Visit, id: str, *purposes: str) -> Flow:
    """The flow, if it is open and this browser's. Raises AccountError."""
    flow = await visit.accounts.workers.run(flows.get, visit.core, id[:100], visit.browser, *purposes)
    if flow is None:
        raise AccountError("notice.expired", status=410)
    return flow


def _require_right(result: Result) -> None:
    if result == "over":
        raise AccountError("error.code_over", status=410)
    if result == "wrong":
        raise AccountError("error.code", status=400)


async def _go_on(visit: Visit, flow: Flow) -> Response:
    """The address of the flow is proved."""
    core, run = visit.core, visit.accounts.workers.run
    target: str = flow.state["target"]
    match flow.purpose:
        case "sign_in":
            if flow.user_id is None:
                raise AccountError("error.code_over", status=410)
            await run(users.verify_address, core, flow.address or "")
            return await complete(visit, flow.user_id, ("otp",), target)
        case "sign_up":
            if not flow.state["open"]:
                raise AccountError("error.code_over", status=410)
            user = await run(signing_in.signed_up, core, flow, visit.visitor)
            if core.settings.password is None and core.settings.email_code is None:
                # The next thing to do is to add a passkey: without one there is no way back in.
                target = "/auth/account"
            return await complete(visit, user.id, ("pwd", "otp") if flow.state["hash"] else ("otp",), target)
        case "connect":
            user = await run(linking.proved, core, flow, visit.visitor)
            return await complete(visit, user.id, ("fed", "otp"), target)
        case "reset":
            if flow.user_id is None:
                raise AccountError("error.code_over", status=410)
            following = await run(_begin_new_password, core, flow, visit.browser)
            return visit.redirect("/auth/new-password", flow=following.id)
        case "add_email":
            _require_same_session(visit, flow)
            await run(_add_address, core, flow, visit.visitor)
            return visit.redirect("/auth/account", saved="1")
        case _:
            session = _require_same_session(visit, flow)
            await run(sessions.confirm, core, session.id, second=False)
            visit.set_session(await run(sessions.new_secret, core, session.id))
            return visit.redirect(target)


def _require_same_session(visit: Visit, flow: Flow) -> Session:
    """The session that began the flow. Raises AccountError if it is over, or the browser has another one now."""
    session = visit.required()
    if flow.state["session"] != session.id:
        raise AccountError("notice.expired", status=410)
    return session


def _begin_again(core: Core, flow: Flow, visitor: Visitor, browser: str) -> Flow:
    email, target = flow.address or "", flow.state["target"]
    if flow.purpose == "connect":
        return linking.begin_proof(core, flow, email, visitor, browser)
    if flow.purpose == "sign_up":
        name, hashed = flow.state["name"], flow.state["hash"]
        return signing_in.begin_sign_up(core, email, name, hashed, visitor, browser, target)
    return signing_in.begin_code(core, email, visitor, browser, target)


def _begin_new_password(core: Core, flow: Flow, browser: str) -> Flow:
    users.verify_address(core, flow.address or "")
    begun = flows.start(
        core,
        "new_password",
        browser,
        seconds=_NEW_PASSWORD_SECONDS,
        user_id=flow.user_id,
        target=flow.state["target"],
    )
    return begun.flow


def _add_address(core: Core, flow: Flow, visitor: Visitor) -> None:
    assert flow.user_id is not None and flow.address is not None
    if not flow.state["open"]:
        raise AccountError("error.code_over", status=410)
    existing = users.by_email(core, flow.address)
    # Who has the account hears of it where nobody can have changed anything yet.
    signing_in.notify(core, users.require(core, flow.user_id), "factor_changed", what=flow.address)
    if existing is not None and existing.id == flow.user_id:
        users.verify_address(core, flow.address)
    else:
        users.add_address(core, flow.user_id, flow.address, verified=True)
    audit.record(core, "email.added", flow.user_id, visitor, email=flow.address)
    events.user_changed(core, "user.updated", flow.user_id)


def _page(visit: Visit, flow: Flow, error: AccountError | None = None) -> Response:
    notice = "verify.sent" if visit.query.get("sent") and error is None else None
    return visit.page(
        "verify.html", error.status if error else 200, flow=flow, error=error, notice=notice, again=AGAIN
    )
