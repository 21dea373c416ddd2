"""HTTP requests to routes and mounts, without a socket: `backend.request("POST", "/webhooks/stripe", json={...})`."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

#: Nobody waits at the other end of a test: a request that is answered has been read to its end.
_GONE: Message = {"type": "http.disconnect"}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request."""

    status_code: int
    #: Names in any case.
    headers: Headers
    content: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.content.decode()

    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it would come over the network."""

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def of(
        cls,
        method: str,
        url: str,
        *,
        content: bytes | str,
        json_body: object,
        data: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> Ask:
        names = {name.lower(): value for name, value in headers.items()}
        body = content.encode() if isinstance(content, str) else content
        if json_body is not None:
            body = json.dumps(json_body, separators=(",", ":")).encode()
            names.setdefault("content-type", "application/json")
        elif data is not None:
            body = urlencode(data).encode()
            names.setdefault("content-type", "application/x-www-form-urlencoded")
        names.setdefault("host", "test")
        names["content-length"] = str(len(body))
        pairs = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in names.items())
        return cls(method.upper(), url, pairs, body)

    def with_header(self, name: str, value: str) -> Ask:
        """The same, with one more header, unless it has it."""
        if any(known == name.encode() for known, _ in self.headers):
            return self
        return replace(self, headers=(*self.headers, (name.encode(), value.encode("latin-1"))))

    def scope(self) -> dict[str, Any]:
        parts = urlsplit(self.url)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": quote(parts.path, safe="/%:@!$&'()*+,;=~").encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": list(self.headers),
            "client": ("127.0.0.1", 0),
            "server": ("test", 80),
        }


def send(app: ASGIApp, ask: Ask, ended: Callable[[Reply | BaseException], None]) -> None:
    """Send a request, on a loop and thread of its own: the test's thread runs what the engine hands over meanwhile."""

    async def exchange() -> Reply:
        incoming: asyncio.Queue[Message] = asyncio.Queue()
        incoming.put_nowait({"type": "http.request", "body": ask.body, "more_body": False})
        answered = asyncio.Event()
        start: Message = {}
        body: list[bytes] = []

        async def receive() -> Message:
            if not incoming.empty():
                return incoming.get_nowait()
            await answered.wait()
            return _GONE

        async def take(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.append(bytes(message.get("body", b"")))

        await app(ask.scope(), receive, take)
        answered.set()
        if not start:
            raise AssertionError(f"{ask.method} {ask.url} was not answered")
        content = b"" if ask.method == "HEAD" else b"".join(body)
        return Reply(start["status"], Headers(raw=list(start["headers"])), content)

    def run() -> None:
        try:
            ended(asyncio.run(exchange()))
        except BaseException as error:
            ended(error)

    threading.Thread(target=run, name="syncline-test-request", daemon=True).start()
