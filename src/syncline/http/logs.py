"""`GET /api/stream_function_logs`: what ran, as a long poll. For the command lines, ours and the official one.

    GET /api/stream_function_logs?cursor=0      admin key
    {"entries": [...], "newCursor": 1795349251135.0}

With cursor 0 the newest entries come at once; with a cursor those behind it, waiting up to a minute for the first.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from syncline.functions import LogBook, LogEntry
from syncline.kernel.identity import Caller

from .callers import Callers
from .gateway import Gateway
from .replies import JSON, Refusal
from .request import Request

_PATH: Final = "/api/stream_function_logs"
_WAIT_SECONDS: Final = 60.0
_ENTRIES: Final = 1_000
_LEVELS: Final = ("DEBUG", "INFO", "LOG", "WARN", "ERROR")
_encode: Final = msgspec.json.Encoder().encode


class LogEndpoint:
    """Answers long polls from a log book."""

    def __init__(self, book: LogBook, callers: Callers, gateway: Gateway) -> None:
        self._book = book
        self._callers = callers
        self._gateway = gateway
        gateway.add("GET", _PATH, self._poll, administration=True)

    def _poll(self, request: Request) -> None:
        self._callers.resolve(request, lambda caller: self._answer(request, caller))

    def _answer(self, request: Request, caller: Caller) -> None:
        self._callers.require_admin(caller, reading=True)
        text = parse_qs(request.url.partition(b"?")[2].decode("latin-1")).get("cursor", ["0"])[-1]
        try:
            cursor = float(text)
        except ValueError:
            raise Refusal(400, "InvalidCursor", f"cursor must be a number, got {text[:80]!r}") from None
        entries = self._book.after(cursor, _ENTRIES)
        if entries or cursor == 0 or request.method == b"HEAD":
            _respond(request, entries, cursor)
        else:
            _Poll(self._book, self._gateway, request, cursor).start()


class _Poll:
    """A request that waits for an entry."""

    slot = -1

    def __init__(self, book: LogBook, gateway: Gateway, request: Request, cursor: float) -> None:
        self._book = book
        self._wheel = gateway.wheel
        self._request = request
        self._cursor = cursor
        self._until = gateway.wheel.now + _WAIT_SECONDS
        self._ticket = 0

    def start(self) -> None:
        self._ticket = self._book.wait(self._end)
        self._wheel.add(self)

    def visit(self, now: float) -> None:
        # Also when the server goes away: whoever polls asks again, and finds out.
        if self._request.disconnected or now >= self._until or self._request.connection.gateway.draining:
            self._end()

    def _end(self) -> None:
        self._book.forget(self._ticket)
        self._wheel.discard(self)
        self._request.guarded(_respond, self._request, self._book.after(self._cursor, _ENTRIES), self._cursor)


def _respond(request: Request, entries: list[LogEntry], cursor: float) -> None:
    newest = entries[-1].cursor if entries else cursor
    body = _encode({"entries": [_completion(entry) for entry in entries], "newCursor": newest})
    request.respond(200, body, JSON, b"cache-control: no-store\r\n")


def _completion(entry: LogEntry) -> dict[str, Any]:
    """An entry in the form that the official command line reads."""
    seconds = entry.seconds or 0.0
    return {
        "kind": "Completion",
        "udfType": entry.kind.value,
        "componentPath": None,
        "identifier": entry.path,
        "logLines": [_line(line, entry.cursor) for line in entry.lines],
        "timestamp": entry.cursor / 1000,
        "executionTimestamp": entry.cursor / 1000 - seconds,
        "cachedResult": False,
        "caller": entry.caller,
        "parentExecutionId": None,
        "executionTime": seconds,
        "userExecutionTime": seconds,
        "success": None,
        "error": entry.error,
        "requestId": entry.request_id,
        "executionId": entry.request_id,
        "usageStats": {},
        "returnBytes": entry.return_bytes,
        "occInfo": None,
        "willRetry": False,
        "identityType": {"Admin": "instance_admin", "User": "user"}.get(entry.caller, "unknown"),
        "environment": "isolate",
    }


def _line(line: str, moment: float) -> dict[str, Any]:
    level, text = "LOG", line
    if line.startswith("["):
        name, bracket, rest = line[1:].partition("] ")
        if bracket and name in _LEVELS:
            level, text = name, rest
    return {"messages": [text], "level": level, "timestamp": moment, "isTruncated": False}
