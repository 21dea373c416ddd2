"""What full-text and vector indexes have in common: they follow the commits of a store, behind them, and know how far."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from .changes import ChangeLog
from .errors import LogTrimmedError
from .reader import Reader
from .types import Commit, Timestamp

#: Snapshots are held for at most half a minute: so long changes are remembered that the index has already.
_REMEMBERED_NS: Final = 90 * 10**9
_HOLD_UP_SECONDS: Final = 0.05


class LaggingIndex(Protocol):
    """One index."""

    #: The commit that it is as of.
    watermark: Timestamp

    @property
    def table(self) -> int: ...


IndexT = TypeVar("IndexT", bound=LaggingIndex)


class LaggingIndexes(ABC, Generic[IndexT]):
    """All indexes of one kind. Thread-safe: one lock, held while an index is made or brought a step nearer."""

    #: So many changed documents are a step.
    _batch: int

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._indexes: dict[int, IndexT] = {}
        self._source: Reader | None = None
        self._news = threading.Event()
        self._noted = False  # whether what was followed is of any table here
        self.changes = ChangeLog()

    # What the store tells

    def follow(self, commits: Iterable[Commit]) -> None:
        """Hear of commits, in order, just before they are written: a snapshot that has them must find them noted.

        Those of a write that fails do no harm: their documents are looked at once more.
        """
        self._noted |= self.changes.follow(commits)

    def written(self) -> None:
        """What was followed is durable."""
        if self._noted:
            self._noted = False
            self._news.set()

    def restart(self, ts: Timestamp) -> None:
        """Everything was replaced up to `ts`: the indexes are of no use until they are declared again."""
        with self._lock:
            self.changes.restart(ts)
            self._indexes.clear()

    # Keeping up

    @property
    def backlog(self) -> int:
        """How many changes the slowest index has not seen. Takes no lock that a step of work holds."""
        indexes = list(self._indexes.values())
        return max([self.changes.count_after(index.table, index.watermark) for index in indexes], default=0)

    def hold_up(self, most: int) -> None:
        """Wait a little if an index is more than `most` changes behind: a search looks through all that it lacks."""
        if self._indexes and self.backlog > most:
            threading.Event().wait(_HOLD_UP_SECONDS)

    def wait(self, seconds: float) -> bool:
        """Until there is something to do, or so long; whether there is."""
        return self._news.wait(seconds)

    def wake(self) -> None:
        """End a `wait`."""
        self._news.set()

    def work(self) -> bool:
        """Bring the index that lags most a step nearer to the newest commit; whether there is more to do."""
        with self._lock:
            self._news.clear()
            source = self._source
            if source is None or not self._indexes:
                return False
            head = source.begin()
            try:
                index = min(self._indexes.values(), key=lambda each: each.watermark)
                if index.watermark < head:
                    self._step(index, head, source)
            finally:
                source.end()
            more = self._tidy()
            return more or any(each.watermark < head for each in self._indexes.values())

    def _step(self, index: IndexT, head: Timestamp, source: Reader) -> None:
        changed = self.changes.between(index.table, index.watermark, head)
        if changed is None:
            return  # Restarted meanwhile: it waits for being declared anew.
        upto = head
        if len(changed) > self._batch:
            upto = self.changes.moment(index.table, index.watermark, self._batch)
            changed = self.changes.between(index.table, index.watermark, upto) or []
        self._catch_up(index, list(dict.fromkeys(changed)), upto, source)
        index.watermark = upto
        oldest = min(each.watermark for each in self._indexes.values() if each.table == index.table)
        self.changes.trim(index.table, oldest - _REMEMBERED_NS)

    @abstractmethod
    def _catch_up(self, index: IndexT, changed: Sequence[bytes], upto: Timestamp, source: Reader) -> None:
        """Take in the documents with these ids as the snapshot of `source` has them, and note `upto`."""

    def _tidy(self) -> bool:
        """Work besides following; whether there is more of it."""
        return False

    # For those who make indexes, with the lock

    def _fits(
        self, table: int, watermark: Timestamp, commits_after: Callable[[Timestamp], list[Commit]]
    ) -> bool:
        """Whether an index that was kept as of `watermark` fits the data, with what the commit log tells of the time since."""
        if self.changes.watches(table):
            return self.changes.between(table, watermark, watermark) is not None
        try:
            # One commit earlier, to see that this history has the commit that the index was made at.
            commits = commits_after(watermark - 1)
        except LogTrimmedError:
            return False
        if not commits or commits[0].ts != watermark:
            return False
        self.changes.watch(table, watermark)
        self.changes.follow(commits[1:])
        return True

    def close(self) -> None:
        """Nothing can be used afterwards."""
        with self._lock:
            self._indexes.clear()
            if self._source is not None:
                self._source.close()
                self._source = None
