"""`/openapi.json` and `/docs`: what an application offers over HTTP, for programs and for people.

In production they are for those who may call: signed in where the application demands it, as the admission says. In
development they are open, to the tools that fetch them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from syncline.functions import Registry
from syncline.kernel.errors import UnauthenticatedError
from syncline.sync import Services

from .openapi import openapi_document
from .replies import Refusal
from .site import Page
from .visitors import visitor_of

_FOLDER: Final = Path(__file__).parent / "reference"
#: Nothing but our own two files, and calls of this server. Nobody may frame the page: it has a field for tokens.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "cache-control": "private, no-cache",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": _POLICY,
}


#: What needs a caller: the page's own script and colours are the same everywhere.
GUARDED: Final = frozenset({"/openapi.json", "/docs"})


class ReferencePages:
    """`functions` gives the functions in force; their description is made when it is first asked for."""

    def __init__(
        self,
        services: Services,
        functions: Callable[[], Registry],
        *,
        instance_name: str,
        version: str,
        production: bool,
    ) -> None:
        self._services = services
        self._functions = functions
        self._production = production
        self._instance_name = instance_name
        self._version = version
        self._described: tuple[Registry, Page] | None = None
        self._pages: dict[str, Page] = {}

    def routes(self) -> list[BaseRoute]:
        """For Starlette; what reads files is a plain function, so that it runs in its threads."""
        return [
            Route("/openapi.json", self._guarded(self._document), methods=["GET"]),
            Route("/docs", self._guarded(self._file("index.html")), methods=["GET"]),
            Route("/docs/reference.js", self._file("reference.js"), methods=["GET"]),
            Route("/docs/reference.css", self._file("reference.css"), methods=["GET"]),
        ]

    def _guarded(self, page: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                caller = await visitor_of(self._services, request.scope)
            except Refusal as refusal:
                return _refuse(refusal)
            if self._functions().admission.allows(caller, anonymous=not self._production):
                return await run_in_threadpool(page, request)
            return _refuse(_sign_in())

        return answer

    def _document(self, request: Request) -> Response:
        functions = self._functions()
        described = self._described
        if described is None or described[0] is not functions:
            described = self._described = (functions, self._describe(functions))
        return _respond(request, described[1])

    def _describe(self, functions: Registry) -> Page:
        document = openapi_document(
            functions,
            title=self._instance_name,
            version=self._version,
            deployment=f"Served by Syncline {self._version}.",
            signed_in=functions.admission.signed_in,
        )
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return Page(content, "application/json", f'"{sha256(content).hexdigest()[:32]}"', "no-cache")

    def _file(self, name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            page = self._pages.get(name)
            if page is None:
                page = self._pages[name] = Page.of(name, (_FOLDER / name).read_bytes())
            return _respond(request, page)

        return answer


def _sign_in() -> Refusal:
    return Refusal(
        401,
        UnauthenticatedError.code,
        "sign in to see the description of the functions, or send an admin key: Authorization: Convex KEY",
    )


def _refuse(refusal: Refusal) -> Response:
    headers = {**_HEADERS, "cache-control": "no-store"}
    for line in refusal.headers.decode().split("\r\n")[:-1]:
        name, _, value = line.partition(": ")
        headers[name] = value
    return Response(refusal.body, refusal.status, {**headers, "content-type": "application/json"})


def _respond(request: Request, page: Page) -> Response:
    headers = {**_HEADERS, "etag": page.etag}
    if request.headers.get("if-none-match") == page.etag:
        return Response(status_code=304, headers=headers)
    return Response(page.content, headers={**headers, "content-type": page.content_type})
