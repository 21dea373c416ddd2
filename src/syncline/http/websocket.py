"""WebSocket connections of the sync protocol: frames in, messages to a session, messages out.

A connection owns its parser and its session and answers for both: what fails here ends this socket and nothing
else. It has no task and no timer; the gateway's wheel visits it for pings and patience.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from syncline.sync import Session

from .frames import (
    PING_FRAME,
    MutedTransport,
    Parser,
    close_frame,
    feed,
    make_parser,
    open_handshake,
    pong_frame,
    text_header,
)
from .gateway import Gateway

logger = logging.getLogger("syncline.http")

#: Seconds without a byte from the client, after which it is taken for gone. It is pinged at every visit.
_SILENCE_SECONDS = 120.0

#: Seconds that a client may take to answer a close frame.
_CLOSE_SECONDS = 10.0

#: A message above this is written beside its header instead of behind it: a copy would cost more than the pieces.
_COPY_BYTES = 64 * 1024

#: picows' buffer doubles for a large message and never shrinks; above this the parser is replaced afterwards.
_LARGE_MESSAGE_BYTES = 64 * 1024

#: Open; the server is draining: what comes in is left for the next server; a close frame was sent.
_OPEN, _DRAINING, _CLOSING = range(3)

_PLACEHOLDER = asyncio.Protocol()

_TEXT = WSMsgType.TEXT
_CONTINUATION = WSMsgType.CONTINUATION


class WebSocketConnection(WSListener, asyncio.BufferedProtocol):
    """One socket, from the handshake on. It is the session's port: `send`, `close`, `unsent_bytes`."""

    __slots__ = (
        "_connected",
        "_connections",
        "_counted",
        "_fragments",
        "_gateway",
        "_heard",
        "_large",
        "_parser",
        "_pending",
        "_session",
        "_since",
        "_state",
        "_transport",
        "slot",
    )

    def __init__(self, gateway: Gateway, transport: asyncio.Transport, counted: str | None) -> None:
        self._gateway = gateway
        self._transport = transport
        self._counted = counted
        self._parser: Parser | None = None
        self._session: Session | None = None
        self._connections: set[object] = set()
        #: Bytes of a message that is not complete, as they are in the parser's buffer.
        self._pending = 0
        #: The pieces of a fragmented message. None: there is none under way.
        self._fragments: list[bytes] | None = None
        #: The first message (Connect) has arrived.
        self._connected = False
        #: A byte came since the last visit.
        self._heard = True
        self._large = False
        self._state = _OPEN
        #: The wheel's time when the client was last heard of, or when the close frame was sent.
        self._since = gateway.wheel.now
        self.slot = -1

    def start(self, key: bytes, rest: bytes, session: Session, connections: set[object]) -> None:
        """Answer the handshake and take over the transport. `rest` is what the client sent behind its request."""
        self._session = session
        self._connections = connections
        connections.add(self)
        self._gateway.wheel.add(self)
        self._gateway.sockets += 1
        transport = self._transport
        self._parser = make_parser(self, self._gateway.limits.frame_bytes)
        # uvloop chooses how to read when reading starts, so that a protocol with its own buffer needs a restart.
        transport.pause_reading()
        open_handshake(self._parser, transport, key)
        # It also remembers how the protocol before took its data: that shall not be the whole HTTP connection.
        transport.set_protocol(_PLACEHOLDER)
        transport.set_protocol(self)
        transport.resume_reading()
        if rest:
            self._pending = len(rest)
            feed(self._parser, rest)

    # The session's port

    def send(self, messages: list[bytes]) -> None:
        """Write messages, each in a frame, together."""
        # The peer may have gone in this turn of the loop, before anybody was told.
        if self._state == _CLOSING or self._transport.is_closing():
            return
        parts: list[bytes] = []
        for message in messages:
            size = len(message)
            if size > _COPY_BYTES:
                parts += (text_header(size), message)
            else:
                parts.append(text_header(size) + message)
        if len(parts) == 1:
            self._transport.write(parts[0])
        else:
            self._transport.writelines(parts)

    def close(self, code: int | None, reason: str) -> None:
        """Begin the closing handshake. Without a code the client sees 1005."""
        if self._state != _CLOSING:
            self._state = _CLOSING
            self._fragments = None
            self._session = None
            self._since = self._gateway.wheel.now
            if not self._transport.is_closing():
                self._transport.write(close_frame(code, reason))

    def unsent_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    # Called by uvicorn and the wheel

    @property
    def busy(self) -> bool:
        return self._session is not None and self._session.busy

    def drain(self) -> None:
        """Take nothing new from this client: what it sends now it will send again to the next server."""
        if self._state == _OPEN:
            self._state = _DRAINING

    def shutdown(self) -> None:
        self._fail(1001, "ServerRestart")

    def visit(self, now: float) -> None:
        if self._state == _CLOSING or self._transport.is_closing():
            if now - self._since > _CLOSE_SECONDS:
                self._transport.abort()
            return
        if self._heard:
            self._heard = False
            self._since = now
        elif now - self._since > _SILENCE_SECONDS:
            self._transport.abort()
            return
        if self._session is not None:
            if not self._transport.get_write_buffer_size():
                self._transport.write(PING_FRAME)
            self._guarded(self._session.tick, now)

    # Called by the transport

    def get_buffer(self, sizehint: int) -> memoryview:
        assert self._parser is not None
        return self._parser.get_buffer(sizehint)

    def buffer_updated(self, nbytes: int) -> None:
        assert self._parser is not None
        self._heard = True
        self._pending += nbytes
        self._parser.buffer_updated(nbytes)
        if self._parser.transport.is_close_frame_sent:
            self._refused()
        elif not self._connected and self._pending > self._gateway.limits.frame_bytes_before_connect:
            self._fail(1009, "the first message is too large")
            self._transport.close()
        elif self._large and not self._pending:
            self._renew_parser()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        if self._session is not None:
            self._guarded(self._session.drained)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gateway.wheel.discard(self)
        self._gateway.addresses.leave(self._counted)
        self._connections.discard(self)
        parser, self._parser = self._parser, None
        session, self._session = self._session, None
        if parser is not None:
            self._gateway.sockets -= 1
            parser.connection_lost(exc)
        if session is not None:
            self._guarded(session.disconnected)

    # Called by the parser

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._pending = frame.tail_size
        if transport.is_close_frame_sent:
            return  # What comes behind it in the buffer is no frame, which the parser has seen first.
        kind = frame.msg_type
        extended = frame.rsv1 or frame.rsv2 or frame.rsv3
        if kind == _TEXT and frame.fin and self._fragments is None and not extended:
            if frame.payload_size > _LARGE_MESSAGE_BYTES:
                self._large = True
            if self._state == _OPEN:
                self._take(frame.get_payload_as_bytes())
        elif extended:
            self._fail(1002, "no extension was agreed on")
        elif kind in (_TEXT, _CONTINUATION):
            self._take_fragment(kind == _TEXT, frame)
        elif kind == WSMsgType.PING:
            # Unsent bytes mean that the client does not read; a pong behind them would tell it nothing.
            if self._state != _CLOSING and not self._transport.is_closing() and not self.unsent_bytes():
                self._transport.write(pong_frame(frame.get_payload_as_bytes()))
        elif kind == WSMsgType.CLOSE:
            self._answer_close(frame)
        elif kind == WSMsgType.BINARY and self._session is not None:
            self._guarded(self._session.receive_binary)

    def _take(self, message: bytes) -> None:
        if not message.isascii():
            try:
                message.decode()
            except UnicodeDecodeError:
                self._fail(1007, "a text frame is not UTF-8")
                return
        self._connected = True
        if self._session is not None:
            self._guarded(self._session.receive, message)

    def _take_fragment(self, begins: bool, frame: WSFrame) -> None:
        fragments = self._fragments
        if begins is not (fragments is None):
            self._fail(1002, "a fragment is out of place")
            return
        fragments = [] if fragments is None else fragments
        fragments.append(frame.get_payload_as_bytes())
        size = sum(map(len, fragments))
        limits = self._gateway.limits
        if size > (limits.frame_bytes if self._connected else limits.frame_bytes_before_connect):
            self._fail(1009, "the message is too large")
            self._fragments = None
        elif frame.fin:
            self._fragments = None
            self._large = self._large or frame.payload_size > _LARGE_MESSAGE_BYTES
            if self._state == _OPEN:
                self._take(b"".join(fragments))
        else:
            self._fragments = fragments

    def _answer_close(self, frame: WSFrame) -> None:
        """Echo the client's close, or note its echo of ours; then hang up, as the server is the one to do."""
        if self._state != _CLOSING:
            code = int(frame.get_close_code().value)
            self._fail(code or None, "")
        self._transport.close()

    # Inside

    def _fail(self, code: int | None, reason: str) -> None:
        """Close for a reason that the session does not know of yet."""
        session = self._session
        self.close(code, reason)
        if session is not None:
            self._guarded(session.disconnected)

    def _refused(self) -> None:
        """The parser has met what is no frame. It has sent a close frame and will hang up: nothing counts any more."""
        session, self._session = self._session, None
        self._state = _CLOSING
        if session is not None:
            self._guarded(session.disconnected)

    def _guarded(self, method: Callable[..., None], *arguments: object) -> None:
        """Call the session. An error in it is ours: it ends this socket, and the client comes back."""
        try:
            method(*arguments)
        except Exception:
            logger.exception("a session failed; its socket is closed")
            self._fail(1011, "InternalServerError")

    def _renew_parser(self) -> None:
        """Replace the parser by one with a small buffer. Only between messages, when it holds no bytes."""
        assert self._parser is not None
        self._large = False
        muted = MutedTransport(self._transport)
        self._parser = make_parser(self, self._gateway.limits.frame_bytes)
        open_handshake(self._parser, muted, b"AAAAAAAAAAAAAAAAAAAAAA==")
        muted.muted = False
