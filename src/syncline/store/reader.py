"""Reading: one snapshot at a time, by id or by ranges of index keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from .errors import QueryInterrupted
from .sqlite import Connection
from .types import ID_BYTES, RequestRecord, Row, StoredBody, Timestamp

_GET = "SELECT ts, shape, body FROM documents WHERE tbl = ? AND id = ?"
_HEAD = "SELECT ts FROM commits ORDER BY ts DESC LIMIT 1"
_REQUEST = "SELECT ts, identity, result, log_lines FROM requests WHERE session = ? AND request = ?"

# One statement per direction and kind of end. The join goes by the last 16 bytes of the key, the document's id;
# CROSS JOIN keeps SQLite from turning the loops around.
_ROWS = (
    "SELECT e.key, d.ts, d.shape, d.body FROM entries e CROSS JOIN documents d "
    "ON d.tbl = ? AND d.id = substr(e.key, -16) WHERE e.idx = ? AND e.key {start} ? AND e.key < ? "
    "ORDER BY e.key {order} LIMIT ?"
)
_ROWS_UP = _ROWS.format(start=">=", order="ASC")
_ROWS_UP_AFTER = _ROWS.format(start=">", order="ASC")
_ROWS_DOWN = _ROWS.format(start=">=", order="DESC")
_KEYS = "SELECT key FROM entries WHERE idx = ? AND key {start} ? AND key < ? ORDER BY key {order} LIMIT ?"
_KEYS_UP = _KEYS.format(start=">=", order="ASC")
_KEYS_UP_AFTER = _KEYS.format(start=">", order="ASC")
_KEYS_DOWN = _KEYS.format(start=">=", order="DESC")
_BY_ID = "SELECT id, ts, shape, body FROM documents WHERE tbl = ? AND id {start} ? AND id < ? ORDER BY id {order} LIMIT ?"
_BY_ID_UP = _BY_ID.format(start=">=", order="ASC")
_BY_ID_UP_AFTER = _BY_ID.format(start=">", order="ASC")
_BY_ID_DOWN = _BY_ID.format(start=">=", order="DESC")

# A key that is above all others: no encoded field starts with 0xff.
_END = b"\xff" * (ID_BYTES + 1)

_FIRST_CHUNK = 16
_LAST_CHUNK = 1024
_STEPS_BETWEEN_CHECKS = 5_000


class Reader:
    """Reads on a connection of its own. Belongs to one thread.

    Between `begin` and `end` everything read is as of one commit, whatever is written meanwhile.
    """

    def __init__(
        self,
        connection: Connection,
        tables: Mapping[int, int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._tables = tables  # index number -> table number; shared with the store, which adds to it
        self._monotonic = monotonic
        self._deadline: float | None = None
        cursor = connection.cursor()
        self._execute = cursor.execute
        self._fetchone = cursor.fetchone
        self.ts: Timestamp = 0

    def begin(self) -> Timestamp:
        """Take a snapshot of the newest commit; returns its timestamp (0: nothing was ever committed)."""
        self._execute("BEGIN")
        self._execute(_HEAD)
        row = self._fetchone()
        self.ts = row[0] if row else 0
        return self.ts

    def end(self) -> None:
        """Let the snapshot go. Harmless without one."""
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def get(self, table: int, id: bytes) -> StoredBody | None:
        """(ts, shape, body) of a document, or None."""
        self._execute(_GET, (table, id))
        row: StoredBody | None = self._fetchone()
        return row

    def scan(self, index: int, start: bytes, stop: bytes | None, reverse: bool = False) -> Iterator[Row]:
        """(key, ts, shape, body) for the keys in [start, stop) of an index, in order; `stop` None: to the end.

        `index` is a number of the catalog, or minus a table's number for the order by id (then keys are ids).
        Rows are read as they are consumed, in chunks that grow. An iterator must not outlive its snapshot.
        """
        if index < 0:
            up, after, down = _BY_ID_UP, _BY_ID_UP_AFTER, _BY_ID_DOWN
            head: tuple[int, ...] = (-index,)
        else:
            up, after, down = _ROWS_UP, _ROWS_UP_AFTER, _ROWS_DOWN
            head = (self._tables[index], index)
        end = _END if stop is None else stop
        chunk = _FIRST_CHUNK
        statement = down if reverse else up
        execute = self._connection.execute
        while True:
            rows: list[Row] = execute(statement, (*head, start, end, chunk)).fetchall()
            yield from rows
            if len(rows) < chunk:
                return
            if reverse:
                end = rows[-1][0]
            else:
                start, statement = rows[-1][0], after
            chunk = min(chunk * 4, _LAST_CHUNK)

    def scan_keys(
        self, index: int, start: bytes, stop: bytes | None, reverse: bool = False
    ) -> Iterator[bytes]:
        """The keys in [start, stop) of an index alone. Cheaper than `scan` when the documents do not matter."""
        end = _END if stop is None else stop
        if index < 0:
            for row in self.scan(index, start, stop, reverse):
                yield row[0]
            return
        chunk = _FIRST_CHUNK
        statement = _KEYS_DOWN if reverse else _KEYS_UP
        execute = self._connection.execute
        while True:
            rows: list[tuple[bytes]] = execute(statement, (index, start, end, chunk)).fetchall()
            for (key,) in rows:
                yield key
            if len(rows) < chunk:
                return
            if reverse:
                end = rows[-1][0]
            else:
                start, statement = rows[-1][0], _KEYS_UP_AFTER
            chunk = min(chunk * 4, _LAST_CHUNK)

    def request(self, session: bytes, request: int) -> tuple[Timestamp, RequestRecord] | None:
        """The kept outcome of a client's request and the timestamp of its commit, or None."""
        self._execute(_REQUEST, (session, request))
        row: tuple[Timestamp, str | None, bytes, bytes] | None = self._fetchone()
        if row is None:
            return None
        ts, identity, result, log_lines = row
        return ts, RequestRecord(session, request, identity, result, log_lines)

    def set_deadline(self, deadline: float | None) -> None:
        """Stop statements that run past `deadline` (seconds of the monotonic clock) with QueryInterrupted."""
        self._deadline = deadline
        if deadline is None:
            self._connection.set_progress_handler(None)
        else:
            self._connection.set_progress_handler(self._check_deadline, _STEPS_BETWEEN_CHECKS)

    def _check_deadline(self) -> bool:
        if self._deadline is not None and self._monotonic() > self._deadline:
            raise QueryInterrupted
        return False

    def close(self) -> None:
        self.end()
        self._connection.close()


class WriterReader(Reader):
    """Reads on the writer's own connection, always the newest state. For the thread that appends."""

    def begin(self) -> Timestamp:
        self._execute(_HEAD)
        row = self._fetchone()
        self.ts = row[0] if row else 0
        return self.ts

    def end(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """The connection stays with the store."""
        self.set_deadline(None)
