"""The second connection: for everything that is not the lane's appends or a reader's reads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from .sqlite import Connection
from .writing import Writes


class Side:
    """One connection for many threads, one at a time; its writes take turns with the lane's.

    A connection of its own, because apsw lets one thread into a connection at a time. Each commit on it makes
    SQLite drop the lane's page cache, so nothing that happens often belongs here.
    """

    def __init__(self, connection: Connection, lock: threading.RLock, writes: Writes) -> None:
        self._connection = connection
        self._lock = lock
        self._writes = writes

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """The connection, with no write under way anywhere."""
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """The connection in a write transaction, committed at the end of the outermost block."""
        with self._lock:
            if self._connection.in_transaction:  # By this thread: others wait for the lock.
                yield self._connection
                return
            with self._writes.transaction(self._connection):
                yield self._connection

    @property
    def connection(self) -> Connection:
        return self._connection
