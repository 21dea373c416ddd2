"""The request as `def` routes get it: what Starlette's Request awaits, this one waits for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection


class SyncRequest(HTTPConnection):
    """A request with its `headers`, `query_params`, `path_params`, `cookies`, `url` and `client`, and its body."""

    def __init__(self, scope: MutableMapping[str, Any], pieces: Callable[[], Iterator[bytes]]) -> None:
        super().__init__(scope)
        self._pieces = pieces
        self._body: bytes | None = None

    @property
    def method(self) -> str:
        """`GET`, `POST` and so on."""
        return str(self.scope["method"])

    def stream(self) -> Iterator[bytes]:
        """The body in pieces as they arrive; once only, and not together with `body`."""
        if self._body is not None:
            yield self._body
            return
        yield from self._pieces()

    def body(self) -> bytes:
        """The whole body as it came, for checking signatures."""
        if self._body is None:
            self._body = b"".join(self._pieces())
        return self._body

    def text(self) -> str:
        """The body as UTF-8."""
        return self.body().decode()

    def json(self) -> Any:
        """The body read as JSON. Raises ValueError if it is none."""
        return json.loads(self.body())
