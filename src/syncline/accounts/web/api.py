"""The sign-in API for scripts: access tokens, the session, sign-out, and what verifiers of tokens ask for."""

from __future__ import annotations

import math
from typing import Any

from starlette.responses import JSONResponse, Response

from syncline.accounts import api_keys, device_grants, events, organizations, rates, tokens, users
from syncline.accounts.core import AccountError, Core
from syncline.accounts.sessions import Session

from .sign_in import end_session
from .visits import Visit

_KEYS_SECONDS = 600


async def token(visit: Visit) -> Response:
    """`POST /auth/token`: an access token for the session of the cookie, with its lifetime in seconds."""
    accounts = visit.accounts
    authorization = visit.request.headers.get("authorization", "")
    if authorization.startswith(f"Bearer {api_keys.PREFIX}"):
        return await _for_key(visit, authorization.removeprefix("Bearer ").strip()[:200])
    session = visit.required()
    wait = accounts.token_wait(session.id)
    if wait is not None:
        raise AccountError("error.too_many", status=429, retry_after=wait, seconds=max(1, math.ceil(wait)))
    draft = await accounts.workers.run(tokens.draft, visit.core, session)
    signed = await accounts.workers.sign(tokens.sign, draft)
    return visit.answer({"token": signed, "expires_in": draft.seconds})


async def session(visit: Visit) -> Response:
    """`GET /auth/session`: who is signed in, or `{"session": null, "user": null}`."""
    if visit.session is None:
        return visit.answer({"session": None, "user": None, "organizations": []})
    return visit.answer(await visit.accounts.workers.run(_describe, visit.core, visit.session))


async def sign_out(visit: Visit) -> Response:
    """`POST /auth/sign-out` as JSON: ends the session, says nothing if there is none."""
    if visit.session is not None:
        await visit.accounts.workers.run(end_session, visit.core, visit.session, visit.visitor)
    visit.clear_session()
    return visit.answer({})


async def key_set(visit: Visit) -> Response:
    headers = {"cache-control": f"public, max-age={_KEYS_SECONDS}", "access-control-allow-origin": "*"}
    return JSONResponse(visit.accounts.key_set, headers=headers)


async def discovery(visit: Visit) -> Response:
    """The OpenID Connect discovery document."""
    issuer = visit.core.settings.issuer
    content = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/exchange",
        "device_authorization_endpoint": f"{issuer}/device",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", device_grants.GRANT_TYPE],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [visit.core.settings.accounts.algorithm],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": True,
    }
    headers = {"cache-control": f"public, max-age={_KEYS_SECONDS}", "access-control-allow-origin": "*"}
    return JSONResponse(content, headers=headers)


async def _for_key(visit: Visit, secret: str) -> Response:
    """A token for the holder of an API key."""
    accounts, core, run = visit.accounts, visit.core, visit.accounts.workers.run
    rates.refuse(await run(rates.take, core, ("code.ip", visit.visitor.address)))
    key = await run(api_keys.find, core, secret)
    if key is None:
        raise AccountError("error.signed_out", status=401)
    draft = await run(tokens.draft_for_key, core, key)
    return visit.answer(
        {"token": await accounts.workers.sign(tokens.sign, draft), "expires_in": draft.seconds}
    )


def _describe(core: Core, found: Session) -> dict[str, Any]:
    user = users.require(core, found.user_id)
    return {
        "session": {
            "id": found.id,
            "created_at": found.created_at * 1000,
            "expires_at": found.ends_at * 1000,
            "auth_time": found.first_at if found.actor is None else None,
            "mfa_time": found.second_at,
            "organization": found.organization,
            "actor": found.actor,
        },
        # What is not known is null for scripts, which would take "" for a name.
        "user": {
            **events.describe_user(user),
            "name": user.name or None,
            "image_url": user.picture or None,
            "email": user.email or None,
        },
        "organizations": [organizations.describe(each) for each in organizations.memberships(core, user.id)],
    }
