"""What ran lately: a bounded record of calls with what they printed, for whoever holds the admin key."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

import msgspec

from syncline.kernel.clock import Clock
from syncline.kernel.limits import Limits

from .kinds import Kind
from .outcomes import Failure, Outcome

#: A call without output is counted as this many bytes.
_ENTRY_BYTES: Final = 300


class LogEntry(msgspec.Struct, frozen=True, eq=False):
    """One call that ended. `cursor` is its place: milliseconds since the epoch, different for each entry."""

    cursor: float
    kind: Kind
    path: str
    #: "Admin", "User", "Anonymous" or "System".
    caller: str
    #: How long it took, in seconds; None where that was not measured.
    seconds: float | None
    lines: tuple[str, ...]
    #: What it failed with, as the server's own log says it; None after a success.
    error: str | None
    request_id: str
    return_bytes: int


class LogBook:
    """The newest entries. Belongs to the event loop's thread.

    `wait` calls back once, when the next entry comes. The oldest entries go when there are more than `log_entries`, or
    more bytes than `log_bytes`.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._entries: deque[LogEntry] = deque()
        self._bytes = 0
        self._last = 0.0
        self._waiting: dict[int, Callable[[], None]] = {}
        self._tickets = count(1)

    def add(
        self, kind: Kind, path: str, caller: str, seconds: float | None, outcome: Outcome, request_id: str
    ) -> None:
        """Note a call that has ended, unless it was one of Syncline's own."""
        if path.startswith("_system/"):
            return
        error: str | None = None
        size = 0
        if isinstance(outcome, Failure):
            facts = outcome.error
            error = facts.traceback or f"{facts.type}: {facts.message}"
            request_id = outcome.request_id
        else:
            size = len(outcome.value)
        self._last = cursor = max(self._clock.wall_ns() / 1e6, self._last + 0.001)
        entry = LogEntry(cursor, kind, path, caller, seconds, outcome.lines, error, request_id, size)
        self._entries.append(entry)
        self._bytes += _size_of(entry)
        while len(self._entries) > self._limits.log_entries or self._bytes > self._limits.log_bytes:
            self._bytes -= _size_of(self._entries.popleft())
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            for wake in waiting.values():
                wake()

    def after(self, cursor: float, at_most: int) -> list[LogEntry]:
        """The entries behind `cursor`, the oldest first: with `cursor` 0 the newest `at_most`, else the next."""
        if cursor >= self._last:
            return []
        found: list[LogEntry] = []
        for entry in reversed(self._entries):
            if entry.cursor <= cursor:
                break
            found.append(entry)
            if cursor == 0 and len(found) == at_most:
                break
        found.reverse()
        return found[:at_most]

    def wait(self, wake: Callable[[], None]) -> int:
        """Call `wake` when the next entry comes. Returns a ticket for `forget`."""
        ticket = next(self._tickets)
        self._waiting[ticket] = wake
        return ticket

    def forget(self, ticket: int) -> None:
        """Do not call back any more."""
        self._waiting.pop(ticket, None)


def _size_of(entry: LogEntry) -> int:
    return _ENTRY_BYTES + sum(map(len, entry.lines)) + len(entry.error or "")
