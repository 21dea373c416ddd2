"""Encoded documents in memory, exact by the commit log."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from .types import ID_BYTES, Commit, Row, StoredBody, Timestamp

CacheEntry: TypeAlias = tuple[Timestamp, int, bytes | None]
"""(ts, shape, body); a body of None says that there is no such document from `ts` on."""

_Generation: TypeAlias = defaultdict[int, dict[bytes, CacheEntry]]  # table number -> id -> entry

_OVERHEAD = 250  # bytes of dict slots, tuples and numbers around a body


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
        self._lock = threading.Lock()
        self._young: _Generation
        self._old: _Generation
        self._empty()

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
        entry = self._young[table].get(id)
        if entry is None:
            entry = self._promote(table, id)
            if entry is None:
                return None
        return entry if entry[0] <= ts else None

    def rows(self, table: int, keys: Sequence[tuple[bytes]], ts: Timestamp) -> list[Row | None]:
        """Rows for the documents at which index keys point; None for those that it cannot tell.

        One call per chunk of a scan: a call per row would cost as much as SQLite.
        """
        if self.applied_ts < ts:
            return [None] * len(keys)
        find = self._young[table].get
        old = self._old[table]
        tail = -ID_BYTES
        if old:
            promote = self._promote
            return [
                key + entry  # type: ignore[misc]  # (key,) and (ts, shape, body) make a row
                if (entry := find(key[0][tail:]) or promote(table, key[0][tail:])) is not None
                and entry[0] <= ts
                and entry[2] is not None
                else None
                for key in keys
            ]
        return [
            key + entry  # type: ignore[misc]  # (key,) and (ts, shape, body) make a row
            if (entry := find(key[0][tail:])) is not None and entry[0] <= ts and entry[2] is not None
            else None
            for key in keys
        ]

    def put(self, table: int, id: bytes, entry: StoredBody | None, ts: Timestamp) -> None:
        """Remember what a reader found in the snapshot `ts`; None: no document. Ignored unless `ts` is current."""
        if ts == self.applied_ts:
            with self._lock:
                if ts == self.applied_ts:
                    self._set(table, id, (ts, 0, None) if entry is None else entry)

    def put_many(self, table: int, ids: Sequence[bytes], found: Sequence[StoredBody], ts: Timestamp) -> None:
        """Remember several documents found in the snapshot `ts`."""
        if ts == self.applied_ts:
            with self._lock:
                if ts == self.applied_ts:
                    for id, entry in zip(ids, found, strict=True):
                        self._set(table, id, entry)

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
                    self._set(write.table, write.id, (ts, write.shape, write.body))
            self.applied_ts = ts

    def clear(self, applied_ts: Timestamp) -> None:
        """Forget everything and continue from `applied_ts`: for a gap in the commits."""
        with self._lock:
            self._empty()
            self.applied_ts = applied_ts

    def _empty(self) -> None:
        self._young, self._old = defaultdict(dict), defaultdict(dict)
        self._young_bytes = self._old_bytes = 0

    def _promote(self, table: int, id: bytes) -> CacheEntry | None:
        if id not in self._old[table]:
            return None
        with self._lock:
            # Looked up again under the lock: an `apply` in between must not be undone by an older entry.
            entry = self._young[table].get(id) or self._old[table].get(id)
            if entry is not None:
                self._set(table, id, entry)
            return entry

    def _set(self, table: int, id: bytes, entry: CacheEntry) -> None:
        cost = _OVERHEAD + len(entry[2] or b"")
        young = self._young[table]
        before = young.get(id)
        if before is not None:
            grown = cost - _OVERHEAD - len(before[2] or b"")
            if self._young_bytes + grown <= self._half:
                young[id] = entry
                self._young_bytes += grown
                return
            del young[id]
            self._young_bytes -= cost - grown
        elif id in (old := self._old[table]):
            # Out of the old generation first: a reader may see no entry for a moment, but never an outdated one.
            self._old_bytes -= _OVERHEAD + len(old.pop(id)[2] or b"")
        if cost > self._half:
            return
        if self._young_bytes + cost > self._half:
            self._old, self._young = self._young, defaultdict(dict)
            self._old_bytes, self._young_bytes = self._young_bytes, 0
        self._young[table][id] = entry
        self._young_bytes += cost
