"""HTTP connections: uvicorn's protocol, with the hot endpoints answered on the spot.

Method and path are looked up in a small table when the headers are complete. A hit collects the body and
calls a plain function, which answers at once or later: no ASGI scope, task, event or coroutine. Everything
else takes uvicorn's ordinary way into the ASGI application. Both kinds share uvicorn's `cycle` and
`pipeline`, so pipelined requests of either kind are answered in order, and graceful shutdown counts them.

Rejected: the same endpoints as plain ASGI callables. Measured, that is four times the CPU per request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Protocol

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from syncline.kernel.limits import Limits

from .replies import JSON, Refusal, cors_headers, internal_error, status_line
from .wheel import Wheel

logger = logging.getLogger("syncline.http")

# What a connection is waiting for, and how long it may (seconds, counted from the last change of phase). A
# closing connection has its time to send what is left; each visit that finds it got on starts it anew.
_IDLE, _HEAD, _BODY, _BUSY, _CLOSING = range(5)
_PATIENCE = (75.0, 10.0, 60.0, float("inf"), 30.0)

# Node's limit for the whole head is 16 KiB; tokens of some issuers need more.
_HEAD_BYTES = 64 * 1024

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
        self._parts: list[bytes] | None = None
        self._size = 0

    def respond(self, status: int, body: bytes, content_type: bytes = JSON, extra: bytes = b"") -> None:
        """Write the whole answer. `extra` is further header lines, each ended by CRLF."""
        if self.response_complete or self.disconnected:
            return
        head = self._head(status, content_type, extra)
        self.connection.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self._complete()

    def refuse(self, refusal: Refusal) -> None:
        self.respond(refusal.status, refusal.body, extra=refusal.headers)

    def open_stream(self, content_type: bytes, sink: Sink, extra: bytes = b"") -> None:
        """Begin an answer without an end; `sink` hears what happens to it."""
        head = self._head(200, content_type, extra)
        self.sink = sink
        self.connection.transport.write(head + b"transfer-encoding: chunked\r\n\r\n")

    def write(self, data: bytes) -> None:
        """Send a piece of a streaming answer (not empty)."""
        if not (self.response_complete or self.disconnected):
            self.connection.transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end_stream(self) -> None:
        if not (self.response_complete or self.disconnected):
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
        """Call the endpoint. What it raises is answered here, so that one request never hurts another."""
        try:
            self.endpoint(self)
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:
            logger.exception("%s %s failed", self.method.decode(), self.url.decode("latin-1"))
            self.refuse(internal_error())

    def _head(self, status: int, content_type: bytes, extra: bytes) -> bytes:
        head = self.connection.gateway.head(status, content_type, self.connection.server_state)
        origin = self.headers.get(b"origin")
        if origin is not None:
            head += cors_headers(origin)
        if not self.keep_alive:
            head += b"connection: close\r\n"
        return head + extra if extra else head

    def _complete(self) -> None:
        self.response_complete = True
        if not self.keep_alive:
            self.connection.transport.close()
        self.connection.on_response_complete()


Endpoint = Callable[[Request], None]


class Gateway:
    """What all connections of a server share: the table of hot endpoints, limits and the wheel."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.wheel = Wheel()
        #: No new requests on a connection after the one at hand; /readyz says no.
        self.draining = False
        self._exact: dict[tuple[bytes, bytes], Endpoint] = {}
        self._prefixes: list[tuple[bytes, bytes, Endpoint]] = []
        self._any: dict[bytes, Endpoint] = {}
        self._upgrade: Callable[[HttpConnection, bytes], None] | None = None
        self._defaults: list[tuple[bytes, bytes]] | None = None
        self._heads: dict[tuple[int, bytes], bytes] = {}
        self._addresses: dict[str, int] = {}

    def add(self, method: str, path: str, endpoint: Endpoint) -> None:
        """A path that ends in `/` takes everything below it; the method `*` any path."""
        if path == "*":
            self._any[method.encode()] = endpoint
        elif path.endswith("/"):
            self._prefixes.append((method.encode(), path.encode(), endpoint))
        else:
            self._exact[method.encode(), path.encode()] = endpoint

    def set_upgrade(self, upgrade: Callable[[HttpConnection, bytes], None]) -> None:
        """`upgrade(connection, rest)` takes over a WebSocket; `rest` is what followed the head. May raise Refusal."""
        self._upgrade = upgrade

    def find(self, method: bytes, url: bytes) -> Endpoint | None:
        endpoint = self._exact.get((method, url))
        if endpoint is not None:
            return endpoint
        path = url_path(url)
        endpoint = self._exact.get((method, path))
        if endpoint is None:
            for wanted, prefix, candidate in self._prefixes:
                if wanted == method and path.startswith(prefix):
                    return candidate
            endpoint = self._any.get(method)
        return endpoint

    def upgrade(self, connection: HttpConnection, rest: bytes) -> None:
        if self._upgrade is None:
            raise Refusal(404, "NotFound", "no WebSocket is served here")
        self._upgrade(connection, rest)

    def head(self, status: int, content_type: bytes, state: ServerState) -> bytes:
        """Status line and common headers; made anew once a second, when uvicorn changes the date."""
        if self._defaults is not state.default_headers:
            self._defaults = state.default_headers
            self._heads.clear()
        key = (status, content_type)
        head = self._heads.get(key)
        if head is None:
            common = b"".join(b"%b: %b\r\n" % pair for pair in state.default_headers)
            head = b"%b%bcontent-type: %b\r\n" % (status_line(status), common, content_type)
            self._heads[key] = head
        return head

    def admit(self, connection: HttpConnection) -> bool:
        """Count a new connection; False when there are too many, in all or from its address."""
        if len(connection.connections) > self.limits.connections:
            return False
        address = connection.address
        if address is not None:
            count = self._addresses.get(address, 0)
            if count >= self.limits.connections_per_address and not _is_near(address):
                connection.address = None
                return False
            self._addresses[address] = count + 1
        return True

    def forget(self, address: str | None) -> None:
        """Undo `admit` for one connection of this address."""
        if address is not None:
            count = self._addresses.get(address, 0) - 1
            if count > 0:
                self._addresses[address] = count
            else:
                self._addresses.pop(address, None)


class HttpConnection(HttpToolsProtocol):
    """One client connection until it closes or becomes a WebSocket."""

    gateway: Gateway

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.slot = -1
        self.url = b""
        #: Where it comes from, while it is counted by the gateway.
        self.address: str | None = None
        self._phase = _HEAD
        self._since = self.gateway.wheel.now
        self._head_bytes = 0
        self._unsent = 0
        self._leaving = False

    # Life of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self.address = self.client[0] if self.client else None
        self.gateway.wheel.add(self)
        if not self.gateway.admit(self):
            message = "too many connections; try again in a few seconds"
            self._refuse_and_close(Refusal(503, "TooManyConnections", message, retry_after=5))

    def connection_lost(self, exc: Exception | None) -> None:
        self.gateway.wheel.discard(self)
        self.gateway.forget(self.address)
        self.pipeline.clear()
        cycle = self.cycle
        super().connection_lost(exc)
        self._drop_cycle()
        if isinstance(cycle, Request) and cycle.sink is not None:
            cycle.sink.lost()

    def shutdown(self) -> None:
        """Finish what is under way, then close. Called by uvicorn at its graceful shutdown."""
        self._leaving = True
        if self._phase == _IDLE or (self._phase == _HEAD and not self._head_bytes):
            self.transport.close()
            return
        cycle = self.cycle
        if cycle and not cycle.response_complete:
            cycle.keep_alive = False
            if isinstance(cycle, Request) and cycle.sink is not None:
                cycle.sink.shut_down()

    def visit(self, now: float) -> None:
        if self.transport.is_closing():
            unsent = self.transport.get_write_buffer_size()
            if self._phase != _CLOSING or unsent < self._unsent:
                self._enter(_CLOSING)
            elif now - self._since > _PATIENCE[_CLOSING]:
                self.transport.abort()
            self._unsent = unsent
        elif now - self._since > _PATIENCE[self._phase]:
            if self._phase == _IDLE or not self._head_bytes:
                self.transport.close()
            else:
                self._refuse_and_close(Refusal(408, "RequestTimeout", "the request did not arrive in time"))
        elif isinstance(self.cycle, Request) and self.cycle.sink is not None:
            self.cycle.sink.visit(now)

    def pause_writing(self) -> None:
        super().pause_writing()
        if isinstance(self.cycle, Request):
            # A client that sends requests but does not read the answers: stop taking them.
            self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        cycle = self.cycle
        if isinstance(cycle, Request):
            if cycle.sink is not None:
                cycle.sink.drained()
            if not self.pipeline:
                self.flow.resume_reading()

    # Bytes in

    def data_received(self, data: bytes) -> None:
        if self._phase <= _HEAD:
            if self._phase == _IDLE:
                self._enter(_HEAD)
                self._head_bytes = 0
            self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._leave_http(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse_and_close(Refusal(400, "BadRequest", "this is not valid HTTP"))
        else:
            if self._phase == _HEAD and self._head_bytes > _HEAD_BYTES:
                message = f"the request's headers are over {_HEAD_BYTES:,} bytes"
                self._refuse_and_close(Refusal(431, "RequestHeaderFieldsTooLarge", message))

    def on_message_begin(self) -> None:
        # uvicorn builds the ASGI scope here; ours waits until we know that the request needs one.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        if self._phase == _IDLE:  # the second request in one chunk of data
            self._enter(_HEAD)

    def on_headers_complete(self) -> None:
        parser = self.parser
        self._enter(_BODY)
        if self.transport.is_closing() or (parser.should_upgrade() and self._should_upgrade()):
            return
        try:
            self._check_head(dict(self.headers))
        except Refusal as refusal:
            self._refuse_and_close(refusal)
            return
        method = parser.get_method()
        endpoint = self.gateway.find(method, self.url)
        if endpoint is None:
            self._begin_asgi()
        else:
            keep_alive = parser.should_keep_alive() and parser.get_http_version() != "1.0"
            self._begin(Request(self, endpoint, method, keep_alive and not self._leaving))

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if isinstance(cycle, Request):
            cycle.collect(body)
        elif cycle:
            super().on_body(body)

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if isinstance(cycle, Request):
            if not cycle.response_complete:
                self._enter(_BUSY)
                cycle.finish_body()
                if cycle.current:
                    cycle.run()
        elif cycle:
            self._enter(_BUSY)
            super().on_message_complete()

    # Answers out

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not self.pipeline:
            self._enter(_IDLE)
            self._head_bytes = 0
            self.flow.resume_reading()
            if self._leaving:
                self.transport.close()
            return
        cycle, app = self.pipeline.pop()
        if not self.pipeline:
            # The rest of this request's body may still be on its way.
            self.flow.resume_reading()
        if isinstance(cycle, Request):
            cycle.current = True
            if cycle.received:
                # Not called from here: a long pipeline of instant answers would recurse.
                self.loop.call_soon(cycle.run)
        else:
            self._start_asgi_task(cycle, app)

    def _begin(self, request: Request) -> None:
        previous, self.cycle = self.cycle, request
        if previous and not previous.response_complete:
            request.current = False
            self.flow.pause_reading()
            self.pipeline.appendleft((request, _no_application))
        elif self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _begin_asgi(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def _check_head(self, headers: dict[bytes, bytes]) -> None:
        length = headers.get(b"content-length")
        limit = self.gateway.limits.body_bytes
        if length is not None and int(length) > limit:
            raise body_too_large(int(length), limit)
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            message = "compressed request bodies are not accepted; send the body as it is"
            raise Refusal(415, "UnsupportedContentEncoding", message)

    def _leave_http(self, rest: bytes) -> None:
        if not self._should_upgrade():
            # `Upgrade: h2c` and the like, which Java's client sends unasked: answered as plain HTTP. The
            # parser stops after such a request, so what follows needs a fresh one.
            self.parser = httptools.HttpRequestParser(self)
            if rest:
                self.data_received(rest)
            return
        try:
            if self._owes_an_answer():
                raise Refusal(400, "BadRequest", "a WebSocket cannot begin behind an unanswered request")
            self.gateway.upgrade(self, rest)
        except Refusal as refusal:
            self._refuse_and_close(refusal)

    def _owes_an_answer(self) -> bool:
        """Whether a request before the one now being read is unanswered: another answer would be taken for its."""
        cycle = self.cycle
        if not cycle or cycle.response_complete:
            return False
        return not (isinstance(cycle, Request) and cycle.current and not cycle.received)

    def _refuse_and_close(self, refusal: Refusal) -> None:
        """Answer what has no endpoint to answer it, and hang up."""
        if self.transport.is_closing():
            return
        if not self._owes_an_answer():
            parts = [self.gateway.head(refusal.status, JSON, self.server_state), refusal.headers]
            parts += [cors_headers(value) for name, value in self.headers or () if name == b"origin"]
            body = refusal.body
            parts.append(b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body))
            self.transport.write(b"".join(parts) + body)
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._drop_cycle()
        self.pipeline.clear()
        self.transport.close()

    def _drop_cycle(self) -> None:
        # Breaks the reference cycle with a Request, so that no garbage waits for the collector.
        self.cycle = None  # type: ignore[assignment]  # as uvicorn's initialiser does

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def _enter(self, phase: int) -> None:
        self._phase = phase
        self._since = self.gateway.wheel.now


def connection_class(gateway: Gateway) -> type[asyncio.Protocol]:
    """The class for uvicorn's `http=`: connections of this gateway."""

    class BoundConnection(HttpConnection):
        pass

    BoundConnection.gateway = gateway
    return BoundConnection


async def _no_application(scope: object, receive: object, send: object) -> None:
    """Stands in the pipeline beside a Request, which needs no application."""


def body_too_large(size: int, limit: int) -> Refusal:
    message = f"the request body is {size:,} bytes or more; the limit is {limit:,}. Send less in one call."
    return Refusal(413, "RequestTooLarge", message)


def url_path(url: bytes) -> bytes:
    """The path of a request target, without the query and without the doubled slash that a base URL may leave."""
    path = url.partition(b"?")[0]
    return path[1:] if path.startswith(b"//") else path


def _is_near(address: str) -> bool:
    """This machine or its private network, where proxies are: they speak for many clients."""
    try:
        return not ip_address(address).is_global
    except ValueError:
        return True
