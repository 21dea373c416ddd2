"""Which jobs are due: the front of an index in the store, a bounded part of it in memory.

A job stands in the index under (its state, its kind, when it is due). All those below the `horizon` are known here:
they wait in memory, or run. A commit that writes below the horizon means that there is something to read; one above
it does not. So the table is read when it has changed where that matters, and when time reaches the horizon.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple

from syncline.database import END, Catalog
from syncline.store import Reader
from syncline.system import JobKind, ScheduledJob
from syncline.values import decode_key_part, encode_key_part, prefix_end

_ID: Final = 16  # bytes at the end of a key


class Found(NamedTuple):
    """What was read: keys of due jobs, and the first key that was not looked at or is not due; END if there is none."""

    keys: list[bytes]
    horizon: bytes


class DueQueue:
    """The due jobs of one kind: `running` of them at a time, at most `room` more waiting in memory."""

    def __init__(self, kind: JobKind, running: int, room: int) -> None:
        self._prefix = state_prefix("pending", kind)
        self._most_running = running
        self._room = room
        self._waiting: list[bytes] = []  # a heap
        self._ids: set[bytes] = set()  # of those that wait
        self._running: dict[bytes, bytes] = {}  # id -> key
        self._horizon = self._prefix
        #: While reading: the lowest key that was written and is not known.
        self._noticed: bytes | None = None
        self.reading = False
        #: Whether the table holds jobs below the horizon that are not known here.
        self.stale = False

    # Facts

    @property
    def idle(self) -> bool:
        """Nothing that is due is known, and nothing runs."""
        return not (self.reading or self.stale or self._waiting or self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def oldest_ms(self) -> float | None:
        """When the first of those that wait was due."""
        return due_ms(self._waiting[0]) if self._waiting else None

    @property
    def next_ms(self) -> float | None:
        """When something that is not known here is due; None if there is nothing."""
        if self._horizon is self._prefix or self._horizon == END:
            return None
        return due_ms(self._horizon)

    def wants_to_read(self, now_ms: float) -> bool:
        """Whether the table should be looked at."""
        if self.reading or len(self._waiting) > self._room // 4:
            return False
        next_ms = self.next_ms
        return self.stale or (next_ms is not None and next_ms <= now_ms)

    # Reading

    def read(self, reader: Reader, catalog: Catalog, now_ms: float) -> Found:
        """Look at the table, on a reader's thread. Touches nothing of this object but what never changes."""
        index = catalog.of(ScheduledJob).by_index[ScheduledJob.by_state].id
        stop = prefix_end(self._prefix + encode_key_part(now_ms)) or END
        keys = list(reader.scan_keys(index, self._prefix, stop, limit=self._room))
        if len(keys) == self._room:
            return Found(keys, keys[-1] + b"\x00")
        end = prefix_end(self._prefix) or END
        return Found(keys, next(reader.scan_keys(index, stop, end, limit=1), END))

    def begin_reading(self) -> None:
        self.reading = True
        self.stale = False
        self._noticed = None

    def end_reading(self, found: Found | None) -> None:
        """What was read, or None if that failed."""
        self.reading = False
        if found is None:
            self.stale = True
            return
        for key in found.keys:
            if not self._knows(key):
                heapq.heappush(self._waiting, key)
                self._ids.add(key[-_ID:])
        self._horizon = found.horizon
        if self._noticed is not None and self._noticed < self._horizon:
            self.stale = True

    def notice(self, keys: Iterable[bytes]) -> None:
        """A commit wrote these keys of the index: added, removed, or changed what they stand for."""
        for key in keys:
            if not key.startswith(self._prefix) or self._knows(key):
                continue
            if self.reading:
                self._noticed = key if self._noticed is None else min(key, self._noticed)
            elif key < self._horizon:
                self.stale = True

    def _knows(self, key: bytes) -> bool:
        id = key[-_ID:]
        return id in self._ids or id in self._running

    # Running

    def take(self) -> bytes | None:
        """The next one to run, as its key, if there is one and room for it."""
        if not self._waiting or len(self._running) >= self._most_running:
            return None
        key = heapq.heappop(self._waiting)
        id = key[-_ID:]
        self._ids.discard(id)
        self._running[id] = key
        return key

    def give_back(self, key: bytes) -> None:
        """It could not be started: it waits again."""
        id = key[-_ID:]
        del self._running[id]
        self._ids.add(id)
        heapq.heappush(self._waiting, key)

    def done(self, key: bytes) -> None:
        """It has ended, or is not to be run."""
        del self._running[key[-_ID:]]


def state_prefix(state: str, kind: str) -> bytes:
    """What keys of jobs in a state begin with."""
    return encode_key_part(state) + encode_key_part(kind)


def due_ms(key: bytes) -> float:
    """When the job at `key` is due, in milliseconds since the epoch."""
    offset = 0
    value: object = None
    for _ in range(3):
        value, offset = decode_key_part(key, offset)
    assert isinstance(value, float)
    return value


def id_of(key: bytes) -> bytes:
    """The internal id of the job at `key`."""
    return key[-_ID:]
