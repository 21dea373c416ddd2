"""Moving staged documents into the database, in one transaction with what they replace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from syncline.kernel.errors import SynclineError

from .sqlite import Connection
from .staging import Staging
from .types import IndexInfo, TableInfo, Timestamp

#: Is told how many rows are moved.
Moved: TypeAlias = Callable[[int], None]

_NUMBER = "SELECT number, by_creation FROM tables WHERE name = ?"
_OCCUPIED = "SELECT name FROM tables WHERE number = ?"
_ANY = "SELECT 1 FROM documents WHERE tbl = ? LIMIT 1"
_HAS_DOCUMENT = "SELECT 1 FROM documents WHERE tbl = ? AND id = ?"
_HAS_KEY = "SELECT 1 FROM entries WHERE idx = ? AND key >= ? AND key < ? LIMIT 1"
_INDEXES = "SELECT number, tbl, name, definition, ready FROM indexes WHERE tbl = ?"
_ADD_INDEX = "INSERT INTO indexes(tbl, name, definition, ready) VALUES (?, ?, ?, 1) RETURNING number"
_ADD_DOCUMENT = "INSERT INTO documents VALUES (?, ?, ?, ?, ?)"
_ADD_ENTRY = "INSERT INTO entries VALUES (?, ?)"

_ROWS_BETWEEN_REPORTS = 10_000


class LoadRefusedError(SynclineError):
    """The database is not what a load was prepared for. Nothing of it was applied."""

    code = "load_refused"


class TableChange(msgspec.Struct, frozen=True):
    """What a load does to one table.

    It has the number `number` before and `becomes` afterwards. `clear`: its documents go. `empty`: it must have
    none. `uniques` are the numbers of its unique indexes before the load, and their names.
    """

    name: str
    number: int
    becomes: int
    clear: bool
    empty: bool
    uniques: tuple[tuple[int, str], ...] = ()


class Conflict(msgspec.Struct, frozen=True):
    """A staged document cannot be added to those that stay: its id is taken (`index` None), or a unique key."""

    table: str
    line: int
    index: str | None


class Loaded(msgspec.Struct, frozen=True):
    """What a load changed in the catalog: tables with another number, and for indexes with another, old to new."""

    tables: tuple[TableInfo, ...] = ()
    indexes: Mapping[int, int] = {}
    tables_of_indexes: Mapping[int, int] = {}


def find_conflicts(
    connection: Connection, changes: Sequence[TableChange], staging: Staging
) -> Iterator[Conflict]:
    """What keeps staged documents from being added. Looks up every one whose table keeps documents."""
    for change in changes:
        if change.clear or not connection.execute(_ANY, (change.number,)).fetchall():
            continue
        for id, line in staging.ids(change.becomes):
            if connection.execute(_HAS_DOCUMENT, (change.number, id)).fetchall():
                yield Conflict(change.name, line, None)
        for index, name in change.uniques:
            for part, line in staging.uniques(index):
                # Behind the part comes a creation time, whose first byte is far below 0xff.
                if connection.execute(_HAS_KEY, (index, part, part + b"\xff")).fetchall():
                    yield Conflict(change.name, line, name)


def load_staged(
    connection: Connection, changes: Sequence[TableChange], staging: Staging, ts: Timestamp, moved: Moved
) -> Loaded:
    """All of it, inside the caller's transaction. Raises LoadRefusedError."""
    _check(connection, changes, staging)
    for change in changes:
        if change.clear:
            _clear(connection, change.number)
    loaded = _renumber(connection, [change for change in changes if change.number != change.becomes])
    connection.executemany(
        _ADD_DOCUMENT,
        ((table, id, ts, shape, body) for table, id, shape, body in _counted(staging.documents(), moved)),
    )
    renumbered = loaded.indexes
    connection.executemany(
        _ADD_ENTRY, ((renumbered.get(index, index), key) for index, key in staging.entries())
    )
    return loaded


def _check(connection: Connection, changes: Sequence[TableChange], staging: Staging) -> None:
    moving = {change.name for change in changes if change.number != change.becomes}
    for change in changes:
        rows = connection.execute(_NUMBER, (change.name,)).fetchall()
        if not rows or rows[0][0] != change.number:
            raise _changed(f"the table {change.name} has another number now")
        if change.empty and connection.execute(_ANY, (change.number,)).fetchall():
            raise _changed(f"the table {change.name} was empty and holds documents now")
        if change.name in moving:
            for (name,) in connection.execute(_OCCUPIED, (change.becomes,)).fetchall():
                if name not in moving:
                    raise _changed(f"the table {name} has the number now that {change.name} should get")
    conflict = next(find_conflicts(connection, changes, staging), None)
    if conflict is not None:
        what = "id" if conflict.index is None else f"key in the unique index {conflict.index}"
        raise _changed(f"a document of {conflict.table} has the {what} now that line {conflict.line} has")


def _changed(what: str) -> LoadRefusedError:
    return LoadRefusedError(f"the data changed while the import was prepared: {what}. Run it again")


def _clear(connection: Connection, table: int) -> None:
    for index, *_ in connection.execute(_INDEXES, (table,)).fetchall():
        connection.execute("DELETE FROM entries WHERE idx = ?", (index,))
    connection.execute("DELETE FROM documents WHERE tbl = ?", (table,))


def _renumber(connection: Connection, changes: Sequence[TableChange]) -> Loaded:
    """Give empty tables other numbers, and their indexes too: readers of older snapshots still use the old ones."""
    known: dict[str, tuple[int, list[IndexInfo]]] = {}
    for change in changes:
        by_creation: int = connection.execute(_NUMBER, (change.name,)).fetchall()[0][1]
        indexes = [IndexInfo(*row) for row in connection.execute(_INDEXES, (change.number,)).fetchall()]
        known[change.name] = by_creation, indexes
        # Two tables may change places, so nobody gets a number before all have left theirs.
        connection.execute("DELETE FROM tables WHERE number = ?", (change.number,))
        connection.execute("DELETE FROM indexes WHERE tbl = ?", (change.number,))
        connection.execute("UPDATE shapes SET tbl = -tbl WHERE tbl = ?", (change.number,))
    tables: list[TableInfo] = []
    renumbered: dict[int, int] = {}
    tables_of_indexes: dict[int, int] = {}
    for change in changes:
        by_creation, indexes = known[change.name]
        for index in indexes:
            if not index.ready:
                continue  # Half built when a process ended.
            rows = connection.execute(_ADD_INDEX, (change.becomes, index.name, index.definition)).fetchall()
            renumbered[index.number] = rows[0][0]
            tables_of_indexes[rows[0][0]] = change.becomes
        connection.execute("UPDATE shapes SET tbl = ? WHERE tbl = ?", (change.becomes, -change.number))
        info = TableInfo(change.becomes, change.name, renumbered[by_creation])
        connection.execute("INSERT INTO tables VALUES (?, ?, ?)", (info.number, info.name, info.by_creation))
        tables.append(info)
    return Loaded(tuple(tables), renumbered, tables_of_indexes)


def _counted(
    rows: Iterator[tuple[int, bytes, int, bytes]], moved: Moved
) -> Iterator[tuple[int, bytes, int, bytes]]:
    for done, row in enumerate(rows):
        if done and done % _ROWS_BETWEEN_REPORTS == 0:
            moved(done)
        yield row
