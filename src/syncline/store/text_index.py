"""Full-text indexes: derived data in a file of their own, which may lag behind and knows how far.

Why not in the transaction of the documents: SQLite's FTS5 takes three to ten times as long for a document of 1 KB as
storing it does, and the merging of its segments held up commits by up to 70 ms. Here a thread of its own brings
the index up to date; whoever searches looks through the few documents that changed since (`ChangeLog`) by himself, so that
a search is exact as of its snapshot all the same. What is lost with the file is made anew from the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from .lagging import LaggingIndexes
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
_BUILD_BATCH: Final = 2_000


@dataclass(slots=True)
class _TextIndex:
    number: int
    table: int
    by_creation: int
    cut: Cut
    watermark: Timestamp = 0


class TextIndexes(LaggingIndexes[_TextIndex]):
    """All full-text indexes of a store. `declare` and `work` write, one at a time; `reader` gives what searches."""

    _batch = 200

    def __init__(self, path: Path, key: bytes | None, *, durable: bool, vfs: str | None) -> None:
        super().__init__()
        self._open: Callable[[], Connection] = lambda: connect(path, key, durable=durable, vfs=vfs)
        self._connection: Connection | None = None  # opened when the first index is declared

    def restart(self, ts: Timestamp) -> None:
        with self._lock:
            super().restart(ts)
            if self._connection is not None:
                self._connection.execute("DELETE FROM state")

    # Making

    def declare(
        self,
        declared: tuple[int, int, int, Cut],
        open_reader: Callable[[], Reader],
        commits_after: Callable[[Timestamp], list[Commit]],
        progress: Progress,
    ) -> None:
        """Put an index in service: (number, table, index by creation, cut). Builds it unless it is there and known to fit."""
        index = _TextIndex(*declared)
        with self._lock:
            connection = self._connection
            if connection is None:
                connection = self._connection = self._open()
                connection.pragma("synchronous", "normal")
                connection.pragma("wal_autocheckpoint", 1000)
                connection.execute(_STATE)
            if self._source is None:
                self._source = open_reader()
            known = self._indexes.get(index.number)
            if known is not None:
                known.cut = index.cut
                return
            if not self._resume(index, commits_after):
                self._build(index, self._source, progress)
            self._indexes[index.number] = index
            self._news.set()

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Drop all other indexes."""
        with self._lock:
            if self._connection is None:
                return
            wanted = set(numbers)
            for (number,) in self._connection.execute("SELECT number FROM state").fetchall():
                if number not in wanted:
                    self._indexes.pop(number, None)
                    self._in_transaction(self._connection, partial(self._drop, number))

    def _resume(self, index: _TextIndex, commits_after: Callable[[Timestamp], list[Commit]]) -> bool:
        """Whether the stored index fits the data, with what the commit log tells of the time since."""
        connection = self._connection
        assert connection is not None
        rows = connection.execute("SELECT watermark FROM state WHERE number = ?", (index.number,)).fetchall()
        if not rows:
            return False
        index.watermark = rows[0][0]
        return self._fits(index.table, index.watermark, commits_after)

    def _build(self, index: _TextIndex, reader: Reader, progress: Progress) -> None:
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
            index.watermark = snapshot
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

    def _catch_up(self, index: _TextIndex, changed: Sequence[bytes], upto: Timestamp, source: Reader) -> None:
        connection = self._connection
        assert connection is not None
        rows: list[tuple[bytes, int, bytes]] = []
        for id in changed:
            found = source.get(index.table, id)
            if found is not None:
                rows.append((id, found[1], found[2]))
        self._in_transaction(connection, partial(self._replace, index, changed, rows, upto))

    def _replace(
        self, index: _TextIndex, gone: Sequence[bytes], rows: list[tuple[bytes, int, bytes]], upto: Timestamp
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

    def _add(self, index: _TextIndex, rows: Iterable[tuple[bytes, int, bytes]]) -> int:
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
        with self._lock:
            super().close()
            if self._connection is not None:
                self._connection.close()
                self._connection = None
