"""Snapshots: a store's reader with caches in front that the commit log keeps exact.

A SQLite call gives up the interpreter lock and may wait long to get it back while the event loop is busy, so
what functions read most, single documents and look-ups by equality, is answered from memory: documents by the reader's own cache, look-ups by the one here.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from syncline.store import Commit, FoundNearest, Reader, Row, TextReader
from syncline.values import parts_end

_KEYS_PER_PREFIX = 16
#: Remembered for prefixes with more keys than are kept, whatever is written there: it says only not to try.
_TOO_MANY = [b""] * _KEYS_PER_PREFIX


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
            entries = self._entries
            ts = self.applied_ts
            for commit in commits:
                ts = commit.ts
                for write in commit.entries:
                    if write.present is None:
                        continue
                    for offset in write.offsets:
                        place = (write.index, write.key[:offset])
                        entry = entries.get(place)
                        if entry is not None and entry[1] is not _TOO_MANY:
                            del entries[place]
            self.applied_ts = ts

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def restart(self, applied_ts: int) -> None:
        """Forget everything and go on from `applied_ts`: for a gap in the commits."""
        with self._lock:
            self._entries = {}
            self.applied_ts = applied_ts


class CachedSnapshot:
    """All data as of one timestamp, for one thread; satisfies `transaction.Snapshot`."""

    __slots__ = ("_keys", "_reader", "get", "ts")

    def __init__(self, reader: Reader, keys: KeyCache, ts: int) -> None:
        self._reader = reader
        self._keys = keys
        self.ts = ts
        self.get = reader.get

    def rows(
        self,
        table: int,
        index_id: int,
        prefix: bytes,
        start: bytes,
        stop: bytes,
        reverse: bool,
        limit: int | None,
    ) -> Iterator[Row]:
        """(key, ts, shape, body) for the keys in ``[start, stop)``, all of which start with `prefix`, in order."""
        keys = self.known_keys(index_id, prefix, start, stop)
        if keys is None:
            return self._reader.scan(index_id, start, stop, reverse, limit)
        return self._documents(table, reversed(keys) if reverse else keys)

    def keys(
        self, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[bytes]:
        """The keys in ``[start, stop)`` alone, in order."""
        keys = self.known_keys(index_id, prefix, start, stop)
        if keys is None:
            return self._reader.scan_keys(index_id, start, stop, reverse)
        return iter(reversed(keys) if reverse else keys)

    def count(self, index_id: int, start: bytes, stop: bytes) -> int:
        """How many keys are in ``[start, stop)``."""
        return self._reader.count(index_id, start, stop)

    def nearest(
        self, index_id: int, table: int, vector: bytes, count: int, groups: Sequence[Sequence[str]]
    ) -> FoundNearest | None:
        """What a vector index knows; None where there is none."""
        vectors = self._reader.vectors
        return None if vectors is None else vectors.nearest(index_id, table, self.ts, vector, count, groups)

    def text(self) -> TextReader | None:
        """The full-text indexes; None where there are none."""
        return self._reader.text()

    def _documents(self, table: int, keys: Iterable[bytes]) -> Iterator[Row]:
        get = self.get
        for key in keys:
            found = get(table, key[-16:])
            if found is not None:
                yield key, *found

    def known_keys(self, index_id: int, prefix: bytes, start: bytes, stop: bytes) -> list[bytes] | None:
        """The keys of a range from the cache, or None if it is too long for it, or a part of something unknown."""
        if not prefix:
            return None
        keys = self._keys.get(index_id, prefix, self.ts)
        whole = start == prefix and stop >= parts_end(prefix)
        if keys is None:
            if not whole:
                return None
            keys = list(self._reader.scan_keys(index_id, start, stop, False, _KEYS_PER_PREFIX))
            self._keys.put(index_id, prefix, keys if len(keys) < _KEYS_PER_PREFIX else _TOO_MANY, self.ts)
        if len(keys) >= _KEYS_PER_PREFIX:
            return None
        return keys if whole else keys[bisect_left(keys, start) : bisect_left(keys, stop)]
