"""The sign-in of programs without a browser: what they ask, and the page on which their user enters the code."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import device_grants, rates, users
from syncline.accounts.core import AccountError

from .completing import require_whole
from .visits import Visit

DEVICE = "/auth/device"


async def ask(visit: Visit) -> Response:
    """`POST /auth/device`: the codes of a new request, for a program."""
    core, run = visit.core, visit.accounts.workers.run
    rates.refuse(await run(rates.take, core, ("device.ip", visit.visitor.address)))
    asked = await run(device_grants.ask, core, visit.fields.get("client_name", ""), visit.visitor)
    page = f"{core.settings.issuer}/device"
    return visit.answer(
        {
            "device_code": asked.device_code,
            "user_code": asked.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?code={asked.user_code}",
            "expires_in": device_grants.SECONDS,
            "interval": device_grants.INTERVAL,
        }
    )


async def show(visit: Visit) -> Response:
    """The form for the code, filled in if the address has one; nothing more happens by opening it."""
    code = device_grants.read_code(visit.query.get("code", ""))
    if visit.session is None:
        return _to_sign_in(visit, code)
    try:
        require_whole(visit)
    except AccountError as error:
        if error.text == "error.second_required":
            return visit.redirect("/auth/account/totp")
        return _form(visit, code, error)
    return _form(visit, code)


async def submit(visit: Visit) -> Response:
    """The code: what it stands for is this session's from now on, and is shown."""
    core, run, text = visit.core, visit.accounts.workers.run, visit.form.get("code", "")[:40]
    if visit.session is None:
        return _to_sign_in(visit, device_grants.read_code(text))
    session = visit.session
    try:
        require_whole(visit)
        attempts = (("device_code", session.user_id), ("device_code.ip", visit.visitor.address))
        rates.refuse(await run(rates.take, core, *attempts))
        found = await run(device_grants.claim, core, text, session, visit.visitor)
        if found is None:
            raise AccountError("error.device_code")
    except AccountError as error:
        return _form(visit, text, error)
    user = await run(users.require, core, session.user_id)
    return visit.page("device_confirm.html", asked=found, code=device_grants.read_code(text), user=user)


async def decide(visit: Visit) -> Response:
    """Allow or refuse what was shown."""
    session, action = visit.required(), visit.form.get("action")
    require_whole(visit)
    if action not in ("allow", "refuse"):
        raise AccountError("error.body")
    decided = await visit.accounts.workers.run(
        device_grants.decide,
        visit.core,
        visit.form.get("request", "")[:100],
        session,
        visit.visitor,
        allow=action == "allow",
    )
    if decided is None:
        raise AccountError("notice.expired", status=410)
    return visit.page("device_done.html", asked=decided, allowed=action == "allow")


def _to_sign_in(visit: Visit, code: str) -> Response:
    return visit.redirect("/auth/sign-in", redirect=f"{DEVICE}?code={code}" if code else DEVICE)


def _form(visit: Visit, code: str, error: AccountError | None = None) -> Response:
    return visit.page("device.html", error.status if error else 200, code=code, error=error)
