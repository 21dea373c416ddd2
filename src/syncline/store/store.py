"""The store: one SQLite file, one writer, any number of readers."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import apsw
import msgspec

from syncline.kernel.clock import Clock

from .catalog import Catalog
from .errors import LogTrimmedError, StoreFailedError, StoreFullError
from .folder import DATABASE, FolderLock, make_folder
from .layout import connect, explain_unreadable, prepare
from .reader import Reader, WriterReader
from .sqlite import Connection
from .types import Commit, DocumentWrite, IndexInfo, ShapeInfo, TableInfo, Timestamp

_PUT = (
    "INSERT INTO documents VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET ts = excluded.ts, shape = excluded.shape, body = excluded.body"
)
_DELETE = "DELETE FROM documents WHERE tbl = ? AND id = ?"
_ADD_ENTRY = "INSERT OR IGNORE INTO entries VALUES (?, ?)"
_REMOVE_ENTRY = "DELETE FROM entries WHERE idx = ? AND key = ?"
_LOG = "INSERT INTO commits VALUES (?, ?, ?)"
_ADD_REQUEST = "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?)"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Commit]).decode


class Store:
    """All data of one node. Open it with `Store.open(folder)` or `Store.memory()`.

    One thread, the lane, calls `append` and reads through `writer_reader()`. Other threads read through a
    `reader()` of their own. The catalog and the other writers may be called from any thread: they wait for
    each other and for `append`.
    """

    def __init__(
        self, path: Path, *, clock: Clock, key: bytes | None, durable: bool, vfs: str | None = None
    ) -> None:
        self._path = path
        self._key = key
        self._durable = durable
        self._vfs = vfs
        self._clock = clock
        self._failed: BaseException | None = None
        self._folder_lock: FolderLock | None = None
        self._write_lock = threading.RLock()
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        try:
            self._connection = self._connect()
            prepare(self._connection, path)
            # A connection of its own for all that is not the lane's, so that no thread waits inside another's statement.
            self._side = self._connect()
            row = self._connection.execute(
                "SELECT ts, total FROM commits ORDER BY ts DESC LIMIT 1"
            ).fetchone()
            start = self._connection.execute("SELECT value FROM meta WHERE name = 'log_start'").fetchone()
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise explain_unreadable(path, key, error)
        self._head: Timestamp = row[0] if row else 0
        self._total: int = row[1] if row else 0
        self._log_start: Timestamp = start[0] if start else 0
        self._last_given = self._head
        self._catalog = Catalog(self._side)
        self._tables_of_indexes = {index.number: index.table for index in self._catalog.indexes()}
        self._writer_reader = WriterReader(self._connection, self._tables_of_indexes, clock.monotonic)

    @classmethod
    def open(
        cls, folder: Path | str, *, clock: Clock, key: bytes | None = None, create: bool = True
    ) -> Store:
        """Open the data folder, making it if `create`. `key`: 32 bytes, to keep the data encrypted.

        Raises the SetupErrors of `syncline.store.errors`: locked, not a folder, no permission, damaged, newer,
        wrong key.
        """
        folder = Path(folder)
        make_folder(folder, create=create)
        lock = FolderLock(folder)
        try:
            store = cls(folder / DATABASE, clock=clock, key=key, durable=True)
        except BaseException:
            lock.release()
            raise
        store._folder_lock = lock
        return store

    @classmethod
    def memory(cls, clock: Clock) -> Store:
        """A store for tests, gone when it is closed: the same code on a temporary file that is never flushed."""
        folder = tempfile.mkdtemp(prefix="syncline-")
        store = cls(Path(folder) / DATABASE, clock=clock, key=None, durable=False)
        weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
        return store

    def _connect(self) -> Connection:
        return connect(self._path, self._key, durable=self._durable, vfs=self._vfs)

    # Reading

    def reader(self) -> Reader:
        """A reader on a connection of its own, for one thread. Close it, or leave that to `close`."""
        reader = Reader(self._connect(), self._tables_of_indexes, self._clock.monotonic)
        self._readers.add(reader)
        return reader

    def writer_reader(self) -> Reader:
        """The newest state, read on the writer's connection. For the thread that appends, between batches."""
        return self._writer_reader

    # The commit log

    @property
    def head(self) -> Timestamp:
        """The timestamp of the newest commit; 0 when there is none."""
        return self._head

    def next_ts(self) -> Timestamp:
        """A timestamp for the next commit: above the head and all given out before, not below the clock."""
        self._last_given = max(self._head + 1, self._last_given + 1, self._clock.wall_ns())
        return self._last_given

    @contextmanager
    def lock(self) -> Generator[Timestamp]:
        """Keep every other appender out; gives the head, which stays while the lock is held."""
        with self._write_lock:
            yield self._head

    def append(self, commits: Sequence[Commit]) -> None:
        """Make the commits durable in one SQLite transaction: all of them, or none.

        Must not run while an asynchronous exception may arrive in this thread (a function's time limit): one
        between COMMIT and its return would leave the outcome unknown.
        Raises StoreFullError when the disk is full (nothing applied, try again later) and StoreFailedError when
        writing failed (nothing acknowledged, all later writes refused: exit and recover).
        """
        if not commits:
            return
        ts = self._head
        for commit in commits:
            if commit.ts <= ts:
                raise ValueError(f"commit timestamps must rise: {commit.ts} after {ts}")
            ts = commit.ts
        body = _encode(commits)
        total = self._total + len(body)
        with self._write_lock, self._transaction(self._connection):
            self._write(commits, ts, total, body)
        self._head, self._total = ts, total

    def commits_after(self, ts: Timestamp) -> list[Commit]:
        """All commits above `ts`, in order. LogTrimmedError when some of them are no longer kept."""
        if ts < self._log_start:
            raise LogTrimmedError(ts, self._log_start)
        with self._write_lock:
            rows = self._side.execute("SELECT body FROM commits WHERE ts > ? ORDER BY ts", (ts,)).fetchall()
        return [commit for (body,) in rows for commit in _decode(body) if commit.ts > ts]

    # The catalog

    def tables(self) -> list[TableInfo]:
        with self._write_lock:
            return self._catalog.tables()

    def add_table(self, name: str) -> TableInfo:
        """The table of that name, numbered (and given its index on creation time) if it is new."""
        with self._changing_catalog():
            return self._catalog.add_table(name)

    def indexes(self) -> list[IndexInfo]:
        with self._write_lock:
            return self._catalog.indexes()

    def add_index(self, table: int, name: str, definition: str) -> IndexInfo:
        """A new index, not ready: fill it with `add_entries`, then call `set_index_ready`."""
        with self._changing_catalog():
            return self._catalog.add_index(table, name, definition)

    def set_index_ready(self, index: int) -> None:
        with self._changing_catalog():
            self._catalog.set_ready(index)

    def drop_index(self, index: int) -> None:
        """Remove an index and its entries."""
        with self._changing_catalog():
            self._catalog.remove_index(index)
            self._side.execute("DELETE FROM entries WHERE idx = ?", (index,))

    def add_entries(self, index: int, keys: Iterable[bytes]) -> int:
        """Add keys to an index being built; returns how many."""
        count = 0
        keys = iter(keys)
        while chunk := [(index, key) for key in islice(keys, 2000)]:
            with self._write_lock, self._transaction(self._side):
                self._side.executemany(_ADD_ENTRY, chunk)
            count += len(chunk)
        return count

    def shapes(self) -> list[ShapeInfo]:
        with self._write_lock:
            return self._catalog.shapes()

    def add_shape(self, table: int, text: str) -> ShapeInfo:
        """The shape of that text for the table, numbered if it is new."""
        with self._changing_catalog():
            return self._catalog.add_shape(table, text)

    @contextmanager
    def _changing_catalog(self) -> Generator[None]:
        with self._write_lock:
            with self._transaction(self._side):
                yield
            known = {index.number: index.table for index in self._catalog.indexes()}
            self._tables_of_indexes.update(known)

    # Closing

    def close(self) -> None:
        """Close everything, readers too. The store and its readers cannot be used afterwards."""
        for reader in list(self._readers):
            reader.close()
        self._side.close()
        self._connection.close()
        if self._folder_lock is not None:
            self._folder_lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    @contextmanager
    def _transaction(self, connection: Connection) -> Generator[None]:
        if self._failed is not None:
            raise StoreFailedError(
                f"the store failed earlier ({self._failed}): restart to recover from the disk"
            )
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, apsw.FullError):
                raise StoreFullError(
                    f"the disk with {self._path.parent} is full: nothing was written. Free some space, then try again."
                )
            if isinstance(error, apsw.Error):
                self._failed = error
                raise StoreFailedError(
                    f"writing to {self._path} failed ({error}): restart to recover from the disk"
                )
            raise

    def _write(self, commits: Sequence[Commit], ts: Timestamp, total: int, body: bytes) -> None:
        puts: dict[tuple[int, bytes], tuple[Timestamp, DocumentWrite]] = {}
        entries: dict[tuple[int, bytes], bool] = {}
        requests: list[tuple[bytes, int, Timestamp, str | None, bytes, bytes]] = []
        for commit in commits:
            for document in commit.documents:
                puts[document.table, document.id] = (commit.ts, document)
            for entry in commit.entries:
                if entry.present is not None:
                    entries[entry.index, entry.key] = entry.present
            for record in commit.requests:
                requests.append(
                    (
                        record.session,
                        record.request,
                        commit.ts,
                        record.identity,
                        record.result,
                        record.log_lines,
                    )
                )
        many = self._connection.executemany
        many(
            _PUT,
            [(w.table, w.id, at, w.shape, w.body) for at, w in puts.values() if w.body is not None],
        )
        many(_DELETE, [(w.table, w.id) for _, w in puts.values() if w.body is None])
        many(_REMOVE_ENTRY, [key for key, present in entries.items() if not present])
        many(_ADD_ENTRY, [key for key, present in entries.items() if present])
        many(_ADD_REQUEST, requests)
        self._connection.execute(_LOG, (ts, total, body))
