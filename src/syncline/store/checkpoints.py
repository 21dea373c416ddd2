"""Moving committed pages from the write-ahead log into the database file.

SQLite would do it by itself after every so many pages, but it ignores errors then: a failed fsync of the database
file must end the store, because a second try may succeed without the data.
"""

from __future__ import annotations

import apsw

from .sqlite import Connection
from .writing import Writes

# Measured with 100,000 documents of 300 bytes written at random: 1,000 pages cost 4 % throughput for stalls of
# 12 ms instead of 30 ms; 16,000 pages win 6 % for stalls of 60 ms.
PAGES = 4_000
# From here on the writer waits a little for readers that keep the log from starting over.
PAGES_TOO_MANY = 16_000
_PAGES_BEFORE_NEXT_TRY = 2_000
_IDLE_PAGES = 500
_WAIT_FOR_READERS_MS = 50


class Checkpoints:
    """Counts the pages of the log and empties it in time."""

    def __init__(self, writer: Connection, writes: Writes, busy_timeout_ms: int) -> None:
        self._writer = writer
        self._writes = writes
        self._busy_timeout_ms = busy_timeout_ms
        self._pages = 0
        self._threshold = PAGES
        writer.set_wal_hook(self._count)

    @property
    def pages(self) -> int:
        """Pages in the log as of the last commit, or 0 when all of them are in the database file."""
        return self._pages

    def after_commit(self) -> None:
        """On the writer's thread, after each commit."""
        if self._pages < self._threshold:
            return
        if self._pages < PAGES_TOO_MANY:
            done = self._run(self._writer, apsw.SQLITE_CHECKPOINT_PASSIVE)
        else:
            # Readers that follow each other without a pause keep a passive checkpoint from ever ending.
            self._writer.set_busy_timeout(_WAIT_FOR_READERS_MS)
            done = self._run(self._writer, apsw.SQLITE_CHECKPOINT_RESTART)
            self._writer.set_busy_timeout(self._busy_timeout_ms)
        # An old snapshot may be in the way for long, and each attempt costs two fsyncs or a wait: the longer the log,
        # the rarer.
        self._threshold = PAGES if done else self._pages + max(_PAGES_BEFORE_NEXT_TRY, self._pages // 4)

    def when_idle(self, connection: Connection) -> None:
        """On any thread and another connection: commits go on meanwhile."""
        if self._pages >= _IDLE_PAGES and self._run(connection, apsw.SQLITE_CHECKPOINT_PASSIVE):
            self._pages = 0

    def _run(self, connection: Connection, mode: int) -> bool:
        try:
            pages, moved = connection.wal_checkpoint(mode=mode)
        except (apsw.BusyError, apsw.FullError):
            # Somebody reads or checkpoints, or there is no room: the pages are safe in the log, later is early enough.
            return False
        except apsw.Error as error:
            self._writes.fail(error)
            return False
        return pages == moved

    def _count(self, _connection: object, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK
