"""The second step of a sign-in, and proving again who one is before something important."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import (
    attempts,
    audit,
    flows,
    passwords,
    rates,
    second_factor,
    sessions,
    signing_in,
    users,
)
from syncline.accounts.core import AccountError, Core, Visitor
from syncline.accounts.flows import Flow
from syncline.accounts.passkeys import listed as passkeys_of
from syncline.accounts.sessions import Session

from .completing import complete, require_own
from .sign_in import check_password
from .verify import open_flow
from .visits import Visit


async def show(visit: Visit) -> Response:
    flow = await open_flow(visit, visit.query.get("flow", ""), "second")
    return visit.page("mfa.html", flow=flow)


async def submit(visit: Visit) -> Response:
    flow = await open_flow(visit, visit.form.get("flow", ""), "second")
    assert flow.user_id is not None
    run = visit.accounts.workers.run
    rates.refuse(await run(attempts.take_second, visit.core, flow.user_id, visit.visitor))
    used = await run(_check_step, visit.core, flow, visit.form.get("code", "")[:60], visit.visitor)
    if used is None:
        error = AccountError("error.code")
        if flow.attempts + 1 >= flows.ATTEMPTS:
            raise AccountError("error.code_over", status=410)
        return visit.page("mfa.html", 400, flow=flow, error=error)
    methods = (*flow.state["methods"], used, "mfa")
    return await complete(visit, flow.user_id, methods, flow.state["target"], second=True)


async def show_again(visit: Visit) -> Response:
    return await _page(visit)


async def submit_again(visit: Visit) -> Response:
    core, run, session = visit.core, visit.accounts.workers.run, require_own(visit)
    user = await run(users.require, core, session.user_id)
    try:
        if visit.form.get("method") != "totp" and await run(second_factor.is_on, core, user.id):
            # The page does not offer it: the first step alone must not be enough to take the second one away.
            raise AccountError("error.code")
        if visit.form.get("method") == "email" and user.email:
            rates.refuse(await run(attempts.take_mail, core, user.email, visit.visitor, session=session))
            flow = await run(
                signing_in.begin_reverify, core, user, session, visit.visitor, visit.browser, visit.target
            )
            return visit.redirect("/auth/verify", flow=flow.id)
        if visit.form.get("method") == "totp":
            rates.refuse(await run(attempts.take_second, core, user.id, visit.visitor, session))
            if (
                await run(_check, core, user.id, visit.form.get("code", "")[:60], visit.visitor, session)
                is None
            ):
                raise AccountError("error.code")
            await run(sessions.confirm, core, session.id, second=True)
        else:
            checked = (
                await check_password(visit, user.email, visit.form.get("password", ""))
                if user.email
                else None
            )
            if checked is None or checked.id != user.id:
                raise AccountError("error.password_wrong")
            await run(sessions.confirm, core, session.id, second=False)
    except AccountError as error:
        return await _page(visit, error)
    # Whoever else may hold the secret of this session holds it no more.
    visit.set_session(await run(sessions.new_secret, core, session.id))
    return visit.redirect(visit.target)


def _check_step(core: Core, flow: Flow, code: str, visitor: Visitor) -> str | None:
    """The second step of a sign-in: what the code was, None if it is wrong or came too late."""
    assert flow.user_id is not None
    used = _check(core, flow.user_id, code, visitor)
    if used is None:
        flows.fail(core, flow)
        return None
    return used if flows.finish(core, flow) else None


def _check(
    core: Core, user_id: str, code: str, visitor: Visitor, session: Session | None = None
) -> str | None:
    """What the code was, or None with the failure counted. After many in a row the user hears of it."""
    used = second_factor.check(core, user_id, code)
    if used is not None:
        attempts.forget_wrong_second(core, user_id, visitor, session)
        return used
    audit.record(core, "second_step.failed", user_id, visitor)
    if attempts.note_wrong_second(core, user_id, visitor, session):
        device = core.pages.device(visitor.agent)
        user = users.require(core, user_id)
        signing_in.notify(
            core, user, "second_failed", count=attempts.TOLD, device=device, address=visitor.address
        )
    return None


async def _page(visit: Visit, error: AccountError | None = None) -> Response:
    session, core = require_own(visit), visit.core

    def facts() -> dict[str, object]:
        user = users.require(core, session.user_id)
        return {
            "user": user,
            "has_password": passwords.get(core, user.id) is not None and core.settings.password is not None,
            "has_totp": second_factor.is_on(core, user.id),
            "has_passkey": core.settings.passkey is not None and bool(passkeys_of(core, user.id)),
        }

    found = await visit.accounts.workers.run(facts)
    return visit.page("reverify.html", error.status if error else 200, error=error, **found)
