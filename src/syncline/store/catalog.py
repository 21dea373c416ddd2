"""Which tables, indexes and shapes exist, by number."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from .layout import FIRST_USER_TABLE
from .side import Side
from .sqlite import Connection
from .types import IndexInfo, ShapeInfo, TableInfo

BY_CREATION = "by_creation"

_TABLES = "SELECT number, name, by_creation FROM tables"
_NEXT_TABLE = "SELECT coalesce(max(number) + 1, ?) FROM tables WHERE (number >= ?) = ?"
_INDEXES = "SELECT number, tbl, name, definition, ready FROM indexes ORDER BY number"
_ADD_INDEX = "INSERT INTO indexes(tbl, name, definition, ready) VALUES (?, ?, ?, ?) RETURNING number"
_SHAPES = "SELECT number, tbl, text FROM shapes ORDER BY used"
_NEWEST_SHAPE = "SELECT number, text FROM shapes WHERE tbl = ? ORDER BY used DESC LIMIT 1"
_USE_SHAPE = (
    "INSERT INTO shapes(tbl, text, used) VALUES (?, ?, (SELECT coalesce(max(used), 0) + 1 FROM shapes)) "
    "ON CONFLICT(tbl, text) DO UPDATE SET used = excluded.used RETURNING number"
)
_FIND_RANDOM = "SELECT value FROM secrets WHERE name = ?"
_ADD_RANDOM = "INSERT INTO secrets VALUES (?, randomblob(32)) RETURNING value"


class Catalog:
    """The catalog, on the side connection. Every change is a durable transaction of its own, unless `together`."""

    def __init__(self, side: Side) -> None:
        self._side = side
        #: Index number -> table number. Readers hold on to it, so it is changed in place.
        self.tables_of_indexes = {index.number: index.table for index in self.indexes()}

    @contextmanager
    def together(self) -> Generator[None]:
        """Changes inside the block are one transaction: all of them, or none if it raises."""
        try:
            with self._side.writing():
                yield
        except BaseException:
            stored = {index.number: index.table for index in self.indexes()}
            for number in self.tables_of_indexes.keys() - stored.keys():
                del self.tables_of_indexes[number]
            raise

    def tables(self) -> list[TableInfo]:
        with self._side.reading() as connection:
            return [TableInfo(*row) for row in connection.execute(f"{_TABLES} ORDER BY number").fetchall()]

    def add_table(self, name: str) -> TableInfo:
        """The table of that name; if it is new, numbered and given its built-in index on creation time.

        Tables whose names begin with _ are Syncline's own, and have numbers below those of applications.
        """
        with self._side.reading() as connection:
            known = connection.execute(f"{_TABLES} WHERE name = ?", (name,)).fetchall()
            if known:
                return TableInfo(*known[0])
            with self._side.writing():
                own = not name.startswith("_")
                first = FIRST_USER_TABLE if own else 1
                number: int = connection.execute(_NEXT_TABLE, (first, FIRST_USER_TABLE, own)).fetchall()[0][0]
                # A new table has no documents, so its index is complete from the start.
                index = _insert_index(connection, number, BY_CREATION, "", ready=True)
                connection.execute("INSERT INTO tables VALUES (?, ?, ?)", (number, name, index.number))
            self.tables_of_indexes[index.number] = number
            return TableInfo(number, name, index.number)

    def indexes(self) -> list[IndexInfo]:
        with self._side.reading() as connection:
            rows = connection.execute(_INDEXES).fetchall()
        return [
            IndexInfo(number, table, name, text, bool(ready)) for number, table, name, text, ready in rows
        ]

    def add_index(self, table: int, name: str, definition: str) -> IndexInfo:
        with self._side.writing() as connection:
            index = _insert_index(connection, table, name, definition, ready=False)
        self.tables_of_indexes[index.number] = table
        return index

    def set_ready(self, index: int) -> None:
        with self._side.writing() as connection:
            connection.execute("UPDATE indexes SET ready = 1 WHERE number = ?", (index,))

    def remove_index(self, index: int) -> None:
        with self._side.writing() as connection:
            connection.execute("DELETE FROM indexes WHERE number = ?", (index,))

    def shapes(self) -> list[ShapeInfo]:
        with self._side.reading() as connection:
            return [ShapeInfo(*row) for row in connection.execute(_SHAPES).fetchall()]

    def use_shape(self, table: int, text: str) -> ShapeInfo:
        """The shape of that text for the table, numbered if it is new, as the one in force from now on."""
        with self._side.reading() as connection:
            newest = connection.execute(_NEWEST_SHAPE, (table,)).fetchall()
            if newest and newest[0][1] == text:
                return ShapeInfo(newest[0][0], table, text)
            with self._side.writing():
                rows = connection.execute(_USE_SHAPE, (table, text)).fetchall()
        return ShapeInfo(rows[0][0], table, text)

    def known_secret(self, name: str) -> bytes | None:
        """The secret if it was made."""
        with self._side.reading() as connection:
            rows = connection.execute(_FIND_RANDOM, (name,)).fetchall()
        return bytes(rows[0][0]) if rows else None

    def secret(self, name: str) -> bytes:
        with self._side.reading() as connection:
            rows = connection.execute(_FIND_RANDOM, (name,)).fetchall()
            if not rows:
                with self._side.writing():
                    rows = connection.execute(_ADD_RANDOM, (name,)).fetchall()
        return bytes(rows[0][0])


def _insert_index(
    connection: Connection, table: int, name: str, definition: str, *, ready: bool
) -> IndexInfo:
    rows = connection.execute(_ADD_INDEX, (table, name, definition, ready)).fetchall()
    return IndexInfo(rows[0][0], table, name, definition, ready)
