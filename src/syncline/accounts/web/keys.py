"""A user's API keys, and administrators who act as somebody."""

from __future__ import annotations

from starlette.responses import Response

from syncline.accounts import api_keys, audit, flows, sessions, signing_in, users
from syncline.accounts.admin.of_users import ANYWHERE, IMPERSONATION_SECONDS
from syncline.accounts.core import AccountError, Core

from .account import page
from .completing import require_recent, require_whole
from .visits import Visit

KEYS = "/auth/api-keys"
#: After how many days a key may end, and what the page proposes.
_DAYS = (7, 30, 90, 365)
_DAYS_AT_FIRST = 90


async def show(visit: Visit) -> Response:
    return await _page(visit)


async def submit(visit: Visit) -> Response:
    """Make a key, whose secret is shown once, or end one."""
    session = visit.required()
    try:
        require_recent(visit)
        if visit.form.get("action") == "revoke":
            key = visit.form.get("key", "")
            if not await visit.accounts.workers.run(
                api_keys.revoke, visit.core, session.user_id, key, visit.visitor
            ):
                raise AccountError("error.not_found", status=404)
            return visit.redirect(KEYS)
        # A key outlives the session: it must not be the way around a second step.
        require_whole(visit)
        secret = await visit.accounts.workers.run(_create, visit, session.user_id)
    except AccountError as error:
        if error.text == "error.reverify":
            return visit.redirect("/auth/reverify", redirect=KEYS)
        if error.text == "error.second_required":
            return visit.redirect("/auth/account/totp")
        if error.text == "error.impersonated":
            return await page(visit, error)
        return await _page(visit, error)
    return await _page(visit, secret=secret)


async def show_impersonation(visit: Visit) -> Response:
    """The ticket of an administrator, who is told what it does before it is taken up."""
    flow, token = visit.query.get("flow", "")[:100], visit.query.get("token", "")[:100]

    def is_good(core: Core) -> bool:
        found = flows.get(core, flow, ANYWHERE, "impersonate")
        return found is not None and flows.fits_link(core, found, token)

    if not await visit.accounts.workers.run(is_good, visit.core):
        raise AccountError("notice.expired", status=410)
    return visit.page("impersonate.html", flow=flow, token=token)


async def impersonate(visit: Visit) -> Response:
    """An administrator takes up a ticket: a short session as somebody, of which the log tells."""

    def work(core: Core) -> str:
        flow = flows.get(core, visit.form.get("flow", "")[:100], ANYWHERE, "impersonate")
        if flow is None or flows.try_link(core, flow, visit.form.get("token", "")[:100]) != "right":
            raise AccountError("notice.expired", status=410)
        user = users.require(core, flow.user_id or "")
        actor: str = flow.state["actor"]
        session, secret = sessions.begin(
            core, user, visit.visitor, ("impersonated",), actor=actor, seconds=IMPERSONATION_SECONDS
        )
        audit.record(core, "impersonation.began", user.id, visit.visitor, actor=actor, session=session.id)
        return secret

    visit.set_session(await visit.accounts.workers.run(work, visit.core))
    return visit.redirect("/")


def _create(visit: Visit, user_id: str) -> str:
    """A new key's secret. Its user is told: whoever holds it stays in when the sessions end."""
    core, seconds = visit.core, _lifetime(visit.form.get("days", str(_DAYS_AT_FIRST)))
    key, secret = api_keys.create(
        core, user_id, visit.form.get("name", ""), seconds=seconds, visitor=visit.visitor
    )
    signing_in.tell_of_factor(core, users.require(core, user_id), "api_key", key=key.name)
    return secret


def _lifetime(days: str) -> int | None:
    """The seconds of a choice on the page; None: the key does not end. Raises AccountError for what is none."""
    if days == "":
        return None
    if days not in map(str, _DAYS):
        raise AccountError("error.body")
    return int(days) * 24 * 3600


async def _page(visit: Visit, error: AccountError | None = None, secret: str = "") -> Response:
    if visit.session is None:
        return visit.redirect("/auth/sign-in", redirect=KEYS)
    found = await visit.accounts.workers.run(api_keys.listed, visit.core, visit.session.user_id)
    values = {"keys": found, "secret": secret, "days": _DAYS, "days_at_first": _DAYS_AT_FIRST}
    return visit.page("api_keys.html", error.status if error else 200, error=error, **values)
