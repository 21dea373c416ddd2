"""Headers of every answer under /auth, and the form that refusals have."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from syncline.accounts.core import AccountError
from syncline.accounts.redirects import allows_origin

if TYPE_CHECKING:
    from syncline.accounts.provider import IdentityProvider

logger = logging.getLogger("syncline.accounts")

Handler = Callable[[Request], Awaitable[Response]]


def content_policy(accounts: IdentityProvider) -> str:
    """What pages may load, and where their forms may lead: here, and back to the application."""
    settings = accounts.core.settings
    targets = ["'self'", *settings.accounts.redirects]
    if not settings.production:
        targets += ["http://localhost:*", "http://127.0.0.1:*"]
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action {' '.join(targets)}; frame-ancestors 'none'; base-uri 'none'"
    )


def protect(accounts: IdentityProvider, request: Request, response: Response) -> Response:
    """Add the headers that every answer has."""
    headers = response.headers
    headers.setdefault("cache-control", "no-store")
    headers.setdefault("content-security-policy", content_policy(accounts))
    headers["x-frame-options"] = "DENY"
    headers["x-content-type-options"] = "nosniff"
    # Not `no-referrer`: with it browsers hide the origin of our own forms. Nothing leaves for another site.
    headers["referrer-policy"] = "same-origin"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers["permissions-policy"] = "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    if accounts.core.settings.secure:
        headers["strict-transport-security"] = "max-age=31536000"
    origin = request.headers.get("origin")
    headers.add_vary_header("origin")
    if origin is not None and allows_origin(accounts.core.settings, origin):
        headers["access-control-allow-origin"] = origin
        headers["access-control-allow-credentials"] = "true"
        headers["access-control-expose-headers"] = "retry-after"
    return response


def refusal(accounts: IdentityProvider, request: Request, error: AccountError, locale: str) -> Response:
    """A refusal as a page, or as JSON for scripts."""
    text = accounts.core.pages.texts.get(locale, error.text, app=accounts.core.settings.name, **error.values)
    headers = error.headers
    if wants_html(request):
        html = accounts.core.pages.render(
            "notice.html", locale=locale, visit=None, text=text, error=None, notice=None
        )
        return HTMLResponse(html, error.status, headers)
    code = error.text.removeprefix("error.")
    # `code` is how the rest of the server calls it; OAuth says `error`.
    content = {"error": code, "code": code, "message": text}
    if "field" in error.values:
        content["field"] = str(error.values["field"])
    return JSONResponse(content, error.status, headers)


def wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def failed(accounts: IdentityProvider, request: Request, error: Exception, locale: str) -> Response:
    logger.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    return refusal(accounts, request, AccountError("busy", status=500), locale)
