"""Who calls a route, a mount or a file. Other than for functions, a credential that is none of ours is no error.

Senders of webhooks use the header for passwords of their own: whoever is not recognised is nobody, and what needs a
signed-in caller refuses nobody.
"""

from __future__ import annotations

import asyncio

from starlette.types import Scope

from syncline.identity import TOKEN_BYTES, Unavailable, Verdict, Verified
from syncline.kernel.errors import TooManyCallsError
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.sync import Services

from .addresses import COUNTED
from .gateway import ADMINISTERS
from .replies import Refusal, too_many_calls


def header_of(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this name (lower case)."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return next((value for key, value in headers if key == name), None)


async def visitor_of(services: Services, scope: Scope) -> Caller:
    """The caller. Raises Refusal when nobody can say now who it is, or nobody has called too often."""
    caller = await _caller_of(services, scope)
    try:
        services.count(caller, scope.get(COUNTED))
    except TooManyCallsError as error:
        raise too_many_calls(error) from None
    return caller


async def _caller_of(services: Services, scope: Scope) -> Caller:
    header = header_of(scope, b"authorization")
    if header is None:
        return ANONYMOUS
    scheme, _, credential = header.decode("latin-1").strip().partition(" ")
    credential = credential.strip()
    if scheme.lower() == "convex":
        grant = services.admin_grant(credential, administers=scope.get(ADMINISTERS, True))
        return ANONYMOUS if grant is None else grant.caller
    if scheme.lower() != "bearer" or not 0 < len(credential) <= TOKEN_BYTES:
        return ANONYMOUS
    answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

    def done(verdict: Verdict) -> None:
        if not answer.done():
            answer.set_result(verdict)

    services.verify_user(credential, done)
    verdict = await answer
    if isinstance(verdict, Unavailable):
        raise Refusal(503, "AuthProviderUnavailable", verdict.message, retry_after=1)
    return Caller(verdict.identity) if isinstance(verdict, Verified) else ANONYMOUS
