"""What live queries have to say about themselves."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from syncline.database import CommitRecord, EntryChange, ReadSet


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
    #: Queries asked once that were answered from the cache, and those that were not.
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class Rerun:
    """Why a live query ran again: the commit at `ts` touched `key` of an index (None: too much to tell).

    Indexes are numbers of the store, minus a table's number for its documents by id.
    """

    path: str
    args: bytes
    ts: int
    index_id: int | None
    key: bytes


class Effects:
    """How many live queries each commit made stale, and why; of the newest commits."""

    _MOST = 1024
    _MOST_CAUSES = 256
    #: Causes are worked out when somebody asks, from no more than so much of what was written and read.
    _CHANGES = 64
    _RANGES = 256

    def __init__(self) -> None:
        self._by_ts: dict[int, int] = {}
        self._causes: deque[tuple[str, bytes, int, tuple[EntryChange, ...], ReadSet | None]] = deque(
            maxlen=self._MOST_CAUSES
        )

    def note(self, path: str, args: bytes, record: CommitRecord, read_set: ReadSet) -> None:
        """The commit made a live query stale that had read `read_set`."""
        ts = record.ts
        self._by_ts[ts] = self.of(ts) + 1
        if len(self._by_ts) > self._MOST:
            del self._by_ts[next(iter(self._by_ts))]
        kept = read_set if len(read_set.ranges) <= self._RANGES else None
        changes = record.entries
        self._causes.append(
            (
                path,
                args,
                ts,
                changes if len(changes) <= self._CHANGES else changes[: self._CHANGES],
                kept,
            )
        )

    def reruns(self, path: str) -> list[Rerun]:
        """Why the live queries of a function ran again lately, the newest first."""
        return [_rerun(*cause) for cause in reversed(self._causes) if cause[0] == path]

    def of(self, ts: int) -> int:
        return self._by_ts.get(ts, 0)


def _rerun(
    path: str, args: bytes, ts: int, changes: tuple[EntryChange, ...], read_set: ReadSet | None
) -> Rerun:
    for index_id, key, _offsets in changes:
        for item in () if read_set is None else read_set.ranges:
            if item.index_id == index_id and item.includes(key):
                return Rerun(path, args, ts, index_id, key)
    return Rerun(path, args, ts, None, b"")
