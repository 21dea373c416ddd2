"""The client's half of the sync protocol as a state machine, over as many sockets as it takes.

Rules of this file
    - No sockets, tasks or clocks of its own: a socket comes by `opened` and goes by `lost`, messages come in by
      `received`, and what is to be sent is there for `take`. Whoever owns the socket calls `take` after each of these.
    - What a query shows is "live" only between a transition on the open socket that contains it and the loss of that
      socket. Otherwise it is "stale", and says so.
    - A transition is applied as a whole before anybody hears of it: all queries show one timestamp.
    - A mutation is over when the queries show what it wrote. It keeps its request id over all sockets.
    - Nothing runs as somebody else than the caller said: without a token that the server takes everything stops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never
from uuid import UUID

import msgspec

from syncline.kernel.clock import Clock
from syncline.kernel.errors import OverloadedError
from syncline.protocol import Add, Connect, ModifyQuerySet, ProtocolError, Remove
from syncline.values import decode_ts, encode_ts

from .calls import IN_FLIGHT, Call, CallKind, Calls
from .errors import ClientClosedError, ClientError
from .messages import (
    ActionResponse,
    AuthError,
    FatalError,
    MutationResponse,
    Ping,
    QueryRemoved,
    Transition,
    decode_server_message,
)
from .outcomes import Settled, Succeeded, failed
from .tokens import Token, authenticate_message
from .watches import State, Watch

#: A server refuses more than 512 queries of one client (a setting), and hangs up at twice that.
MAX_WATCHES: Final = 1_000
#: Arguments of queries in one message.
_MODIFY_BYTES: Final = 1024 * 1024

_encode: Final = msgspec.json.Encoder().encode


class RefusedError(Exception):
    """The server does not take the token. `attempted`: it was new to this socket; otherwise it has expired."""

    def __init__(self, message: str, attempted: bool) -> None:
        super().__init__(message)
        self.attempted = attempted


class FatalProtocolError(Exception):
    """The server says that we made a mistake that coming back would only repeat."""


@dataclass(frozen=True, slots=True)
class _Switch:
    """The client is to be somebody else."""

    token: Token | None
    begun: Callable[[], None]
    done: Callable[[ClientError | None], None]


@dataclass(frozen=True, slots=True)
class _Waiter:
    #: The version of the identity at which it is over.
    identity: int
    done: Callable[[ClientError | None], None]


class Connection:
    """One client. `on_state` is called with each new state and the reason for it."""

    def __init__(
        self,
        session_id: UUID,
        clock: Clock,
        on_state: Callable[[State, str], None] = lambda state, reason: None,
        *,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self.state: State = "connecting"
        #: Why the client has stopped; `resume` ends that.
        self.error: ClientError | None = None
        self.token: Token | None = None
        self._session_id = session_id
        self._clock = clock
        self._on_state = on_state
        self._open = False
        self._sockets = 0
        self._last_reason = "InitialConnect"
        self._observed = 0
        self._watches: dict[int, Watch] = {}
        self._next_query = 0
        self._calls = Calls(in_flight)
        #: Identities that wait for earlier calls to be over.
        self._switches: deque[_Switch] = deque()
        self._waiters: list[_Waiter] = []
        # What belongs to the open socket.
        self._out: list[bytes] = []
        self._modifications: list[Add | Remove] = []
        self._modification_bytes = 0
        self._version = (0, 0, 0)
        self._query_set = 0
        self._identity = 0
        #: The query set and the identity that make the socket live.
        self._needed = (0, 0)
        #: Watches that no transition of this socket has shown yet.
        self._unconfirmed: dict[int, Watch] = {}

    # What the user wants

    def watch(self, path: str, args: bytes, changed: Callable[[], None]) -> Watch:
        """Show the query `path` with the encoded object `args`. Raises ClientError, OverloadedError."""
        self._check()
        if len(self._watches) >= MAX_WATCHES:
            raise OverloadedError(
                f"{path}: this client watches {MAX_WATCHES:,} queries. Close subscriptions that nobody looks at."
            )
        watch = Watch(self._next_query, path, args, changed)
        self._next_query += 1
        self._watches[watch.query_id] = watch
        if self._open:
            self._add(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        if self._watches.pop(watch.query_id, None) is not None and self._open:
            self._unconfirmed.pop(watch.query_id, None)
            self._modifications.append(Remove(watch.query_id))

    def call(self, kind: CallKind, path: str, args: bytes, done: Callable[[Settled], None]) -> Call:
        """Call a mutation or an action. `done` is called once. Raises ClientError, OverloadedError."""
        self._check()
        return self._calls.add(kind, path, args, done)

    def abandon(self, call: Call) -> None:
        """Nobody waits for it any more. It runs all the same if it was sent."""
        self._calls.abandon(call)
        self._switch()

    def authenticate(
        self,
        token: Token | None,
        begun: Callable[[], None],
        done: Callable[[ClientError | None], None],
    ) -> None:
        """Be somebody else, as soon as the calls made before have run; calls made from here on run after it.

        `begun` is called then, `done` when all queries show it, or with the error.
        """
        self._switches.append(_Switch(token, begun, done))
        self._calls.hold()
        self._switch()

    def stop(self, error: ClientError) -> None:
        """Nothing goes on until `resume`: all calls end with `error`, and all queries show it."""
        if isinstance(error, ClientClosedError):
            self._calls.fail(error)
        self.lost(str(error))
        self.error = error
        self._calls.fail(error)
        ended = [*(each.done for each in self._waiters), *(each.done for each in self._switches)]
        self._waiters = []
        self._switches.clear()
        for done in ended:
            done(error)
        for watch in list(self._watches.values()):
            watch.error = error
            watch.changed()

    def resume(self) -> None:
        self.error = None
        for watch in self._watches.values():
            watch.error = None

    @property
    def waiting(self) -> int:
        """Calls that are not over."""
        return len(self._calls)

    @property
    def ts(self) -> int:
        """What all live queries show: the state of this timestamp."""
        return self._version[2]

    # What the network does

    def opened(self) -> None:
        """A new socket is open: say who we are, and everything that is not over."""
        assert not self._open and self.error is None
        self._open = True
        self._version = (0, 0, 0)
        self._query_set = self._identity = 0
        observed = encode_ts(self._observed) if self._observed else None
        wall_ms = self._clock.wall_ns() // 1_000_000
        connect = Connect(self._session_id, self._sockets, self._last_reason, observed, float(wall_ms))
        self._sockets += 1
        self._out = [_encode(connect)]
        self._modifications = []
        self._unconfirmed = {}
        if self.token is not None:
            self._out.append(_encode(authenticate_message(0, self.token)))
            self._identity = 1
        self._waiters = [_Waiter(self._identity, waiter.done) for waiter in self._waiters]
        for watch in self._watches.values():
            self._add(watch)
        self._send_modifications(even_none=True)
        self._needed = (self._query_set, self._identity)

    def lost(self, reason: str) -> None:
        """The socket is gone, or there was no getting one."""
        self._last_reason = reason
        if not self._open:
            return
        self._open = False
        self._out = []
        self._modifications = []
        if self.state == "live":
            self.state = "stale"
        self._on_state(self.state, reason)
        self._calls.lost(reason)
        self._switch()
        for watch in list(self._watches.values()):
            if watch.state == "live":
                watch.state = "stale"
                watch.changed()

    def take(self) -> list[bytes]:
        """What is to be sent, in order."""
        if not self._open:
            return []
        self._send_modifications()
        self._out += self._calls.to_send()
        out, self._out = self._out, []
        return out

    def received(self, raw: bytes) -> None:
        """A text frame has arrived.

        Raises ProtocolError if it makes no sense (give the socket up), RefusedError, FatalProtocolError.
        """
        if not self._open:
            return
        message = decode_server_message(raw)
        match message:
            case Transition():
                self._transition(message)
            case MutationResponse():
                self._mutated(message)
            case ActionResponse():
                self._acted(message)
            case AuthError():
                self._refused(message)
            case FatalError(text):
                raise FatalProtocolError(text)
            case Ping():
                pass
            case _:
                assert_never(message)
        self._switch()

    # Messages

    def _transition(self, message: Transition) -> None:
        start, end = message.start_version.moment, message.end_version.moment
        if start != self._version:
            raise ProtocolError(
                f"StartVersionMismatch: a transition starts at {start}, we are at {self._version}"
            )
        self._version = end
        query_set, identity, ts = end
        self._observed = max(self._observed, ts)
        changed = dict[int, Watch]()
        for modification in message.modifications:
            watch = self._watches.get(modification.query_id)
            if watch is None or isinstance(modification, QueryRemoved):
                continue
            if watch.apply(modification):
                changed[watch.query_id] = watch
        if self._unconfirmed and identity >= self._needed[1]:
            for watch in list(self._unconfirmed.values()):
                if watch.since <= query_set and watch.answer is not None:
                    del self._unconfirmed[watch.query_id]
                    watch.state = "live"
                    changed[watch.query_id] = watch
        if query_set < self._needed[0] or identity < self._needed[1]:
            self._tell(changed)
            return
        if self.state != "live":
            self.state = "live"
            self._on_state("live", "")
        self._calls.shown(ts)
        self._confirm(identity)
        self._tell(changed)

    def _tell(self, changed: dict[int, Watch]) -> None:
        for watch in changed.values():
            watch.changed()

    def _confirm(self, identity: int) -> None:
        confirmed = [waiter for waiter in self._waiters if waiter.identity <= identity]
        if confirmed:
            self._waiters = [waiter for waiter in self._waiters if waiter.identity > identity]
            for waiter in confirmed:
                waiter.done(None)

    def _mutated(self, message: MutationResponse) -> None:
        call = self._calls.answered("mutation", message.request_id)
        if call is None:
            return
        if not message.success:
            self._calls.settle(call, failed(call.path, message.result, message.error_data))
        elif message.ts is None:
            raise ProtocolError("a mutation succeeded without a timestamp")
        else:
            self._calls.commit(call, Succeeded(bytes(message.result)), decode_ts(message.ts))

    def _acted(self, message: ActionResponse) -> None:
        call = self._calls.answered("action", message.request_id)
        if call is None:
            return
        if message.success:
            self._calls.settle(call, Succeeded(bytes(message.result)))
        else:
            self._calls.settle(call, failed(call.path, message.result, message.error_data))

    def _refused(self, message: AuthError) -> None:
        base = message.base_version
        if base is not None and message.auth_update_attempted and base + 1 < self._identity:
            raise ProtocolError("a token was refused that another one has replaced already")
        raise RefusedError(message.error, message.auth_update_attempted)

    # Sending

    def _switch(self) -> None:
        while self._switches and not self._calls.busy:
            switch = self._switches.popleft()
            self.token = switch.token
            switch.begun()
            if self._open:
                self._send_modifications()
                self._out.append(_encode(authenticate_message(self._identity, switch.token)))
                self._identity += 1
            self._waiters.append(_Waiter(self._identity, switch.done))
            self._calls.release()

    def _check(self) -> None:
        if self.error is not None:
            raise type(self.error)(str(self.error))

    def _add(self, watch: Watch) -> None:
        if self._modification_bytes > _MODIFY_BYTES:
            self._send_modifications()
        self._modifications.append(watch.add())
        self._modification_bytes += len(watch.args)
        watch.since = self._query_set + 1
        self._unconfirmed[watch.query_id] = watch

    def _send_modifications(self, *, even_none: bool = False) -> None:
        if self._modifications or even_none:
            message = ModifyQuerySet(self._query_set, self._query_set + 1, self._modifications)
            self._out.append(_encode(message))
            self._query_set += 1
            self._modifications = []
            self._modification_bytes = 0
