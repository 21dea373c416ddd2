"""Where requests go that are for none of the hot endpoints: files, routes, mounts, then pages."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from syncline.functions.routes import reserved_part

from .addresses import Addresses
from .asgi_replies import answer
from .files import PREFIX
from .mounts import Mounts
from .route_table import Found
from .routes import Routes
from .surface import ALIAS

_FILES = PREFIX + "/"


class Front:
    """The ASGI application of the server."""

    def __init__(
        self, files: ASGIApp, routes: Routes, mounts: Mounts, pages: ASGIApp, addresses: Addresses
    ) -> None:
        self._files = files
        self._routes = routes
        self._mounts = mounts
        self._pages = pages
        self._addresses = addresses

    def claims(self, path: str) -> bool:
        """Whether the application itself answers at a path: then preflights are its own business."""
        if path.startswith(_FILES) or _inner(path) is not None:
            return True
        return reserved_part(path) is None and (
            self._routes.find(path) is not None or self._mounts.find(path) is not None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        inner = _inner(path)
        if inner is not None:
            path = inner
            scope["path"], scope["raw_path"] = inner, scope["raw_path"].removeprefix(ALIAS.encode()) or b"/"
        elif path.startswith(_FILES):
            await self._files(scope, receive, send)
            return
        elif reserved_part(path) is not None:
            await self._pages(scope, receive, send)
            return
        found: Found | None = self._routes.find(path)
        if found is not None:
            await self._routes.serve(found, self._addresses.as_sent(scope), receive, send)
            return
        mount = self._mounts.find(path)
        if mount is not None:
            await self._mounts.serve(mount, self._addresses.as_sent(scope), receive, send)
        elif inner is not None:
            await answer(send, 404, b"No matching routes found", b"text/plain; charset=utf-8", close=True)
        else:
            await self._pages(scope, receive, send)


def _inner(path: str) -> str | None:
    """The path behind the alias; None for one that does not begin with it."""
    if path == ALIAS:
        return "/"
    return path.removeprefix(ALIAS) if path.startswith(ALIAS + "/") else None
