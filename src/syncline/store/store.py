"""The store: one SQLite file, one writer, any number of readers."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import apsw
import msgspec

from syncline.kernel.clock import Clock
from syncline.kernel.durations import Durations
from syncline.kernel.limits import Limits

from .cache import DocumentCache
from .catalog import Catalog
from .check import KeysOf, find_damage
from .checkpoints import Checkpoints
from .errors import LogTrimmedError
from .folder import DATABASE, FolderLock, folder_in_memory, make_folder
from .indexing import Progress, drop_some, fill
from .layout import BUSY_TIMEOUT_MS, PAGE_SIZE, connect, explain_unusable, prepare
from .loading import Conflict, Loaded, Moved, TableChange, find_conflicts, load_staged
from .reader import Reader, WriterReader
from .retention import Retention
from .side import Side
from .sqlite import Connection
from .staging import FILE as STAGING
from .staging import Staging
from .text_index import FILE as TEXT
from .text_index import TextIndexes
from .types import Commit, IndexInfo, ShapeInfo, TableInfo, Timestamp
from .upkeep import Upkeep
from .vector_index import VectorIndexes
from .writing import Writes, begin_log, write_batch, write_rows

_NEWEST = "SELECT ts, total FROM commits ORDER BY ts DESC LIMIT 1"
_LOG_START = "SELECT previous FROM commits ORDER BY ts LIMIT 1"
_COMMITS_AFTER = "SELECT body FROM commits WHERE ts > ? ORDER BY ts"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Commit]).decode


class Store:
    """All data of one node. Open it with `Store.open(folder, ...)` or `Store.memory(clock)`.

    One thread, the lane, calls `append` and reads through `writer_reader()`. Other threads read through a
    `reader()` of their own. Everything else may be called from any thread: the writes among it wait for each other
    and for `append`.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        limits: Limits,
        key: bytes | None = None,
        durable: bool = True,
        vfs: str | None = None,
    ) -> None:
        self._path = path
        self._key = key
        self._durable = durable
        self._vfs = vfs
        self._clock = clock
        self._folder_lock: FolderLock | None = None
        self._remove_files: Callable[[], object] | None = None
        self._write_lock = threading.RLock()
        self._writes = Writes(path)
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        try:
            self._connection = self._connect()
            prepare(self._connection, path)
            self._side = Side(self._connect(), self._write_lock, self._writes)
            #: Full-text indexes, in a file of their own. None in memory: there all documents are looked through.
            self.text = TextIndexes(path.with_name(TEXT), key, durable=durable, vfs=vfs) if durable else None
            #: Vector indexes. None in memory, as above.
            self.vectors = VectorIndexes(path.parent, save=key is None) if durable else None
            newest = self._connection.execute(_NEWEST).fetchall()
            self._catalog = Catalog(self._side)
        except apsw.Error as error:
            raise explain_unusable(path, key, error)
        self._head: Timestamp = newest[0][0] if newest else 0
        self._total: int = newest[0][1] if newest else 0
        self._last_given = self._head
        #: How long commits took, as metrics show it.
        self.commit_times = Durations()
        #: Encoded documents as of the newest commits. Readers use it by themselves.
        self.cache = DocumentCache(limits.document_cache_bytes, self._head)
        self._checkpoints = Checkpoints(self._connection, self._writes, BUSY_TIMEOUT_MS)
        self._retention = Retention(limits)
        self._upkeep = Upkeep(
            self._side,
            self._catalog,
            self._retention,
            self._checkpoints,
            clock,
            limits,
            lambda: (self._head, self._total),
        )
        self._writer_reader = WriterReader(
            self._connection,
            self._catalog.tables_of_indexes,
            self.cache,
            clock.monotonic,
            self._head,
            self.text.reader if self.text is not None else None,
            self.vectors,
        )

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        clock: Clock,
        key: bytes | None = None,
        create: bool = True,
        limits: Limits | None = None,
    ) -> Store:
        """Open the data folder, making it if `create`. `key`: 32 bytes with which the data is encrypted.

        Raises the SetupErrors of `syncline.store`: FolderLockedError, FolderUnusableError, CorruptDataError,
        NewerDataError, WrongKeyError.
        """
        folder = Path(folder)
        make_folder(folder, create=create)
        lock = FolderLock(folder)
        try:
            store = cls(folder / DATABASE, clock=clock, key=key, limits=limits or Limits())
        except BaseException:
            lock.release()
            raise
        store._folder_lock = lock
        return store

    @classmethod
    def memory(cls, clock: Clock, limits: Limits | None = None) -> Store:
        """A store for tests, gone when it is closed: the same code on a temporary file that is never flushed.

        SQLite's own in-memory databases have no write-ahead log, so a reader would block the writer.
        """
        folder = tempfile.mkdtemp(prefix="syncline-", dir=folder_in_memory())
        store = cls(Path(folder) / DATABASE, clock=clock, durable=False, limits=limits or Limits())
        store._remove_files = weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
        return store

    # Reading

    def reader(self) -> Reader:
        """A reader on a connection of its own, for one thread."""
        text = self.text.reader if self.text is not None else None
        reader = Reader(
            self._connect(),
            self._catalog.tables_of_indexes,
            self.cache,
            self._clock.monotonic,
            text,
            self.vectors,
        )
        self._readers.add(reader)
        return reader

    def writer_reader(self) -> Reader:
        """The newest state, read on the writer's connection. For the thread that appends, between batches."""
        return self._writer_reader

    @property
    def log_bytes(self) -> int:
        """How much of the write-ahead log is not in the database file yet."""
        return self._checkpoints.pages * PAGE_SIZE

    # The commit log

    @property
    def head(self) -> Timestamp:
        """The timestamp of the newest commit; 0 when there is none."""
        return self._head

    def next_ts(self) -> Timestamp:
        """A timestamp for the next commit: above the head and all given out before, not below the clock.

        For the thread that appends, or under `lock`.
        """
        self._last_given = max(self._head + 1, self._last_given + 1, self._clock.wall_ns())
        return self._last_given

    @contextmanager
    def lock(self) -> Generator[Timestamp]:
        """Keep every other appender out; gives the head, which stays while the lock is held."""
        with self._write_lock:
            yield self._head

    def append(self, commits: Sequence[Commit]) -> None:
        """Make the commits durable in one SQLite transaction: all of them, or none.

        Must not run where an asynchronous exception may arrive in this thread (a function's time limit, armed):
        one between COMMIT and its return would leave the outcome unknown, and the store would refuse to go on.
        Raises WriteRefusedError (disk full, file locked) when nothing was applied and a later try may succeed, and
        StoreFailedError when writing failed for good: acknowledge nothing, exit, recover from the disk.
        """
        if not commits:
            return
        began = self._clock.monotonic()
        body = _encode(commits)
        requests = [record for commit in commits for record in commit.requests]
        with self._write_lock:
            head = self._head
            for commit in commits:
                if commit.ts <= head:
                    raise ValueError(f"commit timestamps must rise: {commit.ts} after {head}")
                head = commit.ts
            total = self._total + len(body)
            self._writer_reader.let_go()
            for derived in self._derived:
                derived.follow(commits)
            with self._writes.transaction(self._connection):
                write_batch(self._connection, commits, self._head, total, body)
                self._retention.after_append(self._connection, head, total, requests)
            self._head, self._total = head, total
            self._writer_reader.share_found()
            self.cache.apply_all(commits)
            self._writer_reader.ts = head
            for derived in self._derived:
                derived.written()
            self._checkpoints.after_commit()
            self.commit_times.note(self._clock.monotonic() - began)

    def commits_after(self, ts: Timestamp) -> list[Commit]:
        """All commits above `ts`, in order. LogTrimmedError when some of them are no longer kept."""
        with self._side.reading() as connection:
            start = connection.execute(_LOG_START).fetchall()
            if start and ts < start[0][0]:
                raise LogTrimmedError(ts, start[0][0])
            rows = connection.execute(_COMMITS_AFTER, (ts,)).fetchall()
        return [commit for (body,) in rows for commit in _decode(body) if commit.ts > ts]

    # Loads

    def stage(self, identity: str) -> Staging:
        """Where to stage a load. What an interrupted one of the same `identity` staged is still there."""
        return Staging(self._path.with_name(STAGING), self._key, identity)

    def conflicts(self, changes: Sequence[TableChange], staging: Staging) -> list[Conflict]:
        """The staged documents that cannot be added to those that stay."""
        with closing(self._connect()) as connection:
            return list(find_conflicts(connection, changes, staging))

    def load(
        self,
        changes: Sequence[TableChange],
        staging: Staging,
        ready: Callable[[Timestamp, Loaded], None] = lambda ts, loaded: None,
        moved: Moved = lambda count: None,
        derive: Callable[[Reader, Timestamp, Loaded], Iterable[Commit]] = lambda reader, ts, loaded: (),
    ) -> Loaded:
        """Move all staged documents in, in one durable transaction with what they replace. For the appending thread.

        `derive` gives what else is to be written; its reader sees the indexes as they will be (and no documents).
        `ready` is called just before all becomes visible; what they raise undoes the load. The commit log begins
        anew: whoever follows it must start from a snapshot. Raises LoadRefusedError, and as `append` does.
        """
        with self._write_lock:
            self.next_ts()  # So that nobody who has seen all of the log takes it for going on.
            ts = self.next_ts()
            body = _encode([Commit(ts)])
            total = self._total + len(body)
            self._writer_reader.let_go()
            self._writer_reader.share_found()
            with self._writes.transaction(self._connection):
                loaded = load_staged(self._connection, changes, staging, ts, moved)
                begin_log(self._connection, ts, total, body)
                self._catalog.tables_of_indexes.update(loaded.tables_of_indexes)
                for commit in derive(self._writer_reader, ts, loaded):
                    write_rows(self._connection, [commit])
                ready(ts, loaded)
            self._head, self._total = ts, total
            self.cache.clear(ts)
            self._writer_reader.ts = ts
            for derived in self._derived:
                derived.restart(ts)
            self._checkpoints.after_commit()
        return loaded

    # The catalog

    def together(self) -> AbstractContextManager[None]:
        """A block whose changes of the catalog are one transaction. Others who write wait: keep it short."""
        return self._catalog.together()

    def tables(self) -> list[TableInfo]:
        return self._catalog.tables()

    def add_table(self, name: str) -> TableInfo:
        """The table of that name, numbered (and given its index on creation time) if it is new."""
        return self._catalog.add_table(name)

    def indexes(self) -> list[IndexInfo]:
        return self._catalog.indexes()

    def add_index(self, table: int, name: str, definition: str) -> IndexInfo:
        """A new index, not ready: fill it with `add_entries`, then call `set_index_ready`."""
        return self._catalog.add_index(table, name, definition)

    def set_index_ready(self, index: int) -> None:
        self._catalog.set_ready(index)

    def add_entries(self, index: int, keys: Iterable[bytes], progress: Progress | None = None) -> int:
        """Add keys to an index being built, in durable steps; returns how many. `progress` is told after each step.

        The keys must be those of the documents as they are: build while nothing else writes to the table.
        """
        return fill(self._side, index, keys, progress)

    def drop_index(self, index: int, progress: Progress | None = None) -> None:
        """Remove an index, then its entries in steps; `progress` is told how many are gone.

        Numbers are not used again: entries that a crash leaves are read by nobody, and `maintain` removes them.
        """
        self._catalog.remove_index(index)
        gone = 0
        while count := drop_some(self._side, index):
            gone += count
            if progress is not None:
                progress(gone)

    def shapes(self) -> list[ShapeInfo]:
        """All shapes; of each table, the one in force is the last."""
        return self._catalog.shapes()

    def use_shape(self, table: int, text: str) -> ShapeInfo:
        """The shape of that text for the table, numbered if it is new, as the one in force from now on."""
        return self._catalog.use_shape(table, text)

    def secret(self, name: str) -> bytes:
        """32 random bytes of this data folder, made when they are first asked for."""
        return self._catalog.secret(name)

    @property
    def _derived(self) -> tuple[TextIndexes | VectorIndexes, ...]:
        return (self.text, self.vectors) if self.text is not None and self.vectors is not None else ()

    # Upkeep and the end

    def maintain(self) -> bool:
        """A few milliseconds of upkeep, for idle moments of any thread; returns whether there is more to do.

        Trims the commit log, forgets old request outcomes, removes leftovers, empties the write-ahead log.
        """
        return self._upkeep.step()

    def check(
        self, keys_of: Mapping[int, KeysOf] | None = None, progress: Progress | None = None
    ) -> list[str]:
        """What is damaged, one sentence each; empty if nothing is. Reads everything.

        `keys_of` maps numbers of indexes to functions that give a document's keys: those indexes are compared
        entry by entry. `progress` is told how many documents of a table were compared.
        """
        connection = self._connect()
        try:
            connection.execute("BEGIN")
            return find_damage(connection, self.tables(), self.indexes(), keys_of or {}, progress)
        finally:
            connection.close()

    def close(self) -> None:
        """Close everything, readers too. Nothing can be used afterwards; closing twice is harmless."""
        # SQLite empties the write-ahead log when it closes. If that fails, the log stays, and nothing is lost.
        for derived in self._derived:
            with suppress(apsw.Error, OSError):
                derived.close()
        with suppress(apsw.Error):
            for reader in list(self._readers):
                reader.close()
        with suppress(apsw.Error):
            self._side.connection.close()
        with suppress(apsw.Error):
            self._connection.close()
        if self._folder_lock is not None:
            self._folder_lock.release()
        if self._remove_files is not None:
            self._remove_files()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> Connection:
        return connect(self._path, self._key, durable=self._durable, vfs=self._vfs)
