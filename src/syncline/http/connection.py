"""HTTP connections: uvicorn's protocol, with the hot endpoints answered on the spot.

Method and path are looked up in a small table when the headers are complete. A hit collects the body and
calls a plain function, which answers at once or later: no ASGI scope, task, event or coroutine. Everything
else takes uvicorn's ordinary way into the ASGI application. Both kinds share uvicorn's `cycle` and
`pipeline`, so pipelined requests of either kind are answered in order, and graceful shutdown counts them.

Rejected: the same endpoints as plain ASGI callables. Measured, that is more than twice the CPU per request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from .gateway import ADMINISTERS, Gateway, decoded_path
from .replies import JSON, Refusal, body_too_large, too_many_connections
from .request import Request

# What a connection is waiting for, and how long it may (seconds, counted from the last change of phase). A
# closing connection has its time to send what is left; each visit that finds it got on starts it anew.
_IDLE, _HEAD, _BODY, _BUSY, _CLOSING = range(5)
_PATIENCE = (75.0, 10.0, 60.0, float("inf"), 30.0)

# Node's limit for the whole head is 16 KiB; tokens of some issuers need more.
_HEAD_BYTES = 64 * 1024

# A body of any length may take as long as it needs if this much of it comes within the time above.
_BODY_STEP = 64 * 1024


class HttpConnection(HttpToolsProtocol):
    """One client connection until it closes or becomes a WebSocket."""

    gateway: Gateway
    #: Whether administration is answered here, and admin keys count.
    administers: bool

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
        #: Who has connected: the client, or a proxy.
        self.peer: str | None = None
        #: What the gateway has counted it as, if it has.
        self.counted: str | None = None
        self._phase = _HEAD
        self._since = self.gateway.wheel.now
        self._head_bytes = 0
        self._body_bytes = 0
        self._unsent = 0
        self._leaving = False
        self._upgrading = False
        #: The next request of the pipeline waits for the client to read answers.
        self._blocked = False

    # Life of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else None
        self.gateway.wheel.add(self)
        if not self.gateway.admit(self):
            self._refuse_and_close(too_many_connections())

    def connection_lost(self, exc: Exception | None) -> None:
        self.gateway.wheel.discard(self)
        self.gateway.addresses.leave(self.counted)
        self.pipeline.clear()
        self._blocked = False
        cycle = self.cycle
        super().connection_lost(exc)
        self._drop_cycle()
        if not isinstance(cycle, Request):
            return
        if cycle.sink is not None:
            cycle.sink.lost()
        elif cycle.on_lost is not None and not cycle.response_complete:
            cycle.on_lost()

    def release(self) -> None:
        """Another protocol takes over the transport, and answers for what was counted."""
        self.gateway.wheel.discard(self)
        self.connections.discard(self)
        # The parser and its protocol refer to each other: both would wait for the collector, per socket.
        del self.parser
        self._drop_cycle()

    def client_address(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Whom a request with these headers is from, whoever has connected."""
        return self.gateway.addresses.client(self.peer, headers)

    def limited_address(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """What limits per address count such a request as; None: they do not hold for it."""
        addresses = self.gateway.addresses
        if self.counted is not None or not addresses.trusts_any:
            return self.counted
        return addresses.limited(self.client_address(headers))

    @property
    def busy(self) -> bool:
        """A request is unanswered. Streams do not count: they have no end of their own."""
        cycle = self.cycle
        if not cycle or cycle.response_complete:
            return False
        return not (isinstance(cycle, Request) and cycle.sink is not None)

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
        elif self._phase == _BODY and self.flow.read_paused:
            self._enter(_BODY)  # It is not the client who is slow.
        elif now - self._since > _PATIENCE[self._phase]:
            if self._phase == _IDLE or not self._head_bytes:
                self.transport.close()
            else:
                self._refuse_and_close(Refusal(408, "RequestTimeout", "the request did not arrive in time"))
        elif isinstance(self.cycle, Request) and self.cycle.sink is not None:
            self.cycle.sink.visit(now)

    def resume_writing(self) -> None:
        super().resume_writing()
        cycle = self.cycle
        if isinstance(cycle, Request) and cycle.sink is not None:
            cycle.sink.drained()
        if self._blocked:
            self._begin_next()

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
        # What upgrades is dealt with when the parser stops behind its head.
        self._upgrading = parser.should_upgrade()
        if self._upgrading or self.transport.is_closing():
            return
        method = parser.get_method()
        find = self.gateway.find if self.administers else self.gateway.find_public
        endpoint = find(method, self.url)
        if endpoint is None and self.gateway.claims(decoded_path(self.url)):
            self._begin_asgi()  # Whoever answers has limits of his own.
            return
        try:
            self._check_head(dict(self.headers))
        except Refusal as refusal:
            self._refuse_and_close(refusal)
            return
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
            self._body_bytes += len(body)
            if self._body_bytes >= _BODY_STEP:
                self._body_bytes = 0
                self._enter(self._phase)

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if self._upgrading:
            return
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
        if self.pipeline:
            self._begin_next()
            return
        self._enter(_IDLE)
        self._head_bytes = 0
        self.flow.resume_reading()
        if self._leaving:
            self.transport.close()

    def _begin_next(self) -> None:
        """Let the next request of the pipeline have its turn, once the client reads the answers before it."""
        self._blocked = self.flow.write_paused
        if self._blocked:
            return
        cycle, app = self.pipeline.pop()
        if not self.pipeline:
            # The rest of its body, or of the requests behind it, may still be on its way.
            self.flow.resume_reading()
        if not isinstance(cycle, Request):
            task = self.loop.create_task(cycle.run_asgi(app))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)
            return
        cycle.current = True
        if cycle.received:
            # Not called from here: a long pipeline of instant answers would recurse.
            self.loop.call_soon(cycle.run)

    def _begin(self, request: Request) -> None:
        previous, self.cycle = self.cycle, request
        waits = bool(previous) and not previous.response_complete
        if waits or self.flow.write_paused:
            request.current = False
            self._blocked = self._blocked or not waits
            self.flow.pause_reading()
            self.pipeline.appendleft((request, _no_application))
        elif self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _begin_asgi(self) -> None:
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expect
        self.scope["headers"] = headers
        cast("dict[str, Any]", self.scope)[ADMINISTERS] = self.administers
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
        """The head of a request asks for another protocol. `rest` came behind it."""
        try:
            if self.parser.get_method() == b"CONNECT":
                raise Refusal(405, "MethodNotAllowed", "this server is no proxy")
            if not self._should_upgrade():
                self._go_on_as_http(rest)
                return
            if self._owes_an_answer():
                raise Refusal(400, "BadRequest", "a WebSocket cannot begin behind an unanswered request")
            self.gateway.upgrade(self, rest)
        except Refusal as refusal:
            self._refuse_and_close(refusal)

    def _go_on_as_http(self, rest: bytes) -> None:
        """Answer `Upgrade: h2c` and the like, which Java's client sends unasked, as plain HTTP.

        The parser has stopped, and would not have read the body: a new one gets the request without its wish.
        """
        version = self.parser.get_http_version()
        lines = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version.encode())]
        lines += [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] not in (b"upgrade", b"connection")]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*lines, b"\r\n", rest]))

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
            headers = dict(self.headers or ())
            parts.append(self.gateway.origins.headers(headers.get(b"origin"), headers.get(b"host")))
            body = refusal.body
            parts.append(b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body))
            if not (self._phase == _BODY and self.parser.get_method() == b"HEAD"):
                parts.append(body)
            self.transport.write(b"".join(parts))
        if self.cycle:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._drop_cycle()
        self.pipeline.clear()
        self._blocked = False
        self.transport.close()

    def _drop_cycle(self) -> None:
        # Breaks the reference cycle with a Request, so that no garbage waits for the collector.
        self.cycle = None  # type: ignore[assignment]  # as uvicorn's initialiser does

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def _enter(self, phase: int) -> None:
        self._phase = phase
        self._since = self.gateway.wheel.now


def connection_class(gateway: Gateway, *, administers: bool = True) -> type[HttpConnection]:
    """The class for uvicorn's `http=`: connections of this gateway."""

    class BoundConnection(HttpConnection):
        pass

    BoundConnection.gateway = gateway
    BoundConnection.administers = administers
    return BoundConnection


async def _no_application(scope: object, receive: object, send: object) -> None:
    """Stands in the pipeline beside a Request, which needs no application."""
