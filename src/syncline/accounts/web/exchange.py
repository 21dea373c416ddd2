"""The code exchange for frontends on another origin, and for programs."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from syncline.accounts import device_grants, grants, rates, tokens
from syncline.accounts.core import AccountError, Core
from syncline.accounts.grants import Granted

from .completing import require_own
from .visits import Visit


async def authorize(visit: Visit) -> Response:
    """`GET /auth/authorize`: back to the client with a code, after a sign-in if there is no session."""
    core, query = visit.core, visit.query
    redirect_uri, challenge = query.get("redirect_uri", ""), query.get("code_challenge", "")
    grants.check_request(core, redirect_uri, challenge, query.get("code_challenge_method", ""))
    if visit.session is None:
        here = f"/auth/authorize?{urlencode(list(visit.request.query_params.multi_items()))}"
        return visit.redirect(
            "/auth/sign-up" if query.get("screen") == "sign-up" else "/auth/sign-in", redirect=here
        )
    session = require_own(visit)
    code = await visit.accounts.workers.run(grants.new_code, core, session, redirect_uri, challenge)
    answer = {"code": code, "state": query.get("state", ""), "iss": core.settings.issuer}
    return visit.redirect(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}")


async def exchange(visit: Visit) -> Response:
    """`POST /auth/exchange`: an access token and a refresh token for a code, a device code, or the last refresh token."""
    core, run = visit.core, visit.accounts.workers.run
    fields = visit.fields
    if fields.get("grant_type") == device_grants.GRANT_TYPE:
        return await _redeem_device_code(visit)
    what = "refresh.ip" if fields.get("grant_type") == "refresh_token" else "code.ip"
    rates.refuse(await run(rates.take, core, (what, visit.visitor.address)))
    match fields.get("grant_type"):
        case "authorization_code":
            granted = await run(
                grants.redeem_code,
                core,
                fields.get("code", "")[:200],
                fields.get("code_verifier", "")[:200],
                fields.get("redirect_uri", "")[:2000],
                visit.visitor,
            )
        case "refresh_token":
            token = fields.get("refresh_token", "")[:200]
            granted = await run(grants.redeem_refresh_token, core, token, visit.visitor)
        case _:
            raise AccountError("error.grant")
    if granted is None:
        raise AccountError("error.grant", status=401)
    return visit.answer(await _answer(visit, core, granted))


async def _redeem_device_code(visit: Visit) -> Response:
    """What a program asks again and again, in a few words of RFC 8628: its secret is too long to be guessed."""
    core, run = visit.core, visit.accounts.workers.run
    rates.refuse(await run(rates.take, core, ("device_poll.ip", visit.visitor.address)))
    secret = visit.fields.get("device_code", "")[:200]
    granted = await run(device_grants.redeem, core, secret, visit.visitor)
    if isinstance(granted, device_grants.Unready):
        seconds = granted.interval
        raise AccountError(f"error.{granted.error}", retry_after=seconds, seconds=seconds)
    return visit.answer(await _answer(visit, core, granted))


async def revoke(visit: Visit) -> Response:
    """`POST /auth/revoke`: end the session of a refresh token."""
    token = visit.fields.get("refresh_token", "")[:200]
    await visit.accounts.workers.run(grants.end_by_refresh_token, visit.core, token, visit.visitor)
    return visit.answer({})


async def _answer(visit: Visit, core: Core, granted: Granted) -> dict[str, object]:
    draft = await visit.accounts.workers.run(tokens.draft, core, granted.session)
    token = await visit.accounts.workers.sign(tokens.sign, draft)
    answer: dict[str, object] = {
        "token": token,
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": draft.seconds,
        "session": granted.session.id,
    }
    if granted.refresh_token is not None:
        answer["refresh_token"] = granted.refresh_token
    return answer
