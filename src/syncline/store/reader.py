"""Reading: one snapshot at a time, by id or by ranges of index keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import apsw

from .cache import DocumentCache, Found
from .errors import DamagedDataError, QueryInterrupted
from .sqlite import Connection, array
from .text_reader import TextReader
from .types import ID_BYTES, RequestRecord, Row, StoredBody, Timestamp

if TYPE_CHECKING:
    from .vector_index import VectorIndexes

_GET = "SELECT ts, shape, body FROM documents WHERE tbl = ? AND id = ?"
# CROSS JOIN fixes the order of the loops, and with it the order of the rows: that of the ids given.
_GET_MANY = "SELECT ts, shape, body FROM carray(?) CROSS JOIN documents ON tbl = ? AND id = value"
_HEAD = "SELECT ts FROM commits ORDER BY ts DESC LIMIT 1"
_HIGHEST = "SELECT max(request) FROM requests WHERE session = ?"
_REQUEST = "SELECT ts, identity, result, log_lines FROM requests WHERE session = ? AND request = ?"

_KEYS = "SELECT key FROM entries WHERE idx = ? AND key {start} ? AND key < ? ORDER BY key {order} LIMIT ?"
_KEYS_UP = _KEYS.format(start=">=", order="ASC")
_KEYS_UP_AFTER = _KEYS.format(start=">", order="ASC")
_KEYS_DOWN = _KEYS.format(start=">=", order="DESC")
_IDS = "SELECT id FROM documents WHERE tbl = ? AND id {start} ? AND id < ? ORDER BY id {order} LIMIT ?"
_IDS_UP = _IDS.format(start=">=", order="ASC")
_IDS_UP_AFTER = _IDS.format(start=">", order="ASC")
_IDS_DOWN = _IDS.format(start=">=", order="DESC")
_COUNT = "SELECT count(*) FROM entries WHERE idx = ? AND key >= ? AND key < ?"
_COUNT_IDS = "SELECT count(*) FROM documents WHERE tbl = ? AND id >= ? AND id < ?"

# Above all keys: no encoded field starts with 0xff, and an id of sixteen 0xff is still below.
_END = b"\xff" * (ID_BYTES + 1)

_FIRST_CHUNK = 16
_LAST_CHUNK = 1024
# A long scan must not push everything else out of the cache, nor a long snapshot hold much for it.
_REMEMBERED_ROWS = 400
_REMEMBERED = 4_000
# So many documents are read one by one sooner than by a join with an array.
_FEW = 3
# About a millisecond: each check takes the interpreter's lock.
_STEPS_BETWEEN_CHECKS = 10_000


#: Opens the full-text indexes for one thread; given what stops a statement that runs too long.
TextSource = Callable[[Callable[[], bool]], TextReader | None]


class Reader:
    """Reads on a connection of its own, and from the cache where it can answer. Belongs to one thread.

    Between `begin` and `end` everything read is as of one commit, whatever is written meanwhile. A snapshot held
    for long keeps the write-ahead log from being reused, so it grows.
    """

    def __init__(
        self,
        connection: Connection,
        tables: Mapping[int, int],
        cache: DocumentCache,
        monotonic: Callable[[], float],
        text: TextSource | None = None,
        vectors: VectorIndexes | None = None,
    ) -> None:
        self._connection = connection
        #: The vector indexes of the store; None in memory.
        self.vectors = vectors
        self._text_source = text
        self._text: TextReader | None = None  # None -> opened: text()
        self._tables = tables  # index number -> table number; shared with the store, which adds to it
        self._cache = cache
        self._monotonic = monotonic
        self._deadline: float | None = None
        self._watched = False  # whether SQLite asks for the deadline
        cursor = connection.cursor()
        self._execute = cursor.execute
        self._fetchall = cursor.fetchall
        self._found: list[Found] = []  # read from the disk in this snapshot, for the cache
        self.ts: Timestamp = 0

    def begin(self) -> Timestamp:
        """Take a snapshot of the newest commit; returns its timestamp (0: nothing was ever committed). No deadline is set."""
        # The last query's: SQLite counts the steps of a statement over all of its runs, so even this one is asked at times.
        self._deadline = None
        self._execute("BEGIN")
        self._execute(_HEAD)
        rows = self._fetchall()
        self.ts = rows[0][0] if rows else 0
        return self.ts

    def end(self) -> None:
        """Let the snapshot go. Harmless without one. Not under a function's time limit, as `begin`."""
        self._deadline = None
        self.share_found()
        if self._text is not None:
            self._text.end()
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def share_found(self) -> None:
        """Hand what was read from the disk to the cache. Takes a lock: not under a function's time limit."""
        found = self._found
        if found:
            self._cache.learn(found, self.ts)
            found.clear()

    def get(self, table: int, id: bytes) -> StoredBody | None:
        """(ts, shape, body) of a document, or None."""
        ts = self.ts
        entry = self._cache.get(table, id, ts)
        if entry is not None:
            return None if entry[2] is None else entry  # type: ignore[return-value]  # a cast is a call
        self._execute(_GET, (table, id))
        # All rows, although there is one at most: a statement that is not run to its end keeps its snapshot.
        rows = self._fetchall()
        found: StoredBody | None = rows[0] if rows else None
        if len(self._found) < _REMEMBERED:
            self._found.append((table, id, found))
        return found

    def scan(
        self, index: int, start: bytes, stop: bytes | None, reverse: bool = False, limit: int | None = None
    ) -> Iterator[Row]:
        """(key, ts, shape, body) for the keys in [start, stop) of an index, in order; `stop` None: to the end.

        `index` is a number of the catalog, or minus a table's number for the order by id (then keys are ids).
        Rows are read as they are consumed, in chunks that grow; `limit` ends the scan after so many rows and makes
        the first chunk as large. An iterator must not outlive its snapshot.
        """
        table = -index if index < 0 else self._tables[index]
        seen = 0
        for keys in self._chunks(index, start, stop, reverse, limit):
            rows = self._cache.rows(table, keys, self.ts)
            if None in rows:
                self._fill(table, keys, rows, remember=seen < _REMEMBERED_ROWS)
            seen += len(keys)
            yield from cast(list[Row], rows)

    def scan_keys(
        self, index: int, start: bytes, stop: bytes | None, reverse: bool = False, limit: int | None = None
    ) -> Iterator[bytes]:
        """The keys in [start, stop) of an index alone, without the documents."""
        for keys in self._chunks(index, start, stop, reverse, limit):
            for (key,) in keys:
                yield key

    def count(self, index: int, start: bytes, stop: bytes | None) -> int:
        """How many keys of an index are in [start, stop). Walks them, without handing them out."""
        statement = _COUNT_IDS if index < 0 else _COUNT
        self._execute(statement, (abs(index), start, _END if stop is None else stop))
        count: int = self._fetchall()[0][0]
        return count

    def request(self, session: bytes, request: int) -> tuple[Timestamp, RequestRecord] | None:
        """The kept outcome of a client's request and the timestamp of its commit, or None."""
        self._execute(_REQUEST, (session, request))
        rows: list[tuple[Timestamp, str | None, bytes, bytes]] = self._fetchall()
        if not rows:
            return None
        ts, identity, result, log_lines = rows[0]
        return ts, RequestRecord(session, request, identity, result, log_lines)

    def highest_request(self, session: bytes) -> int:
        """The highest request of a session whose outcome is kept; -1 when there is none."""
        self._execute(_HIGHEST, (session,))
        highest: int | None = self._fetchall()[0][0]
        return -1 if highest is None else highest

    def text(self) -> TextReader | None:
        """The full-text indexes, as of one state of theirs until `end`; None where there are none."""
        if self._text is None and self._text_source is not None:
            self._text = self._text_source(self._check_deadline)
        return self._text

    def set_deadline(self, deadline: float | None) -> None:
        """Stop statements that run past `deadline` (seconds of the monotonic clock) with QueryInterrupted, until the
        snapshot ends."""
        if deadline is not None and not self._watched:
            self._connection.set_progress_handler(self._check_deadline, _STEPS_BETWEEN_CHECKS)
            self._watched = True
        self._deadline = deadline

    def close(self) -> None:
        """Close the connection. A reader that was closed cannot be used again."""
        if self._text is not None:
            self._text.close()
        self._connection.close()

    def _chunks(
        self, index: int, start: bytes, stop: bytes | None, reverse: bool, limit: int | None
    ) -> Iterator[list[tuple[bytes]]]:
        if index < 0:
            first, after = (_IDS_DOWN, _IDS_DOWN) if reverse else (_IDS_UP, _IDS_UP_AFTER)
        else:
            first, after = (_KEYS_DOWN, _KEYS_DOWN) if reverse else (_KEYS_UP, _KEYS_UP_AFTER)
        number = abs(index)
        end = _END if stop is None else stop
        left = limit if limit is not None else 1 << 62
        chunk = _FIRST_CHUNK if limit is None else min(limit, _LAST_CHUNK)
        statement = first
        # Several scans of one reader may be under way at once, so each statement is read to its end at once.
        execute, fetchall = self._execute, self._fetchall
        while chunk > 0:
            execute(statement, (number, start, end, chunk))
            keys: list[tuple[bytes]] = fetchall()
            if keys:
                yield keys
            if len(keys) < chunk:
                return
            if reverse:
                end = keys[-1][0]
            else:
                start, statement = keys[-1][0], after
            left -= chunk
            chunk = min(chunk * 4, _LAST_CHUNK, left)

    def _fill(self, table: int, keys: list[tuple[bytes]], rows: list[Row | None], *, remember: bool) -> None:
        """Read the documents of a chunk that are missing in `rows`."""
        missing = [position for position, row in enumerate(rows) if row is None]
        ids = tuple([keys[position][0][-ID_BYTES:] for position in missing])
        found: list[StoredBody]
        if len(ids) > _FEW:
            self._execute(_GET_MANY, (array(ids), table))
            found = self._fetchall()
        else:
            found = []
            for id in ids:
                self._execute(_GET, (table, id))
                found += self._fetchall()
        if len(found) != len(ids):
            raise self._dangling(table, ids)
        for position, body in zip(missing, found, strict=True):
            rows[position] = keys[position] + body
        if remember and len(self._found) < _REMEMBERED:
            self._found += [(table, id, state) for id, state in zip(ids, found, strict=True)]

    def _dangling(self, table: int, ids: Sequence[bytes]) -> DamagedDataError:
        lost = [id.hex() for id in ids if not self._connection.execute(_GET, (table, id)).fetchall()]
        return DamagedDataError(
            f"an index points to document {lost[0]} of table {table}, which does not exist. Stop the server, "
            "keep a copy of the data folder and run `syncline check`, which names all damage."
        )

    def _check_deadline(self) -> bool:
        if self._deadline is not None and self._monotonic() > self._deadline:
            raise QueryInterrupted
        return False


class WriterReader(Reader):
    """Reads on the writer's own connection, always the newest state. For the thread that appends."""

    def __init__(
        self,
        connection: Connection,
        tables: Mapping[int, int],
        cache: DocumentCache,
        monotonic: Callable[[], float],
        head: Timestamp,
        text: TextSource | None = None,
        vectors: VectorIndexes | None = None,
    ) -> None:
        super().__init__(connection, tables, cache, monotonic, text, vectors)
        self.ts = head  # the store moves it with every append

    def let_go(self) -> None:
        """End a statement that an interruption (a function's time limit) left in its middle.

        It would keep the connection at its snapshot, from which nothing can be written once another connection
        has committed.
        """
        if self._connection.txn_state() != apsw.SQLITE_TXN_NONE:
            self._execute("SELECT 1")
            self._fetchall()

    def begin(self) -> Timestamp:
        """The newest commit's timestamp; nothing is pinned, since nobody else writes."""
        if self._text is not None:
            self._text.end()
        return self.ts

    def end(self) -> None:
        """Nothing is held, but what was read may be of use to others."""
        self.share_found()

    def close(self) -> None:
        """The connection stays with the store."""
        if self._text is not None:
            self._text.close()
        if self._watched:
            self._connection.set_progress_handler(None)
