"""Which tables, indexes and shapes exist, by number."""

from __future__ import annotations

from .layout import FIRST_USER_TABLE
from .sqlite import Connection
from .types import IndexInfo, ShapeInfo, TableInfo

BY_CREATION = "by_creation"


class Catalog:
    """The catalog on one connection. The caller holds the store's write lock and opens the transactions."""

    def __init__(self, connection: Connection) -> None:
        self._execute = connection.execute

    def tables(self) -> list[TableInfo]:
        rows = self._execute("SELECT number, name, by_creation FROM tables ORDER BY number").fetchall()
        return [TableInfo(*row) for row in rows]

    def add_table(self, name: str) -> TableInfo:
        """The table of that name, made with its built-in index on creation time if it is new."""
        row = self._execute("SELECT number, name, by_creation FROM tables WHERE name = ?", (name,)).fetchone()
        if row is not None:
            return TableInfo(*row)
        (number,) = self._execute(
            "SELECT max(coalesce(max(number) + 1, 0), ?) FROM tables", (FIRST_USER_TABLE,)
        ).fetchone()
        # A new table has no documents, so its index is complete from the start.
        index = self.add_index(number, BY_CREATION, "", ready=True)
        self._execute("INSERT INTO tables VALUES (?, ?, ?)", (number, name, index.number))
        return TableInfo(number, name, index.number)

    def indexes(self) -> list[IndexInfo]:
        rows = self._execute(
            "SELECT number, tbl, name, definition, ready FROM indexes ORDER BY number"
        ).fetchall()
        return [
            IndexInfo(number, table, name, text, bool(ready)) for number, table, name, text, ready in rows
        ]

    def add_index(self, table: int, name: str, definition: str, *, ready: bool = False) -> IndexInfo:
        rows = self._execute(
            "INSERT INTO indexes(tbl, name, definition, ready) VALUES (?, ?, ?, ?) RETURNING number",
            (table, name, definition, ready),
        ).fetchall()
        return IndexInfo(rows[0][0], table, name, definition, ready)

    def set_ready(self, index: int) -> None:
        self._execute("UPDATE indexes SET ready = 1 WHERE number = ?", (index,))

    def remove_index(self, index: int) -> None:
        self._execute("DELETE FROM indexes WHERE number = ?", (index,))

    def shapes(self) -> list[ShapeInfo]:
        return [
            ShapeInfo(*row)
            for row in self._execute("SELECT number, tbl, text FROM shapes ORDER BY number").fetchall()
        ]

    def add_shape(self, table: int, text: str) -> ShapeInfo:
        """The shape of that text, numbered if it is new."""
        row = self._execute("SELECT number FROM shapes WHERE tbl = ? AND text = ?", (table, text)).fetchone()
        if row is None:
            row = self._execute(
                "INSERT INTO shapes(tbl, text) VALUES (?, ?) RETURNING number", (table, text)
            ).fetchone()
        return ShapeInfo(row[0], table, text)
