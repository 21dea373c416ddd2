"""`GET /api/watch/{function}`: a live query as server-sent events, for any HTTP client.

The function is named as in `api`: `/api/watch/messages:list`. Query parameters: `args` (a JSON object), `format` (as for
/api/query; plain JSON unless said). Events:

    id: 1795349251135000000-3f9a2c01        the timestamp of the data, and a digest of what follows
    data: [{"body":"hi"}]                   the result: first the present one, then each one that differs

    event: failure                          the function failed; it stays watched, and may work again
    data: {"errorMessage":"...","errorData":...}

    event: closed                           the server ends the stream; connect again
    data: {"reason":"ServerRestart"}

Comments (`: alive`) come when nothing else does. A client that reconnects sends the last id back as `Last-Event-ID`,
which browsers do by themselves, and is not told again what it knows already.

A stream subscribes like a session does, so it is as consistent; it differs in having one query and no requests.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qs, unquote

from syncline.functions import Outcome, Success
from syncline.identity import Verified, Watch
from syncline.kernel.identity import Caller
from syncline.protocol import ValueFormat, encode_text, parse_path
from syncline.sync import Services, Subscription, Support

from .callers import Callers
from .calls import raw_json
from .gateway import Gateway, url_path
from .replies import Refusal
from .request import Request

_EVENT_STREAM: Final = b"text/event-stream; charset=utf-8"
_UNCACHED: Final = b"cache-control: no-store\r\nx-accel-buffering: no\r\n"
_PREFIX: Final = "/api/watch/"

#: With more bytes than this unsent, nothing is sent until the client has read.
_SLOW_BYTES: Final = 256 * 1024


class WatchEndpoint:
    def __init__(self, services: Services, callers: Callers, gateway: Gateway) -> None:
        self._services = services
        self._callers = callers
        self._gateway = gateway
        gateway.add("GET", _PREFIX, self._watch)

    def _watch(self, request: Request) -> None:
        path = parse_path(unquote(url_path(request.url).decode("latin-1").removeprefix(_PREFIX)))
        fields = parse_qs(request.url.partition(b"?")[2].decode("latin-1"), keep_blank_values=True)
        args = bytes(raw_json(fields.get("args", ["{}"])[-1] or "{}"))
        answer_format = ValueFormat.parse(fields.get("format", ["json"])[-1])
        if request.method == b"HEAD":
            request.respond(200, b"", _EVENT_STREAM)
            return
        if self._gateway.draining:
            raise Refusal(503, "ServerRestart", "the server is restarting; connect again", retry_after=1)

        def begin(caller: Caller, verified: Verified | None) -> None:
            stream = EventStream(request, self._services, answer_format, caller, verified)
            if request.open_stream(_EVENT_STREAM, stream, _UNCACHED):
                stream.start(path, args)

        self._callers.resolve_until(request, begin)


class EventStream:
    """One stream: a subscriber of one query, and the sink of its request."""

    def __init__(
        self,
        request: Request,
        services: Services,
        answer_format: ValueFormat,
        caller: Caller,
        verified: Verified | None,
    ) -> None:
        self._request = request
        self._services = services
        self._live = services.live
        self._format = answer_format
        self._verified = verified
        self._watch: Watch | None = None
        self._subscription: Subscription | None = None
        self._stalled = False
        #: Something was sent since the last visit.
        self._spoke = True
        #: The digest of what the client has seen.
        self._seen = request.headers.get(b"last-event-id", b"").decode("latin-1").partition("-")[2]
        # As a subscriber:
        self.caller = caller
        self.ts = 0
        self.floor = services.live.head
        self.due = True

    def start(self, path: str, args: bytes) -> None:
        if self._verified is not None and self._services.revocations is not None:
            self._watch = self._services.revocations.watch(
                self._verified, lambda: self._end("SessionEnded"), lambda: self._end("TokenOutdated")
            )
        self._subscription = self._live.subscribe(self, 0, path, args, None)
        self._live.start()
        self.advance()

    # The subscriber

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return () if self._subscription is None else (self._subscription,)

    def advance(self, support: Support | None = None) -> None:
        """Show the newest known result, if it is another one."""
        subscription = self._subscription
        if subscription is None or not self.due or self._is_expired() or self._is_slow():
            return
        entry = subscription.entry
        content = entry.content
        if content is None:
            return
        ts = self._live.head if entry.until is None else entry.until
        if ts < max(entry.from_ts, self.floor, self.ts):
            if support is None or support.ts < max(self.floor, self.ts) or entry not in support.contents:
                return
            ts, content = support.ts, support.contents[entry]
        self.due = False
        self.ts = ts
        shown, subscription.shown = subscription.shown, content
        if shown is None or not content.same_as(shown):
            self._live.deliveries += 1
            self._tell(content.outcome, ts)

    def abort(self) -> None:
        self._end("InternalServerError")

    # The sink

    def lost(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._live.cancel(subscription)
        if self._watch is not None:
            assert self._services.revocations is not None
            self._services.revocations.unwatch(self._watch)
            self._watch = None

    def drained(self) -> None:
        if self._stalled:
            self._stalled = False
            self.advance()

    def visit(self, now: float) -> None:
        if self._subscription is not None and not self._is_expired():
            if not self._spoke and not self._request.unsent_bytes():
                self._request.write(b": alive\n\n")
            self._spoke = False

    def shut_down(self) -> None:
        self._end("ServerRestart")

    # Inside

    def _tell(self, outcome: Outcome, ts: int) -> None:
        render = self._format.render
        if isinstance(outcome, Success):
            event, data = b"", render(outcome.value)
        else:
            extra = b"" if outcome.data is None else b',"errorData":%b' % render(outcome.data)
            event, data = (
                b"event: failure\n",
                b'{"errorMessage":%b%b}' % (encode_text(outcome.message), extra),
            )
        # A failure's request id differs each time and tells nothing new.
        known = data if isinstance(outcome, Success) else outcome.fingerprint
        digest = blake2b(event + known, digest_size=8).hexdigest()
        if digest != self._seen:
            self._seen = digest
            self._spoke = True
            # One line: JSON as we write it has no line breaks.
            self._request.write(b"%bid: %d-%b\ndata: %b\n\n" % (event, ts, digest.encode(), data))

    def _is_slow(self) -> bool:
        unsent = self._request.unsent_bytes()
        if unsent > self._services.limits.session_unsent_bytes:
            self._end("SlowReader")
        elif unsent > _SLOW_BYTES:
            self._stalled = True
            self._live.coalesced += 1
        return unsent > _SLOW_BYTES

    def _is_expired(self) -> bool:
        expires_ns = None if self._verified is None else self._verified.expires_ns
        if expires_ns is None or self._services.clock.wall_ns() < expires_ns:
            return False
        self._end("TokenExpired")
        return True

    def _end(self, reason: str) -> None:
        if self._subscription is not None:
            self.lost()
            self._request.write(b'event: closed\ndata: {"reason":"%b"}\n\n' % reason.encode())
            self._request.end_stream()
