"""A new password for who forgot the old one."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import api_keys, attempts, flows, passwords, rates, signing_in, users
from syncline.accounts.core import AccountError, Core, Visitor
from syncline.accounts.emails import clean_email
from syncline.accounts.flows import Flow

from .completing import complete
from .verify import open_flow
from .visits import Visit


async def show(visit: Visit) -> Response:
    return _page(visit)


async def submit(visit: Visit) -> Response:
    core, run = visit.core, visit.accounts.workers.run
    try:
        email = clean_email(visit.form.get("email", ""))
        rates.refuse(await run(attempts.take_mail, core, email, visit.visitor, reset=True))
        flow = await run(signing_in.begin_reset, core, email, visit.visitor, visit.browser, visit.target)
    except AccountError as error:
        return _page(visit, error)
    return visit.redirect("/auth/verify", flow=flow.id)


async def show_new(visit: Visit) -> Response:
    flow = await open_flow(visit, visit.query.get("flow", ""), "new_password")
    return await _new_page(visit, flow)


async def submit_new(visit: Visit) -> Response:
    core, accounts = visit.core, visit.accounts
    flow = await open_flow(visit, visit.form.get("flow", ""), "new_password")
    if core.settings.password is None or accounts.hasher is None or flow.user_id is None:
        raise AccountError("notice.not_found", status=404)
    password = visit.form.get("password", "")
    try:
        user = await accounts.workers.run(users.require, core, flow.user_id)
        passwords.check_new(
            password, core.settings.password, related=(user.email, core.settings.name, *user.name.split())
        )
        hashed = await accounts.workers.hash(accounts.hasher.hash, password)
    except AccountError as error:
        return await _new_page(visit, flow, error)
    await accounts.workers.run(_set, core, flow, hashed, visit.visitor)
    return await complete(visit, flow.user_id, ("pwd", "otp"), flow.state["target"])


def _set(core: Core, flow: Flow, hashed: str, visitor: Visitor) -> None:
    assert flow.user_id is not None
    if not flows.finish(core, flow):
        raise AccountError("notice.expired", status=410)
    signing_in.change_password(core, flow.user_id, hashed, visitor, keep=None, end_keys=True)


async def _new_page(visit: Visit, flow: Flow, error: AccountError | None = None) -> Response:
    keys = await visit.accounts.workers.run(api_keys.listed, visit.core, flow.user_id or "")
    status = error.status if error else 200
    return visit.page("new_password.html", status, flow=flow, error=error, key_count=len(keys))


def _page(visit: Visit, error: AccountError | None = None) -> Response:
    email = visit.form.get("email", visit.query.get("email", ""))
    return visit.page("reset.html", error.status if error else 200, error=error, email=email)
