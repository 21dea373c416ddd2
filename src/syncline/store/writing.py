"""Write transactions: how one ends well, and what each way of ending badly means."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from .errors import StoreBusyError, StoreFailedError, StoreFullError
from .sqlite import Connection
from .types import Commit, DocumentWrite, Timestamp

_PUT = (
    "INSERT INTO documents VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET ts = excluded.ts, shape = excluded.shape, body = excluded.body"
)
_DELETE = "DELETE FROM documents WHERE tbl = ? AND id = ?"
_ADD_ENTRY = "INSERT OR IGNORE INTO entries VALUES (?, ?)"
_REMOVE_ENTRY = "DELETE FROM entries WHERE idx = ? AND key = ?"
_ADD_REQUEST = "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?)"
_LOG = "INSERT INTO commits VALUES (?, ?, ?, ?)"


class Writes:
    """Opens write transactions and remembers whether writing has failed for good."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed: str | None = None  # None -> what happened: fail()

    def fail(self, reason: object) -> StoreFailedError:
        """Refuse all writes from now on; returns the error to raise."""
        self._failed = self._failed or str(reason)
        return self._refusal()

    @contextmanager
    def transaction(self, connection: Connection) -> Generator[None]:
        """BEGIN IMMEDIATE .. COMMIT around a block; rolled back if it raises.

        A full disk and a foreign lock leave everything as it was and the store in service. Any other error of
        SQLite ends the store: after a failed fsync the kernel may have dropped what it could not write, so a
        second try could succeed without the data (https://lwn.net/Articles/752063/).
        """
        if self._failed is not None:
            raise self._refusal()
        committing = False
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            committing = True
            connection.execute("COMMIT")
        except BaseException as error:
            undone = self._roll_back(connection)
            if isinstance(error, apsw.FullError) and undone:
                raise StoreFullError(
                    f"the disk that holds {self._path.parent} is full: nothing of this write was applied. "
                    "Free some space, then try again"
                ) from error
            if isinstance(error, apsw.BusyError) and undone:
                raise StoreBusyError(
                    f"{self._path} is locked by another program: nothing of this write was applied. "
                    "Close the program that has the file open, then try again"
                ) from error
            if committing or isinstance(error, apsw.Error):
                raise self.fail(error) from error
            raise

    def _roll_back(self, connection: Connection) -> bool:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except apsw.Error:
            return False
        return True

    def _refusal(self) -> StoreFailedError:
        return StoreFailedError(
            f"writing to {self._path} failed ({self._failed}), so nothing more is written. Nothing that was acknowledged "
            "is lost: look at the disk, then start again"
        )


def write_batch(
    connection: Connection, commits: Sequence[Commit], previous: Timestamp, total: int, body: bytes
) -> None:
    """The rows of a batch. What several commits of it wrote is written once, as the last one left it."""
    write_rows(connection, commits)
    connection.execute(_LOG, (commits[-1].ts, previous, total, body))


def write_rows(connection: Connection, commits: Sequence[Commit]) -> None:
    """The same without a row of the commit log."""
    documents: dict[tuple[int, bytes], tuple[Timestamp, DocumentWrite]] = {}
    entries: dict[tuple[int, bytes], bool] = {}
    requests: list[tuple[bytes, int, Timestamp, str | None, bytes, bytes]] = []
    for commit in commits:
        ts = commit.ts
        for document in commit.documents:
            documents[document.table, document.id] = (ts, document)
        for entry in commit.entries:
            if entry.present is not None:
                entries[entry.index, entry.key] = entry.present
        for record in commit.requests:
            requests.append(
                (record.session, record.request, ts, record.identity, record.result, record.log_lines)
            )
    puts: list[tuple[int, bytes, Timestamp, int, bytes]] = []
    deletes: list[tuple[int, bytes]] = []
    for place, (ts, document) in documents.items():
        if document.body is None:
            deletes.append(place)
        else:
            puts.append((*place, ts, document.shape, document.body))
    many = connection.executemany
    if puts:
        many(_PUT, puts)
    if deletes:
        many(_DELETE, deletes)
    if entries:
        add_entries(connection, [place for place, present in entries.items() if present])
        many(_REMOVE_ENTRY, [place for place, present in entries.items() if not present])
    if requests:
        many(_ADD_REQUEST, requests)


def begin_log(connection: Connection, ts: Timestamp, total: int, body: bytes) -> None:
    """Forget all commits but one, before which there is a gap."""
    connection.execute("DELETE FROM commits")
    connection.execute(_LOG, (ts, ts - 1, total, body))


def add_entries(connection: Connection, entries: Sequence[tuple[int, bytes]]) -> None:
    connection.executemany(_ADD_ENTRY, entries)
