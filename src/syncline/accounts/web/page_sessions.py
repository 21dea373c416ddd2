"""Routes and mounted applications opened in a browser: the session cookie says who it is, and who is nobody goes to the sign-in.

The cookie counts for looking only (GET and HEAD), and only if the browser does not say that a page of another site
asks: with it nobody can be made to do anything. It becomes an access token, so that what is behind sees callers as ever.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncline.accounts import sessions, tokens
from syncline.accounts.core import AccountError, Core
from syncline.accounts.redirects import is_own_origin
from syncline.accounts.sessions import Session
from syncline.accounts.tokens import Draft

from .headers import protect, refusal
from .visits import request_locale

if TYPE_CHECKING:
    from syncline.accounts.provider import IdentityProvider

#: A token is used again for as long as it has at least so many seconds left.
_SECONDS_LEFT: Final = 30.0
_KEPT: Final = 1_000


class PageSessions:
    """For one identity provider. On the event loop's thread."""

    def __init__(self, accounts: IdentityProvider) -> None:
        self._accounts = accounts
        #: What was minted, and until when it is used, by what the token says of the session.
        self._tokens: OrderedDict[object, tuple[str, float]] = OrderedDict()

    async def serve(self, others: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `others` answer, as the session's user if there is one."""
        request = Request(scope)
        if request.method not in ("GET", "HEAD") or "authorization" in request.headers:
            await others(scope, receive, send)
            return
        try:
            token = await self._token(request)
        except AccountError as error:
            response = refusal(self._accounts, request, error, request_locale(self._accounts, request))
            await protect(self._accounts, request, response)(scope, receive, send)
            return
        if token is not None:
            headers = [*scope["headers"], (b"authorization", b"Bearer " + token.encode())]
            await others({**scope, "headers": headers}, receive, _personal(send))
        elif _is_opened(request):
            await others(scope, receive, _to_sign_in(request, send))
        else:
            await others(scope, receive, send)

    async def _token(self, request: Request) -> str | None:
        """What the cookie is worth; None: nobody is signed in, or this request may not say so by a cookie."""
        secret = request.cookies.get(self._accounts.session_cookie, "")
        origin = request.headers.get("origin")
        if not secret or not (origin is None or is_own_origin(self._accounts.core.settings, origin)):
            return None
        site = request.headers.get("sec-fetch-site")
        if site not in (None, "same-origin", "none") and request.headers.get("sec-fetch-mode") != "navigate":
            return None
        found = await self._accounts.workers.run(_look, self._accounts.core, secret)
        return None if found is None else await self._signed(*found)

    async def _signed(self, session: Session, draft: Draft) -> str:
        accounts = self._accounts
        now = accounts.core.clock.monotonic()
        # By the role in the organisation too: a token that names a former one would be refused.
        active = tuple(draft.claims.get("o", {}).values())
        key = (session.id, active, session.first_at, session.second_at, session.actor)
        kept = self._tokens.get(key)
        if kept is not None and kept[1] > now:
            return kept[0]
        token = await accounts.workers.sign(tokens.sign, draft)
        self._tokens[key] = token, now + draft.seconds - _SECONDS_LEFT
        self._tokens.move_to_end(key)
        if len(self._tokens) > _KEPT:
            self._tokens.popitem(last=False)
        return token


def _look(core: Core, secret: str) -> tuple[Session, Draft] | None:
    """The session of a cookie, and what a token of it says."""
    session = sessions.find(core, secret)
    return None if session is None else (session, tokens.draft(core, session))


def _is_opened(request: Request) -> bool:
    """Whether somebody opens an address in a browser, rather than a script."""
    navigates = request.headers.get("sec-fetch-mode") in (None, "navigate")
    return navigates and "origin" not in request.headers and "text/html" in request.headers.get("accept", "")


def _personal(send: Send) -> Send:
    async def send_personal(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            headers.add_vary_header("cookie")
            headers.setdefault("cache-control", "private, no-cache")
            message = {**message, "headers": headers.raw}
        await send(message)

    return send_personal


def _to_sign_in(request: Request, send: Send) -> Send:
    """An answer that says "sign in" becomes the way there, and back."""
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    place = f"/auth/sign-in?redirect={quote(target, safe='')}"
    replaced = False

    async def send_or_redirect(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start" and message["status"] == 401:
            replaced = True
            headers = [
                (b"location", place.encode()),
                (b"cache-control", b"no-store"),
                (b"content-length", b"0"),
            ]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
        elif not replaced:
            await send(message)
        elif not message.get("more_body"):
            await send({"type": "http.response.body", "body": b""})

    return send_or_redirect
