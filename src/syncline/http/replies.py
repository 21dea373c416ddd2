"""Bytes of HTTP answers: status lines, the envelope of errors, CORS headers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from syncline.kernel.errors import TooManyCallsError
from syncline.protocol import error_body

JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"

_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}


class Refusal(Exception):
    """An infrastructure failure: the request never reached a function. `code` is stable and CamelCase."""

    def __init__(
        self, status: int, code: str, message: str, retry_after: float | None = None, allow: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        #: Extra header lines, each ended by CRLF.
        self.headers = b"" if retry_after is None else b"retry-after: %d\r\n" % max(1, round(retry_after))
        if allow:
            self.headers += b"allow: %b\r\n" % allow.encode()

    @property
    def body(self) -> bytes:
        return error_body(self.code, self.message)


def internal_error() -> Refusal:
    """What a caller sees of a fault of ours; the details are in the server's log."""
    message = "Your request couldn't be completed. Try again later."
    return Refusal(500, "InternalServerError", message)


def body_too_large(size: int, limit: int) -> Refusal:
    message = f"the request body is {size:,} bytes or more; the limit is {limit:,}. Send less in one call."
    return Refusal(413, "RequestTooLarge", message)


def too_many_connections() -> Refusal:
    return Refusal(
        503, "TooManyConnections", "too many connections; try again in a few seconds", retry_after=5
    )


def too_many_calls(error: TooManyCallsError) -> Refusal:
    return Refusal(429, "TooManyCalls", str(error), error.retry_after)


def status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


#: Any page may call and read the answer: credentials are bearer tokens, which pages must have. Cookies do not come
#: along, and count for nothing.
CORS_ANYBODY: Final = b"access-control-allow-origin: *\r\n"


def cors_headers(origin: bytes) -> bytes:
    """Pages of this origin may read the answer; those of others get another answer, or none."""
    return b"access-control-allow-origin: " + origin + b"\r\nvary: origin\r\n"


def preflight_headers(requested: bytes | None) -> bytes:
    """Header lines that answer a CORS preflight; the wanted request headers are mirrored."""
    allowed = requested or b"Content-Type, Authorization, Convex-Client"
    return (
        b"access-control-allow-methods: GET, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
        b"access-control-allow-headers: " + allowed + b"\r\naccess-control-max-age: 86400\r\n"
    )
