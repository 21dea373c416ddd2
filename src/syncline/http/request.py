"""A request to a hot endpoint, and how it is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, Protocol

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from syncline.protocol import ProtocolError

from .replies import JSON, Refusal, body_too_large, internal_error

if TYPE_CHECKING:
    from .connection import HttpConnection

logger = logging.getLogger("syncline.http")

P = ParamSpec("P")

# uvicorn sets the event of the current cycle when the client leaves. Nobody waits for ours.
_NOBODY_WAITS = asyncio.Event()


class Sink(Protocol):
    """The owner of a streaming answer."""

    def lost(self) -> None:
        """The client is gone."""
        ...

    def drained(self) -> None:
        """The write buffer fell below its low-water mark."""
        ...

    def visit(self, now: float) -> None: ...

    def shut_down(self) -> None:
        """The server is going away: end the stream."""
        ...


class Request(RequestResponseCycle):
    """One request to a hot endpoint. Answer it with `respond`, once, on the event loop's thread."""

    def __init__(
        self, connection: HttpConnection, endpoint: Endpoint, method: bytes, keep_alive: bool
    ) -> None:
        # uvicorn's own initialiser is not called: it would make an event and a buffer that we never use.
        self.connection = connection
        self.endpoint = endpoint
        self.method = method
        self.url = connection.url
        self.headers = dict(connection.headers)
        self.content = b""
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.message_event = _NOBODY_WAITS
        #: The whole body is here.
        self.received = False
        #: It is this request's turn: those before it on the connection are answered.
        self.current = True
        self.sink: Sink | None = None
        #: Called when the client leaves before it is answered.
        self.on_lost: Callable[[], None] | None = None
        self._parts: list[bytes] | None = None
        self._size = 0

    def respond(self, status: int, body: bytes, content_type: bytes = JSON, extra: bytes = b"") -> None:
        """Write the whole answer. `extra` is further header lines, each ended by CRLF."""
        if not self._can_write:
            return
        head = self._head(status, content_type, extra)
        sent = b"" if self.method == b"HEAD" else body
        self.connection.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), sent))
        self._complete()

    def refuse(self, refusal: Refusal) -> None:
        self.respond(refusal.status, refusal.body, extra=refusal.headers)

    def open_stream(self, content_type: bytes, sink: Sink, extra: bytes = b"") -> bool:
        """Begin an answer without an end; `sink` hears what happens to it. False: the client is gone already."""
        if not self._can_write:
            return False
        head = self._head(200, content_type, extra)
        self.sink = sink
        self.connection.transport.write(head + b"transfer-encoding: chunked\r\n\r\n")
        return True

    def write(self, data: bytes) -> None:
        """Send a piece of a streaming answer (not empty)."""
        if self._can_write:
            self.connection.transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end_stream(self) -> None:
        if self._can_write:
            self.connection.transport.write(b"0\r\n\r\n")
            self.sink = None
            self._complete()

    def unsent_bytes(self) -> int:
        return 0 if self.disconnected else self.connection.transport.get_write_buffer_size()

    def collect(self, piece: bytes) -> None:
        if self.response_complete:
            return  # Refused already; what still arrives is dropped.
        self._size += len(piece)
        if self._size > self.connection.gateway.limits.body_bytes:
            self.keep_alive = False
            self.refuse(body_too_large(self._size, self.connection.gateway.limits.body_bytes))
        elif self._parts is not None:
            self._parts.append(piece)
        elif self.content:
            self._parts = [self.content, piece]
        else:
            self.content = piece

    def finish_body(self) -> None:
        if self._parts is not None:
            self.content = b"".join(self._parts)
            self._parts = None
        self.received = True

    def run(self) -> None:
        self.guarded(self.endpoint, self)

    def guarded(self, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a part of the endpoint. What it raises is answered here: one request never hurts another."""
        try:
            function(*args, **kwargs)
        except Refusal as refusal:
            self.refuse(refusal)
        except ProtocolError as error:
            self.refuse(Refusal(400, error.code, str(error)))
        except Exception:
            # Without what is behind the question mark: keys and arguments are there.
            path = self.url.partition(b"?")[0].decode("latin-1")
            logger.exception("%s %s failed", self.method.decode(), path)
            self.refuse(internal_error())

    @property
    def _can_write(self) -> bool:
        # A connection that breaks is closing for a turn of the loop before `disconnected` is set.
        return not (self.response_complete or self.disconnected or self.connection.transport.is_closing())

    def _head(self, status: int, content_type: bytes, extra: bytes) -> bytes:
        head = self.connection.gateway.head(status, content_type, self.connection.server_state)
        origin = self.headers.get(b"origin")
        if origin is not None:
            head += self.connection.gateway.origins.headers(origin, self.headers.get(b"host"))
        if not self.keep_alive:
            head += b"connection: close\r\n"
        return head + extra if extra else head

    def _complete(self) -> None:
        self.response_complete = True
        if not self.keep_alive:
            self.connection.transport.close()
        self.connection.on_response_complete()


Endpoint = Callable[[Request], None]
