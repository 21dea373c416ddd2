"""The sending half of a session: which queries it shows, as of when, and how it gets from there to the next moment.

Invariants
    - `version` is where the last transition ended, and the next one starts there. Timestamps never decrease.
    - A transition shows *all* queries at `version.ts`: those that it does not list are as the client has them.
      `Subscription.shown` is always what the client has.
    - What the client is owed a transition for, it gets one for, be it empty: changes of the query set and of the
      identity (`received` is ahead of `version`), and responses. The transition after a response with commit
      timestamp T ends at T or later: clients take it for proof that their queries show the write.
    - Nothing older than `floor` is shown: somebody may already have seen what was committed then.
    - At most one transition is on its way to a slow reader. What it misses meanwhile the next one contains.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from syncline.identity import Verified, Watch
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.protocol import (
    INITIAL_VERSION,
    PING,
    StateVersion,
    auth_error,
    fatal_error,
    query_removed,
    transition,
    transition_chunks,
)

from .entries import Subscription, Support
from .port import Services, SessionPort

#: With more bytes than this on its way, a session is not moved until the port has drained.
SLOW_READER_BYTES = 256 * 1024
#: After so many seconds without a message a Ping is sent: browsers give up after 60 s.
PING_SECONDS = 15.0


class _Answer(NamedTuple):
    """A response that has not been sent, because the transition that must follow can leave with it soon."""

    #: What the transition must reach.
    ts: int
    message: bytes
    #: Clients act on it without the transition.
    urgent: bool


class Delivery:
    """See the module. `due` and `floor` are also set by the session; `advance` does the rest."""

    __slots__ = (
        "_answer_bytes",
        "_answers",
        "_chunks",
        "_last_bytes",
        "_last_sent",
        "_live",
        "_port",
        "_services",
        "_stalled",
        "_unconfirmed",
        "_watch",
        "caller",
        "closed",
        "due",
        "expires_ns",
        "floor",
        "on_closed",
        "queries",
        "received_identity",
        "received_query_set",
        "removed",
        "skew",
        "ts",
        "version",
    )

    def __init__(self, port: SessionPort, services: Services, *, chunks: bool) -> None:
        self._port = port
        self._services = services
        self._live = services.live
        self._chunks = chunks
        self.closed = False
        #: Called once, when the client has left.
        self.on_closed: Callable[[], None] | None = None
        self.version = INITIAL_VERSION
        #: `version.ts`.
        self.ts = 0
        self.floor = 0
        self.due = False
        #: How far the client has gone: ahead of `version` until a transition says so.
        self.received_query_set = 0
        self.received_identity = 0
        self.caller: Caller = ANONYMOUS
        #: Wall clock nanoseconds from which on the caller's token is no longer right.
        self.expires_ns: int | None = None
        #: For the end of the session that the caller's token belongs to.
        self._watch: Watch | None = None
        self.queries: dict[int, Subscription] = {}
        #: Queries that the next transition says are gone.
        self.removed: list[int] = []
        #: Milliseconds by which the client's clock is ahead, if it said.
        self.skew: int | None = None
        self._answers: list[_Answer] = []
        self._answer_bytes = 0
        #: A response was sent that no transition has followed yet.
        self._unconfirmed = False
        #: False -> True: an advance met a slow reader. True -> False: the port has drained.
        self._stalled = False
        self._last_sent = services.clock.monotonic()
        self._last_bytes = 0

    @property
    def subscriptions(self) -> Collection[Subscription]:
        return self.queries.values()

    # Moving

    def advance(self, support: Support | None = None) -> None:
        """Move to the newest timestamp at which all queries are known, and say what is new there."""
        if self.closed or not self.due or self._is_expired() or self._is_slow():
            return
        target = self._newest()
        if target is not None:
            self._move(target, None)
        elif support is not None and self._is_known_at(support):
            self._move(support.ts, support)
        if self._answers and (any(answer.urgent for answer in self._answers) or self._waits_for_slow()):
            self._answer_now()

    def _newest(self) -> int | None:
        """The newest timestamp at which the entries of all queries are right, if it is not in the past."""
        oldest = self.floor if self.floor > self.ts else self.ts
        newest = self._live.head
        for subscription in self.queries.values():
            entry = subscription.entry
            if entry.content is None:
                return None
            if entry.from_ts > oldest:
                oldest = entry.from_ts
            until = entry.until
            if until is not None and until < newest:
                newest = until
        return newest if oldest <= newest else None

    def _is_known_at(self, support: Support) -> bool:
        ts, contents = support
        return max(self.ts, self.floor) <= ts and all(
            subscription.entry in contents or subscription.entry.covers(ts)
            for subscription in self.queries.values()
        )

    def _waits_for_slow(self) -> bool:
        return any(s.entry.slow and not s.entry.valid for s in self.queries.values())

    def _move(self, ts: int, support: Support | None) -> None:
        modifications = [query_removed(query_id) for query_id in self.removed]
        for subscription in self.queries.values():
            entry = subscription.entry
            content = entry.content if support is None or entry.covers(ts) else support.contents[entry]
            shown = subscription.shown
            if content is not shown:
                assert content is not None
                subscription.shown = content
                if shown is None or not content.same_as(shown):
                    modifications.append(content.modification(subscription.query_id))
        messages = self._take_answers(ts) if self._answers else []
        version = self.version
        # Answers may need a commit that is not seen yet; and a move by a slow round's support leaves out what the
        # entries have learned since.
        self.due = bool(self._answers) or (support is not None and self._is_behind())
        if not (
            modifications
            or messages
            or self._unconfirmed
            or self.received_query_set != version.query_set
            or self.received_identity != version.identity
        ):
            return
        self.removed.clear()
        self._unconfirmed = False
        self.ts = ts
        self.version = StateVersion(self.received_query_set, self.received_identity, ts)
        message = transition(version, self.version, modifications, self.skew, self._services.clock.wall_ns())
        limit = self._services.limits.chunk_bytes
        if self._chunks and len(message) > limit:
            messages += transition_chunks(message, limit)
        else:
            messages.append(message)
        self._last_bytes = len(message)
        self._live.deliveries += 1
        self.send(messages)

    def _is_behind(self) -> bool:
        return any(
            subscription.shown is not subscription.entry.content for subscription in self.queries.values()
        )

    # Responses

    def answer(self, message: bytes, ts: int, *, urgent: bool) -> None:
        """Send a response, and a transition to `ts` or later after it.

        They leave together if the transition can be made soon. An urgent response does not wait for it: clients
        act on failures and on actions without the transition.
        """
        self._answers.append(_Answer(ts, message, urgent))
        self._answer_bytes += len(message)
        self.due = True
        self._live.touch(self)

    @property
    def owes_answers(self) -> bool:
        """Whether responses, or the transitions after them, have not been sent."""
        return not self.closed and (self._unconfirmed or bool(self._answers))

    def _take_answers(self, ts: int) -> list[bytes]:
        """The responses that a transition to `ts` may follow, in order."""
        taken = [answer.message for answer in self._answers if answer.ts <= ts]
        self._answers = [answer for answer in self._answers if answer.ts > ts]
        self._answer_bytes = sum(len(answer.message) for answer in self._answers)
        return taken

    def _answer_now(self) -> None:
        """Send the responses ahead of their transition."""
        self.floor = max(self.floor, max(answer.ts for answer in self._answers))
        messages = [answer.message for answer in self._answers]
        self._answers = []
        self._answer_bytes = 0
        self._unconfirmed = True
        self.send(messages)

    # The socket

    def send(self, messages: list[bytes]) -> None:
        self._last_sent = self._services.clock.monotonic()
        self._port.send(messages)

    def ping(self, now: float) -> None:
        """Send a Ping if nothing was sent for a while. `now` is monotonic."""
        if now - self._last_sent >= PING_SECONDS and not self._stalled:
            self._last_sent = now
            self._port.send([PING])

    def drained(self) -> None:
        """The port has room again."""
        if self._stalled:
            self._stalled = False
            self._live.touch(self)

    def _is_slow(self) -> bool:
        """Whether the reader is behind; closes the session if it is too far behind."""
        unsent = self._port.unsent_bytes()
        if unsent <= SLOW_READER_BYTES:
            return False
        # One transition may be larger than the limit: that alone is no reason to close.
        if unsent + self._answer_bytes > self._services.limits.session_unsent_bytes + self._last_bytes:
            self.close(1013, "SlowReader")
        else:
            self._stalled = True
            self._live.coalesced += 1
        return True

    def _is_expired(self) -> bool:
        """Whether the caller's token is no longer right; closes the session if so."""
        if self.expires_ns is None or self._services.clock.wall_ns() < self.expires_ns:
            return False
        self.refuse_identity("The token has expired", attempted=False)
        return True

    def become(self, caller: Caller, verified: Verified | None) -> None:
        """`caller` is who acts from now on; `verified` is what was found in a user's token."""
        self._unwatch()
        self.caller = caller
        self.expires_ns = None if verified is None else verified.expires_ns
        if verified is not None and self._services.revocations is not None:
            self._watch = self._services.revocations.watch(verified, self._revoked, self._outdated)

    def _revoked(self) -> None:
        self.refuse_identity("The session has ended", attempted=False)

    def _outdated(self) -> None:
        self.refuse_identity("The token names a role that its user has no more", attempted=False)

    def _unwatch(self) -> None:
        if self._watch is not None:
            assert self._services.revocations is not None
            self._services.revocations.unwatch(self._watch)
            self._watch = None

    def check_identity(self) -> bool:
        """Whether the caller may still act; closes the session if not."""
        return not self._is_expired()

    # Ends

    def close(self, code: int | None, reason: str) -> None:
        """End the session and its socket. Nothing is sent afterwards."""
        if not self.closed:
            self.disconnected()
            self._port.close(code, reason)

    def disconnected(self) -> None:
        """The socket is gone: forget everything. What runs goes on running, its responses go nowhere."""
        self.closed = True
        self.due = False
        self._unwatch()
        for subscription in self.queries.values():
            self._live.cancel(subscription)
        self.queries = {}
        self._answers = []
        left, self.on_closed = self.on_closed, None
        if left is not None:
            left()

    def abort(self) -> None:
        self.close(1011, "InternalServerError")

    def fatal(self, text: str) -> None:
        """The client made a mistake that coming back would only repeat."""
        if not self.closed:
            self.send([fatal_error(text)])
            self.close(None, "")

    def refuse_identity(self, text: str, *, attempted: bool) -> None:
        """The client's token is wrong: it fetches another one and comes back. `attempted`: it had just been sent."""
        if not self.closed:
            self.send([auth_error(text, self.version.identity, attempted)])
            self.close(None, "")
