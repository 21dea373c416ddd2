"""Preflights: which pages of other origins may call the sign-in API. `headers.protect` lets them read the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from syncline.accounts.redirects import allows_origin

from .headers import protect

if TYPE_CHECKING:
    from syncline.accounts.provider import IdentityProvider

#: What scripts call. Forms are of this origin alone, and need no preflight.
_PATHS: Final = frozenset(
    f"/auth/{path}"
    for path in (
        "token",
        "session",
        "sessions",
        "sessions/revoke",
        "sign-out",
        "organizations/active",
        "exchange",
        "revoke",
    )
)


class Preflights:
    """Answers preflights for what scripts call; the rest goes to `application`."""

    def __init__(self, accounts: IdentityProvider, application: ASGIApp) -> None:
        self._accounts = accounts
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "OPTIONS" or scope["path"] not in _PATHS:
            await self._application(scope, receive, send)
            return
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), "")
        if allows_origin(self._accounts.core.settings, origin):
            headers = {
                "access-control-allow-origin": origin,
                "access-control-allow-credentials": "true",
                "access-control-allow-methods": "GET, POST",
                "access-control-allow-headers": "content-type",
                "access-control-max-age": "600",
                "vary": "origin",
            }
            response = Response(status_code=204, headers=headers)
        else:
            response = Response(status_code=403, headers={"vary": "origin"})
        await protect(self._accounts, Request(scope), response)(scope, receive, send)
