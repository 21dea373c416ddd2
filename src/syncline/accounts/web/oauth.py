"""Sign-in at other services: the way there and back."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

from starlette.responses import Response

from syncline.accounts import flows, linking, rates, sessions
from syncline.accounts.core import AccountError, Core
from syncline.accounts.flows import Started
from syncline.accounts.oauth import Profile, ProviderClient
from syncline.accounts.outgoing import OutgoingError
from syncline.auth import Apple

from . import connecting
from .account import ACCOUNT, page, saved
from .completing import complete, require_recent
from .visits import Visit

logger = logging.getLogger("syncline.accounts")

_SECONDS = 600
_NAME_LENGTH = 100


async def start(visit: Visit) -> Response:
    """Begin: the browser is sent to the service. Who is signed in connects the service to his account."""
    client = _client(visit)
    core, run = visit.core, visit.accounts.workers.run
    rates.refuse(await run(rates.take, core, ("oauth.ip", visit.visitor.address)))
    if visit.session is not None:
        try:
            require_recent(visit)
        except AccountError as error:
            return await page(visit, error)

    def work() -> Started:
        return flows.start(
            core,
            "oauth",
            visit.browser,
            seconds=_SECONDS,
            user_id=visit.session.user_id if visit.session else None,
            provider=client.provider.key,
            nonce=core.new_secret(),
            verifier=core.new_secret(),
            target=visit.target,
        )

    begun = await run(work)
    state = begun.flow.state
    try:
        url = await visit.accounts.outgoing.run(
            client.authorize_url, f"{begun.flow.id}.{begun.link}", state["nonce"], state["verifier"]
        )
    except OutgoingError as error:
        raise _refused(client, error) from None
    # Not a redirect: browsers apply the policy for forms to every site that a form is sent on to, and services send people
    # on to others.
    return visit.page("onward.html", url=url, provider=client.provider.title)


async def callback(visit: Visit) -> Response:
    """Back from the service, with its answer."""
    client = _client(visit)
    core, run, query = visit.core, visit.accounts.workers.run, visit.query
    rates.refuse(await run(rates.take, core, ("oauth.ip", visit.visitor.address)))
    id, _, link = query.get("state", "")[:200].partition(".")
    flow = await run(flows.get, core, id, visit.browser, "oauth")
    if flow is None or flow.state["provider"] != client.provider.key:
        raise AccountError("notice.expired", status=410)
    if await run(flows.try_link, core, flow, link) != "right":
        raise AccountError("notice.expired", status=410)
    code = query.get("code", "")[:4000]
    if not code:
        raise _refused(client, OutgoingError(f"it said {query.get('error', 'nothing')[:100]}"))
    try:
        profile = await visit.accounts.outgoing.run(
            client.redeem, code, flow.state["nonce"], flow.state["verifier"], query.get("iss")
        )
    except OutgoingError as error:
        raise _refused(client, error) from None
    if flow.user_id is not None:
        return await _connect(visit, client, profile, flow.user_id)
    if isinstance(client.provider, Apple) and not profile.name:
        # Not signed: good for the name of a new user, who may change it, and for nothing else.
        profile = replace(profile, name=query.get("name", "")[:_NAME_LENGTH])
    user = await run(linking.sign_in, core, profile, client.provider.title, visit.visitor)
    if user is None:
        return await connecting.begin(visit, profile, client.provider.title, flow.state["target"])
    return await complete(visit, user.id, ("fed",), flow.state["target"])


async def callback_form(visit: Visit) -> Response:
    """Apple answers by a form from its own site, to which browsers do not add our cookies: fetch the answer by GET."""
    client = _client(visit)
    known = {name: visit.form[name] for name in ("code", "state", "error", "iss") if name in visit.form}
    name = _told_name(visit.form.get("user", ""))
    if name:
        known["name"] = name
    return visit.redirect(f"/auth/oauth/{client.provider.key}/callback", **known)


async def disconnect(visit: Visit) -> Response:
    try:
        require_recent(visit)
        session, provider = visit.required(), visit.form.get("provider", "")
        await visit.accounts.workers.run(
            linking.disconnect, visit.core, session.user_id, provider, visit.visitor
        )
    except AccountError as error:
        return await page(visit, error)
    return saved(visit)


async def _connect(visit: Visit, client: ProviderClient, profile: Profile, user_id: str) -> Response:
    session = visit.required()
    if session.user_id != user_id:
        raise AccountError("notice.expired", status=410)
    require_recent(visit)

    def work(core: Core) -> None:
        sessions.require_live(core, session.id)
        linking.connect(core, profile, user_id, client.provider.title, visit.visitor)

    await visit.accounts.workers.run(work, visit.core)
    return visit.redirect(ACCOUNT, saved="1")


def _told_name(text: str) -> str:
    """The name in what Apple sends beside its first answer, and never again: `{"name": {"firstName", "lastName"}}`."""
    try:
        name = json.loads(text[:2000] or "{}")["name"]
        parts = [name[part] for part in ("firstName", "lastName") if isinstance(name.get(part), str)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return " ".join(parts).strip()[:_NAME_LENGTH]


def _client(visit: Visit) -> ProviderClient:
    client = visit.accounts.clients.get(visit.request.path_params["provider"])
    if client is None or client.provider not in visit.core.settings.offered:
        raise AccountError("notice.not_found", status=404)
    return client


def _refused(client: ProviderClient, error: OutgoingError) -> AccountError:
    logger.warning("sign-in with %s failed: %s", client.provider.title, error)
    return AccountError("error.provider", status=502, provider=client.provider.title)
