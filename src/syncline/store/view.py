"""A store as others see it: read while another process holds it, and never written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import apsw

from .cache import DocumentCache
from .catalog import Catalog
from .check import KeysOf, find_damage
from .errors import FolderUnusableError
from .folder import DATABASE
from .indexing import Progress
from .layout import connect, explain_unusable, is_ours
from .reader import Reader
from .side import Side
from .sqlite import Connection
from .types import IndexInfo, ShapeInfo, TableInfo, Timestamp
from .writing import Writes


class StoreView:
    """Reads the data of a folder beside whoever has it open: SQLite gives every process its own snapshots.

    A snapshot that is held for long keeps the write-ahead log of a running server from being reused: hold none
    while waiting for somebody.
    """

    def __init__(self, folder: Path, *, monotonic: Callable[[], float], key: bytes | None = None) -> None:
        """Raises the SetupErrors of `Store.open`, but for the one about a locked folder."""
        self._path = folder / DATABASE
        self._key = key
        self._monotonic = monotonic
        if not self._path.exists():
            raise FolderUnusableError(
                f"there is no Syncline data in {folder}",
                "check the path given with --data, or start a server there first",
            )
        self._connections: list[Connection] = []
        try:
            connection = self._connect()
            if not is_ours(connection, self._path):
                raise FolderUnusableError(
                    f"there is no Syncline data in {folder} yet", "start a server there first"
                )
            self._catalog = Catalog(Side(connection, threading.RLock(), Writes(self._path)))
        except apsw.Error as error:
            self.close()
            raise explain_unusable(self._path, key, error)
        except BaseException:
            self.close()
            raise

    def tables(self) -> list[TableInfo]:
        return self._catalog.tables()

    def indexes(self) -> list[IndexInfo]:
        return self._catalog.indexes()

    def shapes(self) -> list[ShapeInfo]:
        """All shapes; of each table, the one in force is the last."""
        return self._catalog.shapes()

    def secret(self, name: str) -> bytes | None:
        """As `Store.secret`, but for one that was never made."""
        return self._catalog.known_secret(name)

    def reader(self, tables: Mapping[int, int] | None = None) -> Reader:
        """A reader for one thread. `tables`: numbers of indexes -> tables, if there are more than the store knows."""
        known = self._catalog.tables_of_indexes if tables is None else tables
        # A cache that follows no commits answers nothing, which is right: it does not hear of any.
        return Reader(self._connect(), known, DocumentCache(0), self._monotonic)

    def head(self) -> Timestamp:
        """The timestamp of the newest commit; 0 when there is none."""
        reader = self.reader()
        try:
            return reader.begin()
        finally:
            reader.close()

    def check(
        self, keys_of: Mapping[int, KeysOf] | None = None, progress: Progress | None = None
    ) -> list[str]:
        """As `Store.check`."""
        connection = self._connect()
        connection.execute("BEGIN")
        return find_damage(connection, self.tables(), self.indexes(), keys_of or {}, progress)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def __enter__(self) -> StoreView:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> Connection:
        connection = connect(self._path, self._key, durable=True)
        self._connections.append(connection)
        connection.pragma("query_only", 1)
        # Closing must not write either: what a stopped server left in its log is for the next one to sort out.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return connection
