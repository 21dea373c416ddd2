"""Mutations and actions that are not over: what is sent when, and what becomes of them when a socket is lost.

Mutations keep their order and their request ids over all sockets, and the server runs each (session, request) at most
once: so one that was not answered is sent again. Actions are not remembered there: one that was under way is lost.

A call runs as who the client was when it was made, also if it is sent again: so the client becomes somebody else only
when nothing is left to be sent (`busy`), and what is called meanwhile is held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from syncline.kernel.errors import OverloadedError
from syncline.protocol import Action, Mutation

from .errors import ClientError, ConnectionLostError
from .outcomes import Settled

#: Calls of one client that wait for their answers, sent or not.
MAX_WAITING: Final = 10_000
#: Of these, so many of a kind are on their way; a server closes the socket of a client with more than 1,000.
IN_FLIGHT: Final = 256
IN_FLIGHT_BYTES: Final = 4 * 1024 * 1024

CallKind: TypeAlias = Literal["mutation", "action"]


@dataclass(slots=True, eq=False)
class Call:
    kind: CallKind
    request_id: int
    path: str
    args: bytes
    done: Callable[[Settled], None]
    #: On the socket that is open.
    sent: bool = False
    #: On this or an earlier one: it may have run.
    tried: bool = False
    #: The result of a mutation that was committed at `ts`, until a transition shows it.
    result: Settled | None = None
    ts: int = 0

    def message(self) -> bytes:
        args = msgspec.Raw(b"[%b]" % self.args)
        kind = Mutation if self.kind == "mutation" else Action
        return msgspec.json.encode(kind(self.request_id, self.path, args))


class Calls:
    """`in_flight`: how many of a kind are on their way at most."""

    def __init__(self, in_flight: int = IN_FLIGHT) -> None:
        self._most_in_flight = in_flight
        #: In order of their request ids.
        self._waiting: dict[int, Call] = {}
        self._unsent: dict[CallKind, dict[int, Call]] = {"mutation": {}, "action": {}}
        self._in_flight: dict[CallKind, int] = {"mutation": 0, "action": 0}
        self._bytes: dict[CallKind, int] = {"mutation": 0, "action": 0}
        #: Mutations whose results wait for a transition.
        self._committed: list[Call] = []
        #: What is called behind each `hold` that waits for its `release`.
        self._held: deque[dict[int, Call]] = deque()
        self._next_id = 0

    def __len__(self) -> int:
        return len(self._waiting) + sum(map(len, self._held))

    @property
    def busy(self) -> bool:
        """Whether a call may still have to be sent, for the first time or again."""
        return any(call.kind == "mutation" or not call.sent for call in self._waiting.values())

    def hold(self) -> None:
        """Keep what is called from here on until `release`."""
        self._held.append({})

    def release(self) -> None:
        for call in self._held.popleft().values():
            self._waiting[call.request_id] = self._unsent[call.kind][call.request_id] = call

    def add(self, kind: CallKind, path: str, args: bytes, done: Callable[[Settled], None]) -> Call:
        """Raises OverloadedError."""
        if len(self) >= MAX_WAITING:
            raise OverloadedError(
                f"{path}: {MAX_WAITING:,} calls of this client wait for answers. Await some before you make more."
            )
        call = Call(kind, self._next_id, path, args, done)
        self._next_id += 1
        if self._held:
            self._held[-1][call.request_id] = call
        else:
            self._waiting[call.request_id] = self._unsent[kind][call.request_id] = call
        return call

    def abandon(self, call: Call) -> None:
        """Nobody waits for the call any more. If it was never sent, it never will be."""
        call.done = _nothing
        for held in self._held:
            held.pop(call.request_id, None)
        if not call.tried and self._unsent[call.kind].pop(call.request_id, None) is not None:
            del self._waiting[call.request_id]

    def to_send(self) -> Iterator[bytes]:
        """The messages of calls that may go on their way now; they count as sent."""
        for kind, unsent in self._unsent.items():
            for call in list(unsent.values()):
                flying = self._in_flight[kind]
                size = self._bytes[kind] + len(call.args)
                if flying >= self._most_in_flight or (flying and size > IN_FLIGHT_BYTES):
                    break
                del unsent[call.request_id]
                call.sent = call.tried = True
                self._in_flight[kind] += 1
                self._bytes[kind] = size
                yield call.message()

    def answered(self, kind: CallKind, request_id: int) -> Call | None:
        """The call that was answered, to be settled or committed. None if it is over already."""
        call = self._waiting.get(request_id)
        if call is None or call.kind != kind or not call.sent or call.result is not None:
            return None
        self._in_flight[kind] -= 1
        self._bytes[kind] -= len(call.args)
        return call

    def settle(self, call: Call, settled: Settled) -> None:
        del self._waiting[call.request_id]
        call.done(settled)

    def commit(self, call: Call, result: Settled, ts: int) -> None:
        """The mutation was committed at `ts`: it is over when that is shown."""
        call.result, call.ts = result, ts
        self._committed.append(call)

    def shown(self, ts: int) -> None:
        """All queries show the state of `ts`."""
        if self._committed:
            over = [call for call in self._committed if call.ts <= ts]
            self._committed = [call for call in self._committed if call.ts > ts]
            for call in over:
                assert call.result is not None
                self.settle(call, call.result)

    def lost(self, reason: str) -> None:
        """The socket is gone."""
        self._in_flight = {"mutation": 0, "action": 0}
        self._bytes = {"mutation": 0, "action": 0}
        again: dict[int, Call] = {}
        gone: list[Call] = []
        for call in self._waiting.values():
            if call.result is not None:
                # It is durable, so whatever the next socket shows first shows it; even of a restored database.
                call.ts = 0
            elif call.kind == "mutation":
                call.sent = False
                again[call.request_id] = call
            elif call.sent:
                gone.append(call)
        self._unsent["mutation"] = again
        for call in gone:
            self.settle(
                call,
                ConnectionLostError(
                    f"{call.path}: the connection was lost while the action ran ({reason}). Whether it has run to its "
                    "end is not known: look before you call it again."
                ),
            )

    def fail(self, error: ClientError) -> None:
        """All calls are over."""
        waiting = [*self._waiting.values(), *(call for held in self._held for call in held.values())]
        self._waiting = {}
        self._held.clear()
        self._unsent = {"mutation": {}, "action": {}}
        self._in_flight = {"mutation": 0, "action": 0}
        self._bytes = {"mutation": 0, "action": 0}
        self._committed = []
        for call in waiting:
            # What is committed is so, whatever happens to the connection.
            call.done(error if call.result is None else call.result)


def _nothing(settled: Settled) -> None:
    pass
