"""WebSocket frames that the server sends, and the way picows is asked to read those of the client.

picows parses and unmasks in C. We write frames ourselves, because a transition and the response before it then
leave in one system call, a close frame may be without a code, and nothing refers to picows' write buffer while
uvloop still has it queued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, cast

from picows import WSListener, WSTransport, picows

PING_FRAME: Final = b"\x89\x00"

_REASON_BYTES = 123


def text_header(size: int) -> bytes:
    """The header of an unfragmented text frame with `size` bytes of payload."""
    if size < 126:
        return b"\x81%c" % size
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


def pong_frame(payload: bytes) -> bytes:
    return b"\x8a%c%b" % (len(payload), payload)


def close_frame(code: int | None, reason: str = "") -> bytes:
    """A close frame; without a code it is empty, and clients see 1005. The reason is cut to what fits."""
    if code is None:
        return b"\x88\x00"
    text = reason.encode()[:_REASON_BYTES].decode(errors="ignore").encode()
    return b"\x88%c%b%b" % (len(text) + 2, code.to_bytes(2, "big"), text)


class Parser(Protocol):
    """picows' protocol object, as far as we use it. It is not in picows' type stubs."""

    transport: WSTransport

    def connection_made(self, transport: object) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def get_buffer(self, size_hint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...


class _SilentLogger:
    """picows makes a child logger per connection of anything that is a logging.Logger: a kilobyte each."""

    name = "picows"

    def isEnabledFor(self, level: int) -> bool:
        return False

    def log(self, *arguments: object, **options: object) -> None:
        pass

    debug = info = warning = error = exception = log


_SILENT: Final = _SilentLogger()
_make_parser = cast(Callable[..., Parser], vars(picows)["WSProtocol"])

# The smallest that picows takes. It grows with the messages; see WebSocketConnection on how it shrinks.
_BUFFER_BYTES = 2048


def make_parser(listener: WSListener, max_frame_bytes: int) -> Parser:
    """A server-side parser that hands frames to `listener`. It pings nobody and answers no pings by itself."""
    return _make_parser(
        None,  # host and path are a client's
        None,
        False,
        partial(_the_listener, listener),
        _SILENT,
        True,  # disconnect on exceptions of the listener
        None,  # no timeout of its own for the handshake
        False,  # no automatic pings, with two timeouts and a strategy
        10,
        10,
        1,
        False,  # no automatic pongs: they would grow the buffer of a client that pings and never reads
        max_frame_bytes,
        None,  # no extra headers
        _BUFFER_BYTES,
    )


def _the_listener(listener: WSListener, request: object) -> WSListener:
    return listener


def open_handshake(parser: Parser, transport: object, key: bytes) -> None:
    """Let the parser answer the handshake on `transport`.

    It is shown the smallest request that it takes instead of the client's: it would keep the headers for as long
    as the socket lives, and it refuses `Connection: keep-alive, Upgrade`, which Firefox sends.
    """
    parser.connection_made(transport)
    feed(
        parser,
        b"GET / HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: " + key + b"\r\n\r\n",
    )
    parser.transport.request.headers.clear()
    parser.transport.response.headers.clear()


def feed(parser: Parser, data: bytes) -> None:
    """Hand bytes to the parser as if the transport had read them."""
    rest = memoryview(data)
    while rest:
        buffer = parser.get_buffer(-1)
        size = min(len(buffer), len(rest))
        buffer[:size] = rest[:size]
        parser.buffer_updated(size)
        rest = rest[size:]


class MutedTransport:
    """A transport on which the handshake of a second parser goes nowhere."""

    __slots__ = ("_transport", "muted")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.muted = True

    def write(self, data: bytes) -> None:
        if not self.muted:
            self._transport.write(data)

    def writelines(self, parts: list[bytes]) -> None:
        self._transport.writelines(parts)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str) -> object:
        return self._transport.get_extra_info(name)

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
