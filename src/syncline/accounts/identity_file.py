"""The identity file: users and their secrets, apart from the application's data, out of reach of its functions."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from syncline.kernel.errors import SetupError
from syncline.store.errors import NewerDataError
from syncline.store.layout import connect, explain_unusable
from syncline.store.sqlite import Connection

from .tables import FORMAT, NEWEST, UPGRADES

FILE = "identity.db"
_APPLICATION_ID = 0x53594E49  # "SYNI"
_CHECKPOINT_PAGES = 500

Row = tuple[Any, ...]


class IdentityFile:
    """One connection. A single thread uses it at a time; see `Workers`."""

    def __init__(self, path: Path, *, key: bytes | None = None, durable: bool = True) -> None:
        """Open the file, made if it is not there. `key`: 32 bytes for encryption. Raises SetupError."""
        try:
            self._connection = _open(path, key, durable)
        except apsw.Error as error:
            raise explain_unusable(path, key, error) from None

    def rows(self, statement: str, *values: object) -> list[Row]:
        found: list[Row] = self._connection.execute(statement, values).fetchall()
        return found

    def row(self, statement: str, *values: object) -> Row | None:
        """The first row, or None."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def value(self, statement: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        found = self.row(statement, *values)
        return None if found is None else found[0]

    def change(self, statement: str, *values: object) -> int:
        """Run a statement that writes. The number of rows that it changed."""
        self._connection.execute(statement, values)
        return self._connection.changes()

    @property
    def changes(self) -> int:
        """How many rows were changed since the file was opened."""
        return self._connection.total_changes()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing. Inside another one it is a part of that."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """A part of a transaction that can fail by itself: then it is undone alone."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part; RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    def close(self) -> None:
        self._connection.close()


def _open(path: Path, key: bytes | None, durable: bool) -> Connection:
    new = not path.exists()
    if new:
        path.touch(mode=0o600)
    connection = connect(path, key, durable=durable)
    connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
    connection.pragma("foreign_keys", 1)
    connection.pragma("secure_delete", 1)
    version: int = connection.pragma("user_version")
    if version == 0:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(NEWEST)
        connection.pragma("application_id", _APPLICATION_ID)
        connection.pragma("user_version", FORMAT)
        connection.execute("COMMIT")
    elif connection.pragma("application_id") != _APPLICATION_ID:
        connection.close()
        raise SetupError(f"{path} is an SQLite database, but not Syncline's", "move the file away")
    elif version > FORMAT:
        connection.close()
        raise NewerDataError(
            f"{path} was written by a newer version of Syncline (format {version}, this version reads up to {FORMAT})",
            "start the version of Syncline that wrote it, or a newer one",
        )
    elif version < FORMAT:
        connection.execute("BEGIN IMMEDIATE")
        for older in range(version, FORMAT):
            for statements in UPGRADES[older]:
                connection.execute(statements)
        connection.pragma("user_version", FORMAT)
        connection.execute("COMMIT")
    return connection
