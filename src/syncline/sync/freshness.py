"""Results that depend on the time: until when newcomers may have them, and when those who watch them get new ones."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from syncline.functions import QueryResult
from syncline.kernel.clock import Clock

from .entries import Entry

#: How long newcomers are shown a result that used `ctx.now`.
NOW_SECONDS = 10.0


class Freshness:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: (nanoseconds, age, entry). Ticks of earlier runs, and of entries long gone, stay until they are due.
        self._ticks: list[tuple[int, int, Entry]] = []

    def note(self, entry: Entry, result: QueryResult) -> None:
        """The entry has this result now."""
        tick_ns = result.tick_ns
        entry.expires = self._clock.monotonic() + NOW_SECONDS if result.used_now else None
        entry.timed = result.used_now or tick_ns is not None
        if tick_ns != entry.tick_ns:
            entry.tick_ns = tick_ns
            if tick_ns is not None:
                heapq.heappush(self._ticks, (tick_ns, entry.order, entry))

    def is_outdated(self, entry: Entry) -> bool:
        """Whether a newcomer wants a valid entry to run again, because time has passed."""
        if not entry.timed:
            return False
        if entry.expires is not None and self._clock.monotonic() >= entry.expires:
            return True
        return entry.tick_ns is not None and self._clock.wall_ns() >= entry.tick_ns

    def due(self) -> Iterator[Entry]:
        """The entries in which `ctx.clock` has ticked since they ran, each once."""
        wall_ns = self._clock.wall_ns()
        while self._ticks and self._ticks[0][0] <= wall_ns:
            tick_ns, _, entry = heapq.heappop(self._ticks)
            if entry.tick_ns == tick_ns:
                entry.tick_ns = None
                yield entry

    @property
    def next_tick_ns(self) -> int | None:
        return self._ticks[0][0] if self._ticks else None
