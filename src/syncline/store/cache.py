"""Encoded documents in memory, exact by the commit log."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from .types import ID_BYTES, Commit, Row, StoredBody, Timestamp

CacheEntry: TypeAlias = tuple[Timestamp, int, bytes | None]
"""(ts, shape, body); a body of None says that there is no such document from `ts` on."""

Found: TypeAlias = tuple[int, bytes, StoredBody | None]
"""What a reader found: (table, id, state), with None for no document."""

_Generation: TypeAlias = defaultdict[int, dict[bytes, CacheEntry]]  # table number -> id -> entry

_OVERHEAD = 250  # bytes of dict slots, tuples and numbers around a body
_TOUCHED = 4_096


class DocumentCache:
    """The newest state of recently used documents, bounded in bytes.

    An entry answers for a snapshot S when the cache knows at least the commits up to S (`applied_ts`) and the
    entry was not written after S.

    Two generations instead of a list by last use: what was used in the old one moves to the young one, and when
    the young one holds half the bytes it becomes the old one, and the old one is forgotten.

    Looking up takes no lock: user code with a time limit runs around it, and an interruption between taking a lock
    and letting it go would stop every commit. `learn` and `apply` do, and must not run under a time limit.
    """

    def __init__(self, max_bytes: int, applied_ts: Timestamp = 0) -> None:
        self.applied_ts = applied_ts
        self._half = max_bytes // 2
        self._lock = threading.Lock()
        self._touched: deque[tuple[int, bytes]] = deque(maxlen=_TOUCHED)
        self._young: _Generation
        self._old: _Generation
        self._forget(applied_ts)

    @property
    def size(self) -> int:
        """Bytes in use, about."""
        return self._young_bytes + self._old_bytes

    def get(self, table: int, id: bytes, ts: Timestamp) -> CacheEntry | None:
        """The document's state in the snapshot `ts`, or None when the cache cannot tell."""
        # The order of the reads matters: `apply` replaces entries first and moves applied_ts last, so an entry seen
        # after a sufficient applied_ts is at least that new.
        if self.applied_ts < ts:
            return None
        entry = self._young[table].get(id)
        if entry is None:
            entry = self._old[table].get(id)
            if entry is None:
                return None
            self._touched.append((table, id))
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
        if not old:
            return [
                key + entry  # type: ignore[misc]  # (key,) and (ts, shape, body) make a row
                if (entry := find(key[0][tail:])) is not None and entry[0] <= ts and entry[2] is not None
                else None
                for key in keys
            ]
        rows: list[Row | None] = []
        for key in keys:
            id = key[0][tail:]
            entry = find(id)
            if entry is None and (entry := old.get(id)) is not None:
                self._touched.append((table, id))
            if entry is not None and entry[0] <= ts and entry[2] is not None:
                rows.append(key + entry)  # type: ignore[arg-type]  # as above
            else:
                rows.append(None)
        return rows

    def learn(self, found: Iterable[Found], ts: Timestamp) -> None:
        """Remember what a reader found in the snapshot `ts`, as far as it is known to hold still."""
        with self._lock:
            self._keep_touched()
            for table, id, state in found:
                # What was written since the snapshot has an entry here already, if nothing was forgotten since.
                if not self._complete_since <= ts <= self.applied_ts:
                    return
                if id not in self._young[table] and id not in self._old[table]:
                    self._set(table, id, (ts, 0, None) if state is None else state, self.applied_ts)

    def apply(self, commit: Commit) -> None:
        """Follow one commit. Commits must come in order and without gaps."""
        self.apply_all((commit,))

    def apply_all(self, commits: Iterable[Commit]) -> None:
        """Follow several commits at once: readers see none of them or all."""
        with self._lock:
            self._keep_touched()
            ts = self.applied_ts
            for commit in commits:
                ts = commit.ts
                for write in commit.documents:
                    self._set(write.table, write.id, (ts, write.shape, write.body), ts)
            self.applied_ts = ts

    def clear(self, applied_ts: Timestamp) -> None:
        """Forget everything and continue from `applied_ts`: for a gap in the commits."""
        with self._lock:
            self._forget(applied_ts)
            self.applied_ts = applied_ts

    def _forget(self, applied_ts: Timestamp) -> None:
        self._young, self._old = defaultdict(dict), defaultdict(dict)
        self._young_bytes = self._old_bytes = 0
        # Every document written after this has an entry.
        self._complete_since = applied_ts

    def _keep_touched(self) -> None:
        """Move what was used in the old generation to the young one."""
        touched = self._touched
        while touched:
            table, id = touched.popleft()
            entry = self._old[table].get(id)
            if entry is not None:
                self._set(table, id, entry, self.applied_ts)

    def _set(self, table: int, id: bytes, entry: CacheEntry, now: Timestamp) -> None:
        """Enter a document's newest state; `now` is the newest commit of which entries may be forgotten by that."""
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
            self._complete_since = now
            return
        if self._young_bytes + cost > self._half:
            self._old, self._young = self._young, defaultdict(dict)
            self._old_bytes, self._young_bytes = self._young_bytes, 0
            self._complete_since = now
        self._young[table][id] = entry
        self._young_bytes += cost
