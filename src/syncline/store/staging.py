"""Documents on their way in: checked and encoded, in a file of their own beside the database.

A load of any size is staged here first, in steps that survive a crash, while nothing in the database changes. Then
`Store.load` moves all of it in one transaction. Both trees are keyed as the database's are, so that moving reads and
writes in order, and nothing has to be sorted in memory or in a temporary file, which would not be encrypted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import apsw
import msgspec

from .errors import StoreFullError
from .layout import connect
from .sqlite import Connection

FILE = "import.db"

_SCHEMA = """
CREATE TABLE documents(
    tbl INTEGER NOT NULL, id BLOB NOT NULL, shape INTEGER NOT NULL, body BLOB NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY(tbl, id)) WITHOUT ROWID;
CREATE TABLE entries(idx INTEGER NOT NULL, key BLOB NOT NULL, PRIMARY KEY(idx, key)) WITHOUT ROWID;
CREATE TABLE uniques(
    idx INTEGER NOT NULL, part BLOB NOT NULL, id BLOB NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY(idx, part)) WITHOUT ROWID;
CREATE TABLE progress(source TEXT PRIMARY KEY, line INTEGER NOT NULL, documents INTEGER NOT NULL);
CREATE TABLE identity(text TEXT NOT NULL);
"""
_ADD_DOCUMENT = "INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?)"
_ADD_ENTRY = "INSERT OR IGNORE INTO entries VALUES (?, ?)"
_ADD_UNIQUE = "INSERT OR IGNORE INTO uniques VALUES (?, ?, ?, ?)"
_PROGRESS = "INSERT OR REPLACE INTO progress VALUES (?, ?, ?)"
_DOCUMENTS = "SELECT tbl, id, shape, body FROM documents WHERE (tbl, id) > (?, ?) ORDER BY tbl, id LIMIT 500"
_ENTRIES = "SELECT idx, key FROM entries WHERE (idx, key) > (?, ?) ORDER BY idx, key LIMIT 2000"
_IDS = "SELECT id, line FROM documents WHERE tbl = ? AND id > ? ORDER BY id LIMIT 2000"
_UNIQUES = "SELECT part, line FROM uniques WHERE idx = ? AND part > ? ORDER BY part LIMIT 2000"

#: Rows arrive in no order, so more of the trees should be at hand than a server needs.
_CACHE_KIB = 64 * 1024
# Pages of the write-ahead log between two flushes to the disk: 64 MiB.
_LOG_PAGES = 16_384
_BEFORE_ALL = b""


class StagedDocument(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A document to load. `entries` and `uniques` hold numbers of indexes as they are before the load.

    `uniques` are the keys, without creation time and id, that no other document may have. `line` is where it
    stands in its file.
    """

    table: int
    id: bytes
    shape: int
    body: bytes
    line: int
    entries: tuple[tuple[int, bytes], ...]
    uniques: tuple[tuple[int, bytes], ...]


class Repeat(msgspec.Struct, frozen=True):
    """A staged document repeats another's id (`index` None) or another's key in a unique index."""

    line: int
    other: int
    index: int | None


class Progress(msgspec.Struct, frozen=True):
    """How much of one source is staged: up to which line, and how many documents."""

    line: int
    documents: int


class Staging:
    """One load that is being staged. For one thread."""

    def __init__(self, path: Path, key: bytes | None, identity: str) -> None:
        """Go on with what is staged in the file at `path` if it is of the same `identity`; else begin anew."""
        self._path = path
        #: Whether there is something to go on with.
        self.resumed = path.exists()
        self._connection = self._connect(key)
        if self.resumed and self._identity() != identity:
            self._connection.close()
            self._unlink()
            self.resumed = False
            self._connection = self._connect(key)
        if not self.resumed:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(_SCHEMA)
            self._connection.execute("INSERT INTO identity VALUES (?)", (identity,))
            self._connection.execute("COMMIT")

    def progress(self, source: str) -> Progress:
        """How far the staging of `source` is."""
        rows = self._connection.execute(
            "SELECT line, documents FROM progress WHERE source = ?", (source,)
        ).fetchall()
        return Progress(*rows[0]) if rows else Progress(0, 0)

    def add(self, documents: Sequence[StagedDocument], source: str, progress: Progress) -> list[Repeat]:
        """Stage some documents, and how far their source is by that. Repeats are not staged."""
        documents = sorted(documents, key=lambda document: (document.table, document.id))
        rows = [(item.table, item.id, item.shape, item.body, item.line) for item in documents]
        # In the order of their lines: of two documents with one key, the later one is the repeat.
        uniques = [
            (index, part, item.id, item.line)
            for item in sorted(documents, key=lambda item: item.line)
            for index, part in item.uniques
        ]
        entries = sorted(entry for item in documents for entry in item.entries)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            before = connection.total_changes()
            connection.executemany(_ADD_DOCUMENT, rows)
            connection.executemany(_ADD_UNIQUE, uniques)
            whole = connection.total_changes() - before == len(rows) + len(uniques)
            connection.executemany(_ADD_ENTRY, entries)
            connection.execute(_PROGRESS, (source, progress.line, progress.documents))
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, apsw.FullError):
                raise StoreFullError(
                    f"the disk that holds {self._path.parent} is full. Free some space, then run the import again: "
                    "it goes on from here"
                ) from error
            raise
        return [] if whole else self._repeats(documents)

    def documents(self) -> Iterator[tuple[int, bytes, int, bytes]]:
        """(table, id, shape, body) of all, in the order of the database."""
        table, id = 0, _BEFORE_ALL
        while rows := self._connection.execute(_DOCUMENTS, (table, id)).fetchall():
            yield from rows
            table, id = rows[-1][:2]

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """(index, key) of all, by index and key."""
        index, key = 0, _BEFORE_ALL
        while rows := self._connection.execute(_ENTRIES, (index, key)).fetchall():
            yield from rows
            index, key = rows[-1]

    def ids(self, table: int) -> Iterator[tuple[bytes, int]]:
        """(id, line) of a table's documents."""
        id = _BEFORE_ALL
        while rows := self._connection.execute(_IDS, (table, id)).fetchall():
            yield from rows
            id = rows[-1][0]

    def uniques(self, index: int) -> Iterator[tuple[bytes, int]]:
        """(key without creation time and id, line) in a unique index."""
        part = _BEFORE_ALL
        while rows := self._connection.execute(_UNIQUES, (index, part)).fetchall():
            yield from rows
            part = rows[-1][0]

    def spoil(self) -> None:
        """Make the next try begin anew: what is staged is not all that it should be."""
        self._connection.execute("DELETE FROM identity")

    def close(self) -> None:
        """Keep what is staged for another try."""
        self._connection.close()

    def remove(self) -> None:
        """Close, and forget what is staged."""
        self._connection.close()
        self._unlink()

    def _repeats(self, documents: Sequence[StagedDocument]) -> list[Repeat]:
        found: list[Repeat] = []
        for item in sorted(documents, key=lambda item: item.line):
            place = (item.table, item.id)
            line = self._line("SELECT line FROM documents WHERE tbl = ? AND id = ?", place)
            if line != item.line:
                found.append(Repeat(item.line, line, None))
                continue
            for index, part in item.uniques:
                line = self._line("SELECT line FROM uniques WHERE idx = ? AND part = ?", (index, part))
                if line != item.line:
                    found.append(Repeat(item.line, line, index))
        return found

    def _line(self, statement: str, place: tuple[int, bytes]) -> int:
        line: int = self._connection.execute(statement, place).fetchall()[0][0]
        return line

    def _identity(self) -> str | None:
        tables = self._connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'identity'").fetchall()
        if not tables:
            return None
        rows: list[tuple[str]] = self._connection.execute("SELECT text FROM identity").fetchall()
        return rows[0][0] if rows else None

    def _connect(self, key: bytes | None) -> Connection:
        connection = connect(self._path, key, durable=False)
        self._path.chmod(0o600)
        # A power cut may take the last steps, progress with them: what is there afterwards is whole.
        connection.pragma("synchronous", "normal")
        connection.pragma("cache_size", -_CACHE_KIB)
        connection.pragma("wal_autocheckpoint", _LOG_PAGES)
        return connection

    def _unlink(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
