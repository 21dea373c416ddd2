"""Full-text indexes: derived data in a file of their own, which may lag behind and knows how far.

Why not in the transaction of the documents: SQLite's FTS5 takes three to ten times as long for a document of 1 KB as
storing it does, and the merging of its segments held up commits by up to 70 ms. Here a thread of its own brings
the index up to date; whoever searches looks through the few documents that changed since (`ChangeLog`) by himself, so that
a search is exact as of its snapshot all the same. What is lost with the file is made anew from the documents.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from .changes import ChangeLog
from .errors import LogTrimmedError
from .layout import connect
from .reader import Reader
from .sqlite import Connection
from .text_reader import TextReader
from .types import Commit, Timestamp

FILE: Final = "search.db"

#: The words of a document and the tokens that stand for the values of its filter fields, each separated by spaces.
Cut = Callable[[int, bytes], tuple[str, str]]
#: Told how many documents are indexed.
Progress = Callable[[int], None]

_STATE: Final = (
    "CREATE TABLE IF NOT EXISTS state("
    "number INTEGER PRIMARY KEY, watermark INTEGER NOT NULL, documents INTEGER NOT NULL, words INTEGER NOT NULL)"
)
_CREATE: Final = """
CREATE TABLE rows_{0}(row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, words INTEGER NOT NULL);
CREATE VIRTUAL TABLE text_{0} USING fts5(
    filters, words, content='', contentless_delete=1, tokenize='ascii', prefix='2 3'
);
INSERT INTO text_{0}(text_{0}, rank) VALUES ('rank', 'bm25(0.0, 1.0)');
"""
_DROP: Final = (
    "DROP TABLE IF EXISTS rows_{0}; DROP TABLE IF EXISTS text_{0}; DELETE FROM state WHERE number = {0};"
)
_COUNT: Final = "INSERT OR REPLACE INTO state SELECT {0}, ?, count(*), coalesce(sum(words), 0) FROM rows_{0}"
_REMOVE_ROW: Final = "DELETE FROM rows_{0} WHERE id = ? RETURNING row, words"
_REMOVE_TEXT: Final = "DELETE FROM text_{0} WHERE rowid = ?"
_ADD_ROW: Final = "INSERT INTO rows_{0}(id, words) VALUES (?, ?) RETURNING row"
_ADD_TEXT: Final = "INSERT INTO text_{0}(rowid, filters, words) VALUES (?, ?, ?)"
_MOVE: Final = "UPDATE state SET watermark = ?, documents = documents + ?, words = words + ? WHERE number = ?"
_BATCH: Final = 200
_HOLD_UP_SECONDS: Final = 0.05
_BUILD_BATCH: Final = 2_000
#: Snapshots are held for at most half a minute: so long changes are remembered that the index has already.
_REMEMBERED_NS: Final = 90 * 10**9


class _Declared(NamedTuple):
    number: int
    table: int
    by_creation: int
    cut: Cut


class TextIndexes:
    """All full-text indexes of a store. `declare` and `work` write, one at a time; `reader` gives what searches."""

    def __init__(self, path: Path, key: bytes | None, *, durable: bool, vfs: str | None) -> None:
        self._open: Callable[[], Connection] = lambda: connect(path, key, durable=durable, vfs=vfs)
        self._lock = threading.RLock()
        self._connection: Connection | None = None  # opened when the first index is declared
        self._declared: dict[int, _Declared] = {}
        self._watermarks: dict[int, Timestamp] = {}
        self._source: Reader | None = None
        self._news = threading.Event()
        self.changes = ChangeLog()

    # What the store tells

    def follow(self, commits: Iterable[Commit]) -> None:
        """Hear of commits, in order, just before they are written: a snapshot that has them must find them noted.

        Those of a write that fails do no harm: their documents are looked at once more.
        """
        self.changes.follow(commits)

    def written(self) -> None:
        """What was followed is durable."""
        if self._connection is not None:
            self._news.set()

    def restart(self, ts: Timestamp) -> None:
        """Everything was replaced up to `ts`: the indexes are of no use until they are declared again."""
        self.changes.restart(ts)
        if self._connection is not None:
            with self._lock:
                self._declared.clear()
                self._watermarks.clear()
                self._connection.execute("DELETE FROM state")

    # Making

    def declare(
        self,
        index: _Declared | tuple[int, int, int, Cut],
        open_reader: Callable[[], Reader],
        commits_after: Callable[[Timestamp], list[Commit]],
        progress: Progress,
    ) -> None:
        """Put an index in service: (number, table, index by creation, cut). Builds it unless it is there and known to fit."""
        declared = _Declared(*index)
        with self._lock:
            connection = self._connection
            if connection is None:
                connection = self._connection = self._open()
                connection.pragma("synchronous", "normal")
                connection.pragma("wal_autocheckpoint", 1000)
                connection.execute(_STATE)
            if self._source is None:
                self._source = open_reader()
            if declared.number not in self._declared and not self._resume(declared, commits_after):
                self._build(declared, self._source, progress)
            self._declared[declared.number] = declared

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Drop all other indexes."""
        with self._lock:
            if self._connection is None:
                return
            wanted = set(numbers)
            for (number,) in self._connection.execute("SELECT number FROM state").fetchall():
                if number not in wanted:
                    self._declared.pop(number, None)
                    self._watermarks.pop(number, None)
                    self._in_transaction(self._connection, partial(self._drop, number))

    def _resume(self, index: _Declared, commits_after: Callable[[Timestamp], list[Commit]]) -> bool:
        """Whether the stored index fits the data, with what the commit log tells of the time since."""
        connection = self._connection
        assert connection is not None
        rows = connection.execute("SELECT watermark FROM state WHERE number = ?", (index.number,)).fetchall()
        if not rows:
            return False
        watermark: Timestamp = rows[0][0]
        self._watermarks[index.number] = watermark
        if self.changes.watches(index.table):
            return self.changes.between(index.table, watermark, watermark) is not None
        try:
            # One commit earlier, to see that this history has the commit that the index was made at.
            commits = commits_after(watermark - 1)
        except LogTrimmedError:
            return False
        if not commits or commits[0].ts != watermark:
            return False
        self.changes.watch(index.table, watermark)
        self.changes.follow(commits[1:])
        self._news.set()
        return True

    def _build(self, index: _Declared, reader: Reader, progress: Progress) -> None:
        connection = self._connection
        assert connection is not None
        self._in_transaction(connection, partial(self._create, index.number))
        snapshot = reader.begin()
        try:
            self.changes.watch(index.table, snapshot)
            batch: list[tuple[bytes, int, bytes]] = []
            done = 0
            for key, _ts, shape, body in reader.scan(index.by_creation, b"", None):
                batch.append((key[-16:], shape, body))
                if len(batch) == _BUILD_BATCH:
                    done += len(batch)
                    self._in_transaction(connection, partial(self._add, index, batch))
                    progress(done)
                    batch = []
            self._in_transaction(connection, partial(self._add, index, batch))
            self._in_transaction(
                connection, partial(connection.execute, _COUNT.format(index.number), (snapshot,))
            )
            self._watermarks[index.number] = snapshot
        finally:
            reader.end()

    def _create(self, number: int) -> None:
        self._drop(number)
        assert self._connection is not None
        self._connection.execute(_CREATE.format(number))

    def _drop(self, number: int) -> None:
        assert self._connection is not None
        self._connection.execute(_DROP.format(number))

    # Keeping up

    @property
    def backlog(self) -> int:
        """Changes that the slowest index has not seen. The store's lock is not needed."""
        with self._lock:
            return max(
                [self.changes.count_after(index.table, mark) for index, mark in self._marks()], default=0
            )

    def hold_up(self, most: int) -> None:
        """Wait a little if an index is more than `most` changes behind: a search looks through all that it lacks."""
        if self._declared and self.backlog > most:
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
            marks = self._marks()
            source = self._source
            if not marks or source is None:
                self._news.clear()
                return False
            self._news.clear()
            head = source.begin()
            try:
                index, mark = min(marks, key=lambda item: item[1])
                if mark >= head:
                    return False
                self._catch_up(index, mark, head, source)
            finally:
                source.end()
            more = any(mark < head for _index, mark in self._marks())
            if more:
                self._news.set()
            return more

    def _catch_up(self, index: _Declared, mark: Timestamp, head: Timestamp, source: Reader) -> None:
        connection = self._connection
        assert connection is not None
        changed = self.changes.between(index.table, mark, head)
        if changed is None:
            return  # Restarted meanwhile: it waits for being declared anew.
        upto = head
        if len(changed) > _BATCH:
            upto = self.changes.moment(index.table, mark, _BATCH)
            changed = self.changes.between(index.table, mark, upto) or []
        rows: list[tuple[bytes, int, bytes]] = []
        gone: list[bytes] = []
        for id in dict.fromkeys(changed):
            found = source.get(index.table, id)
            gone.append(id)
            if found is not None:
                rows.append((id, found[1], found[2]))

        self._in_transaction(connection, partial(self._replace, index, gone, rows, upto))
        self._watermarks[index.number] = upto
        self.changes.trim(index.table, min(mark for _index, mark in self._marks()) - _REMEMBERED_NS)

    def _replace(
        self, index: _Declared, gone: list[bytes], rows: list[tuple[bytes, int, bytes]], upto: Timestamp
    ) -> None:
        """Take documents out, and those that there are back in as they are now."""
        connection = self._connection
        assert connection is not None
        number = index.number
        words = documents = 0
        for id in gone:
            for row, count in connection.execute(_REMOVE_ROW.format(number), (id,)).fetchall():
                connection.execute(_REMOVE_TEXT.format(number), (row,))
                words -= count
                documents -= 1
        words += self._add(index, rows)
        connection.execute(_MOVE, (upto, documents + len(rows), words, number))

    def _add(self, index: _Declared, rows: Iterable[tuple[bytes, int, bytes]]) -> int:
        """Add documents that the index does not have; returns how many words they have."""
        connection = self._connection
        assert connection is not None
        total = 0
        for id, shape, body in rows:
            filters, words = index.cut(shape, body)
            count = len(words.split()) + len(filters.split())
            total += count
            row = connection.execute(_ADD_ROW.format(index.number), (id, count)).fetchall()[0][0]
            connection.execute(_ADD_TEXT.format(index.number), (row, filters, words))
        return total

    def _marks(self) -> list[tuple[_Declared, Timestamp]]:
        return [(index, self._watermarks[index.number]) for index in list(self._declared.values())]

    @staticmethod
    def _in_transaction(connection: Connection, write: Callable[[], object]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            write()
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    # Reading, and the end

    def reader(self, check_deadline: Callable[[], bool]) -> TextReader | None:
        """What one thread searches with; None while there is no index."""
        return None if self._connection is None else TextReader(self._open(), self.changes, check_deadline)

    def close(self) -> None:
        """Nothing can be used afterwards."""
        with self._lock:
            if self._source is not None:
                self._source.close()
            if self._connection is not None:
                self._connection.close()
            self._declared.clear()
            self._watermarks.clear()
            self._source = self._connection = None
