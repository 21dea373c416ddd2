"""The ASGI application behind the hot endpoints: the site, the browser client, and what is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .origins import Origins
from .site import Page, Site

BUNDLE = Path(__file__).parent / "assets" / "browser.bundle.js"

_NO_BUNDLE = (
    "The browser client is not part of this installation.\n"
    "It is the file dist/browser.bundle.js of the npm package `convex`. In a clone of Syncline, with npm installed:\n\n"
    "    make bundle\n\n"
    "Pages that are built with npm do not need it: they import `convex` itself.\n"
)


class Pages:
    """What GET requests find outside `/api`. `site` can be replaced while it serves."""

    def __init__(self, site: Site | None, *, instance_name: str, version: str) -> None:
        self.site = site
        self._welcome = (
            f"This Syncline deployment is running.\n\n"
            f"{instance_name}, Syncline {version}. Clients connect to this address; the HTTP API is under /api.\n"
        )

    def routes(self, others: Iterable[BaseRoute] = ()) -> list[BaseRoute]:
        """What is answered; `others` come before the site."""
        return [
            *others,
            Route("/_syncline/convex.js", self._bundle, methods=["GET"]),
            Route("/{path:path}", self._page, methods=["GET"]),
        ]

    def application(self, routes: Iterable[BaseRoute], origins: Callable[[], Origins]) -> ASGIApp:
        """What answers these routes, so that pages of these origins can read it."""
        answers = Starlette(routes=list(routes), exception_handlers={HTTPException: _refused})
        return _Cors(answers, origins)

    def _bundle(self, request: Request) -> Response:
        try:
            content = BUNDLE.read_bytes()
        except OSError:
            return PlainTextResponse(_NO_BUNDLE, 404)
        return _respond(request, Page.of("convex.js", content))

    async def _page(self, request: Request) -> Response:
        site, path = self.site, request.url.path
        if site is None:
            if path == "/":
                return PlainTextResponse(self._welcome)
            raise HTTPException(404)
        navigation = "text/html" in request.headers.get("accept", "")
        page = site.find(path, navigation=navigation)
        if page is not None:
            return _respond(request, page)
        if site.missing is not None and navigation:
            return _respond(request, site.missing, 404)
        raise HTTPException(404)


def read_site(folder: Path | None) -> Site | None:
    """The site in a folder; None without one. Raises SetupError."""
    return None if folder is None else Site.read(folder)


def _respond(request: Request, page: Page, status: int = 200) -> Response:
    headers = {
        "etag": page.etag,
        "cache-control": page.cache_control if status == 200 else "no-store",
        "x-content-type-options": "nosniff",
    }
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if status == 200 and (page.etag in known or "*" in known):
        return Response(status_code=304, headers=headers)
    return Response(page.content, status, {**headers, "content-type": page.content_type})


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = f"{error.status_code} {error.detail}\n"
    return PlainTextResponse(text, error.status_code, {**(error.headers or {}), "cache-control": "no-store"})


class _Cors:
    """Says in all answers which pages may read them, as the hot endpoints do. Preflights never come here."""

    def __init__(self, application: ASGIApp, origins: Callable[[], Origins]) -> None:
        self._application = application
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", ()))
        headers = self._origins().pairs(given.get(b"origin"), given.get(b"host"))

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._application(scope, receive, send_with_origin if headers else send)
