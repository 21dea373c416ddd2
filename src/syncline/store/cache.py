"""Encoded documents in memory, exact by the commit log."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from .types import ID_BYTES, Commit, Row, StoredBody, Timestamp

CacheEntry: TypeAlias = StoredBody | tuple[Timestamp, int, None]
"""(ts, shape, body); a body of None says that there is no such document from `ts` on."""

_OVERHEAD = 250  # bytes of dict slots, tuples and numbers around a body
_Generation: TypeAlias = dict[tuple[int, bytes], CacheEntry]


class DocumentCache:
    """The newest state of recently used documents, bounded in bytes.

    `applied_ts` is the newest commit it knows. An entry answers for a snapshot S when the cache knows at least
    the commits up to S and the entry was not written after S.

    Two generations instead of a list by last use: what is found in the old one moves to the young one, and when
    the young one holds half the bytes it becomes the old one. Reads of the young one take no lock.
    """

    def __init__(self, max_bytes: int, applied_ts: Timestamp = 0) -> None:
        self.applied_ts = applied_ts
        self._half = max_bytes // 2
        self._young: _Generation = {}
        self._old: _Generation = {}
        self._young_bytes = 0
        self._old_bytes = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes in use, about."""
        return self._young_bytes + self._old_bytes

    def get(self, table: int, id: bytes, ts: Timestamp) -> CacheEntry | None:
        """The document's state in the snapshot `ts`, or None when the cache cannot tell."""
        # The order of the two reads matters: `apply` replaces entries first and moves applied_ts last, so an
        # entry seen after a sufficient applied_ts is at least that new.
        if self.applied_ts < ts:
            return None
        key = (table, id)
        entry = self._young.get(key)
        if entry is None:
            entry = self._promote(key)
            if entry is None:
                return None
        return entry if entry[0] <= ts else None

    def rows(
        self, table: int, keys: Sequence[tuple[bytes]], ts: Timestamp
    ) -> tuple[list[Row | None], list[int]]:
        """Rows for the documents at which index keys point, and the positions of those that it cannot tell.

        One call per chunk of a scan: a call per row would cost as much as SQLite.
        """
        rows: list[Row | None] = []
        missing: list[int] = []
        if self.applied_ts < ts:
            return [None] * len(keys), list(range(len(keys)))
        find = self._young.get
        old = self._old
        for position, (key,) in enumerate(keys):
            place = (table, key[-ID_BYTES:])
            entry = find(place)
            if entry is None and place in old:
                entry = self._promote(place)
            if entry is not None and entry[0] <= ts and (body := entry[2]) is not None:
                rows.append((key, entry[0], entry[1], body))
            else:
                rows.append(None)
                missing.append(position)
        return rows, missing

    def put(self, table: int, id: bytes, entry: StoredBody | None, ts: Timestamp) -> None:
        """Remember what a reader found in the snapshot `ts`; None: no document. Ignored unless `ts` is current."""
        if ts != self.applied_ts:
            return
        with self._lock:
            if ts == self.applied_ts:
                self._set((table, id), (ts, 0, None) if entry is None else entry)

    def put_many(
        self, table: int, found: Iterable[tuple[bytes, Timestamp, int, bytes]], ts: Timestamp
    ) -> None:
        """Remember several documents, as (id, ts, shape, body), found in the snapshot `ts`."""
        if ts != self.applied_ts:
            return
        with self._lock:
            if ts == self.applied_ts:
                for id, written, shape, body in found:
                    self._set((table, id), (written, shape, body))

    def apply(self, commit: Commit) -> None:
        """Follow one commit. Commits must come in order and without gaps."""
        self.apply_all((commit,))

    def apply_all(self, commits: Iterable[Commit]) -> None:
        """Follow several commits at once: readers see none of them or all."""
        with self._lock:
            ts = self.applied_ts
            for commit in commits:
                ts = commit.ts
                for write in commit.documents:
                    self._set((write.table, write.id), (ts, write.shape, write.body))  # type: ignore[arg-type]  # a union of tuples, not a tuple of unions
            self.applied_ts = ts

    def clear(self, applied_ts: Timestamp) -> None:
        """Forget everything and continue from `applied_ts`: for a gap in the commits."""
        with self._lock:
            self._young, self._old = {}, {}
            self._young_bytes = self._old_bytes = 0
            self.applied_ts = applied_ts

    def _promote(self, key: tuple[int, bytes]) -> CacheEntry | None:
        if key not in self._old:
            return None
        with self._lock:
            # Looked up again under the lock: an `apply` in between must not be undone by an older entry.
            entry = self._young.get(key) or self._old.get(key)
            if entry is not None:
                self._set(key, entry)
            return entry

    def _set(self, key: tuple[int, bytes], entry: CacheEntry) -> None:
        before = self._young.get(key)
        if before is None:
            old = self._old.pop(key, None)
            if old is not None:
                self._old_bytes -= _cost(old)
        else:
            self._young_bytes -= _cost(before)
        self._young[key] = entry
        self._young_bytes += _cost(entry)
        if self._young_bytes > self._half:
            self._old, self._young = self._young, {}
            self._old_bytes, self._young_bytes = self._young_bytes, 0


def _cost(entry: CacheEntry) -> int:
    body = entry[2]
    return _OVERHEAD if body is None else _OVERHEAD + len(body)
