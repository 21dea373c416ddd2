"""One socket: picows on asyncio, from the handshake to the end.

picows rather than `websockets`: the server depends on it anyway, so that the client needs nothing more to be installed;
and it hands over every frame and its transport, which is what noticing half-open links takes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]  # its **kwargs have no type
)

from syncline import __version__
from syncline.kernel.errors import SetupError
from syncline.kernel.local_address import unix_path

#: Of a message. Results are bounded by the server, a transition carries up to all results of a client.
_MAX_MESSAGE_BYTES: Final = 512 * 1024 * 1024
_CONNECT_SECONDS: Final = 6.0
_CLOSE_SECONDS: Final = 1.0

#: What `open_link` raises when there is no socket to be had.
CONNECT_ERRORS: Final = (OSError, WSError, ValueError)


class Link(WSListener):
    """`on_message` is called with each text message, `over` becomes the reason when the socket is gone."""

    def __init__(self, on_message: Callable[[bytes], None]) -> None:
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._on_message = on_message
        self._transport: WSTransport | None = None
        self._reason = "the connection was closed"
        #: The pieces of a fragmented message.
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0

    def send(self, messages: list[bytes]) -> None:
        transport = self._transport
        if transport is not None and not self.over.done():
            for message in messages:
                transport.send(WSMsgType.TEXT, message)

    def ping(self) -> None:
        if self._transport is not None and not self.over.done():
            self._transport.send_ping(b"")

    def abort(self, reason: str) -> None:
        """Give the socket up at once; the other end may not be there."""
        if not self.over.done():
            self._end(reason)
            if self._transport is not None:
                self._transport.disconnect(graceful=False)

    async def close(self) -> None:
        """Say goodbye, and wait a moment for the other end to do so."""
        if self._transport is not None and not self.over.done():
            self._transport.send_close(WSCloseCode.OK)
            await asyncio.wait([self.over], timeout=_CLOSE_SECONDS)
        self.abort("the client was closed")

    def listen_to_bytes(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever bytes have come, also of a message that takes long to arrive."""
        assert self._transport is not None
        transport = self._transport.underlying_transport
        transport.set_protocol(_Overhearing(cast("_Parser", transport.get_protocol()), heard))

    # Called by picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end(self._reason)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if self.over.done():
            return
        if kind == WSMsgType.TEXT and frame.fin:
            self._on_message(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._fragments.append(frame.get_payload_as_bytes())
            self._fragment_bytes += frame.payload_size
            if self._fragment_bytes > _MAX_MESSAGE_BYTES:
                self.abort("a message is too large")
            elif frame.fin:
                message = b"".join(self._fragments)
                self._fragments, self._fragment_bytes = [], 0
                self._on_message(message)
        elif kind == WSMsgType.CLOSE:
            code = int(frame.get_close_code().value)
            self._reason = (
                frame.get_close_reason() or f"the server closed the connection (code {code or 1005})"
            )
            if not transport.is_close_frame_sent:
                transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def _end(self, reason: str) -> None:
        if not self.over.done():
            self.over.set_result(reason)


def socket_url(url: str) -> str:
    """The address of the sync socket of the server at `url`. Raises SetupError."""
    if unix_path(url) is not None:
        raise SetupError(
            f"live connections do not go through {url}: the socket library knows TCP only",
            "start the server with --admin-bind ADDRESS:PORT; single calls (syncline run) work as it is",
        )
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise SetupError(f"{url!r} is no address of a server", "for example Client('http://127.0.0.1:3210')")
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/api/sync"


async def open_link(url: str, on_message: Callable[[bytes], None], context: ssl.SSLContext | None) -> Link:
    """Connect to the WebSocket at `url`. Raises one of CONNECT_ERRORS."""
    link = Link(on_message)
    async with asyncio.timeout(_CONNECT_SECONDS):
        await ws_connect(
            lambda: link,
            url,
            ssl_context=context,
            websocket_handshake_timeout=_CONNECT_SECONDS,
            max_frame_size=_MAX_MESSAGE_BYTES,
            extra_headers={"Convex-Client": f"syncline-{__version__}"},
        )
    if link.over.done():
        # Right behind the handshake; picows does not call that an error.
        raise ConnectionResetError("the connection was closed while it was being opened")
    return link


class _Parser(Protocol):
    """picows' protocol object, as far as it matters here."""

    def connection_made(self, transport: object) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def get_buffer(self, size_hint: int) -> memoryview: ...
    def buffer_updated(self, nbytes: int) -> None: ...
    def eof_received(self) -> bool | None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class _Overhearing(asyncio.BufferedProtocol):
    """Stands before picows' protocol, and says when bytes come."""

    def __init__(self, parser: _Parser, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._parser = parser

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._parser.get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        self._heard()
        self._parser.buffer_updated(nbytes)

    def eof_received(self) -> bool | None:
        return self._parser.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser.connection_lost(exc)

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()
