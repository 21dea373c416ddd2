"""Who comes from a service that proves no address says which is his: an account needs a code that was sent to it."""

from __future__ import annotations

from contextlib import suppress

from starlette.responses import Response

from syncline.accounts import attempts, linking, rates
from syncline.accounts.core import AccountError
from syncline.accounts.emails import clean_email
from syncline.accounts.flows import Flow
from syncline.accounts.oauth import Profile

from .verify import open_flow
from .visits import Visit

_PURPOSES = ("profile", "connect")


async def begin(visit: Visit, profile: Profile, title: str, target: str) -> Response:
    """Send a code to the address that the service tells, or ask for one."""
    waiting = await visit.accounts.workers.run(
        linking.begin_waiting, visit.core, profile, title, visit.browser, target
    )
    if profile.email:
        # If it cannot be sent, the page that follows has the address in it, and says why when its form is sent.
        with suppress(AccountError):
            return await _send(visit, waiting, profile.email)
    return visit.redirect("/auth/connect", flow=waiting.id)


async def show(visit: Visit) -> Response:
    flow = await open_flow(visit, visit.query.get("flow", ""), *_PURPOSES)
    return _page(visit, flow, linking.suggested_address(linking.kept_profile(flow)))


async def submit(visit: Visit) -> Response:
    flow = await open_flow(visit, visit.form.get("flow", ""), *_PURPOSES)
    email = visit.form.get("email", "")
    try:
        return await _send(visit, flow, email)
    except AccountError as error:
        return _page(visit, flow, email, error)


async def _send(visit: Visit, waiting: Flow, text: str) -> Response:
    """A code to the address, as seldom as for a sign-up, which it may be. Raises AccountError."""
    core, run = visit.core, visit.accounts.workers.run
    email = clean_email(text)
    also = ("sign_up.ip", visit.visitor.address)
    rates.refuse(await run(attempts.take_mail, core, email, visit.visitor, also))
    begun = await run(linking.begin_proof, core, waiting, email, visit.visitor, visit.browser)
    return visit.redirect("/auth/verify", flow=begun.id)


def _page(visit: Visit, flow: Flow, email: str, error: AccountError | None = None) -> Response:
    status = error.status if error else 200
    return visit.page("connect.html", status, flow=flow, email=email, error=error)
