"""Which pages may talk to the server from a browser, where a deployment says so.

Not what keeps strangers out: sockets and function endpoints know no cookies, so a foreign page has nobody's
credentials. It keeps foreign pages from using up the server, and from looking like one's own.
"""

from __future__ import annotations

from collections.abc import Iterable

from .replies import CORS_ANYBODY, cors_headers


class Origins:
    """`allowed` are origins (`https://example.com`); none: every page may. The server's own pages always may."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(each.rstrip("/").lower().encode() for each in allowed)

    def allows(self, origin: bytes | None, host: bytes | None) -> bool:
        """Whether a request may come from a page of `origin` (None: from no page). `host` is the Host header."""
        if origin is None or not self._allowed:
            return True
        origin = origin.lower()
        return origin in self._allowed or (host is not None and origin.partition(b"://")[2] == host.lower())

    def headers(self, origin: bytes | None, host: bytes | None) -> bytes:
        """Header lines that let the page read the answer, if it may."""
        if origin is None or not self.allows(origin, host):
            return b""
        return cors_headers(origin) if self._allowed else CORS_ANYBODY

    def pairs(self, origin: bytes | None, host: bytes | None) -> list[tuple[bytes, bytes]]:
        """The same as pairs of name and value, for answers that may be kept on the way."""
        if self._allowed and not self.headers(origin, host):
            return [(b"vary", b"origin")]
        lines = self.headers(origin, host).split(b"\r\n")
        return [(name, value) for name, _, value in (line.partition(b": ") for line in lines) if name]
