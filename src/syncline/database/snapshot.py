"""Snapshots: a store's reader with caches in front that the commit log keeps exact.

A SQLite call gives up the interpreter lock and may wait long to get it back while the event loop is busy, so
what functions read most, single documents and look-ups by equality, is answered from memory.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice

from syncline.store import Commit, DocumentCache, Reader

_KEYS_PER_PREFIX = 64


class KeyCache:
    """The keys under equality prefixes that hold few: unique look-ups, short lists, and finding nothing.

    An entry answers for a snapshot S when the cache knows the commits up to S and the entry is not newer than S;
    a write under a prefix drops the prefix.
    """

    __slots__ = ("_entries", "_lock", "_max", "applied_ts")

    def __init__(self, max_entries: int = 100_000, applied_ts: int = 0) -> None:
        self.applied_ts = applied_ts
        self._entries: dict[tuple[int, bytes], tuple[int, list[bytes]]] = {}
        self._max = max_entries
        self._lock = threading.Lock()

    def get(self, index_id: int, prefix: bytes, ts: int) -> list[bytes] | None:
        """All keys under `prefix` in the snapshot `ts`, or None when the cache cannot tell."""
        # applied_ts first: `apply_all` drops entries before it moves on, so an entry seen now is as new as that.
        if self.applied_ts < ts:
            return None
        entry = self._entries.get((index_id, prefix))
        return entry[1] if entry is not None and entry[0] <= ts else None

    def put(self, index_id: int, prefix: bytes, keys: list[bytes], ts: int) -> None:
        """Remember what the snapshot `ts` holds under `prefix`. Ignored unless `ts` is current."""
        with self._lock:
            if ts == self.applied_ts:
                if len(self._entries) >= self._max:
                    self._entries.clear()
                self._entries[index_id, prefix] = (ts, keys)

    def apply_all(self, commits: Iterable[Commit]) -> None:
        """Follow commits, in order and without gaps."""
        with self._lock:
            pop = self._entries.pop
            ts = self.applied_ts
            for commit in commits:
                ts = commit.ts
                for write in commit.entries:
                    if write.present is not None:
                        for offset in write.offsets:
                            pop((write.index, write.key[:offset]), None)
            self.applied_ts = ts

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


class CachedSnapshot:
    """All data as of one timestamp, for one thread; satisfies `transaction.Snapshot`."""

    __slots__ = ("_documents", "_keys", "_reader", "ts")

    def __init__(self, reader: Reader, documents: DocumentCache, keys: KeyCache, ts: int) -> None:
        self._reader = reader
        self._documents = documents
        self._keys = keys
        self.ts = ts

    def get(self, table: int, internal_id: bytes) -> tuple[int, int, bytes] | None:
        """(ts, shape, body) of a document, or None."""
        entry = self._documents.get(table, internal_id, self.ts)
        if entry is None:
            found = self._reader.get(table, internal_id)
            self._documents.put(table, internal_id, found, self.ts)
            return found
        ts, shape, body = entry
        return None if body is None else (ts, shape, body)

    def scan_keys(
        self, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[bytes]:
        """The keys in ``[start, stop)``, all of which start with `prefix`, in order."""
        if not prefix:
            return self._reader.scan_keys(index_id, start, stop, reverse)
        keys = self._keys.get(index_id, prefix, self.ts)
        if keys is None:
            if start != prefix or stop.startswith(prefix):
                return self._reader.scan_keys(index_id, start, stop, reverse)
            stored = self._reader.scan_keys(index_id, start, stop, reverse)
            keys = list(islice(stored, _KEYS_PER_PREFIX))
            if len(keys) == _KEYS_PER_PREFIX:
                return _chain(keys, stored)
            if reverse:
                keys.reverse()
            self._keys.put(index_id, prefix, keys, self.ts)
        if start != prefix or stop.startswith(prefix):
            keys = keys[bisect_left(keys, start) : bisect_left(keys, stop)]
        return reversed(keys) if reverse else iter(keys)


def _chain(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest
