"""Which documents of some tables changed lately: what an index that lags behind does not know yet."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable

from .types import Commit, Timestamp


class ChangeLog:
    """Changed documents by table, in the order of their commits. Thread-safe.

    It reaches back to `floor`: what changed at or before that is not known.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[int, tuple[list[Timestamp], list[bytes]]] = {}
        self._floors: dict[int, Timestamp] = {}

    def watch(self, table: int, since: Timestamp) -> None:
        """Keep the changes of a table after `since`. Nothing happens if they are kept already."""
        with self._lock:
            if table not in self._tables:
                self._tables[table] = ([], [])
                self._floors[table] = since

    def watches(self, table: int) -> bool:
        return table in self._tables

    def restart(self, since: Timestamp) -> None:
        """Everything may have changed up to `since`."""
        with self._lock:
            for table in self._tables:
                self._tables[table] = ([], [])
                self._floors[table] = since

    def follow(self, commits: Iterable[Commit]) -> bool:
        """Note what commits changed; whether that was anything that is kept."""
        tables = self._tables
        if not tables:
            return False
        noted = False
        with self._lock:
            for commit in commits:
                for document in commit.documents:
                    kept = tables.get(document.table)
                    if kept is not None:
                        kept[0].append(commit.ts)
                        kept[1].append(document.id)
                        noted = True
        return noted

    def between(self, table: int, after: Timestamp, upto: Timestamp) -> list[bytes] | None:
        """Ids that changed after `after` and up to `upto`, possibly repeated; None if that is not known any more."""
        with self._lock:
            if self._floors.get(table, upto) > after:
                return None
            moments, ids = self._tables[table]
            return ids[bisect_right(moments, after) : bisect_right(moments, upto)]

    def moment(self, table: int, after: Timestamp, count: int) -> Timestamp:
        """The timestamp of the `count`-th change after `after`."""
        with self._lock:
            moments, _ids = self._tables[table]
            return moments[bisect_right(moments, after) + count - 1]

    def count_after(self, table: int, after: Timestamp) -> int:
        """How many changes there are after `after`."""
        with self._lock:
            moments, _ids = self._tables.get(table, ([], []))
            return len(moments) - bisect_right(moments, after)

    def trim(self, table: int, before: Timestamp) -> None:
        """Forget what changed at or before `before`."""
        with self._lock:
            moments, ids = self._tables.get(table, ([], []))
            count = bisect_right(moments, before)
            if count:
                del moments[:count], ids[:count]
                self._floors[table] = before
