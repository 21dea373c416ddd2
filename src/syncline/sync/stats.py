"""What live queries have to say about themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveStats:
    """What live queries hold, and what they did since the start."""

    #: Queries that are watched, counted once for each who watches them.
    subscriptions: int
    #: Distinct queries, with those that are kept although nobody watches them.
    entries: int
    #: What those cost, roughly.
    bytes: int
    reruns: int
    #: Transitions sent.
    deliveries: int
    #: Transitions that were left out because the reader was slow; a later one contained them.
    coalesced: int


class Effects:
    """How many live queries each commit made stale; of the newest commits."""

    _MOST = 1024

    def __init__(self) -> None:
        self._by_ts: dict[int, int] = {}

    def note(self, ts: int, queries: int) -> None:
        if queries:
            self._by_ts[ts] = self.of(ts) + queries
            if len(self._by_ts) > self._MOST:
                del self._by_ts[next(iter(self._by_ts))]

    def of(self, ts: int) -> int:
        return self._by_ts.get(ts, 0)
