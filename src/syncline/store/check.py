"""Looking for damage: SQLite's own check, then whether documents, index entries and the log agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import apsw

from .indexing import Progress
from .sqlite import Connection
from .types import IndexInfo, TableInfo

KeysOf: TypeAlias = Callable[[bytes, int, bytes], Iterable[bytes]]
"""(id, shape, body) of a document -> the keys under which an index must hold it."""

_DANGLING = (
    "SELECT substr(key, -16) FROM entries WHERE idx = ? AND NOT EXISTS"
    "(SELECT 1 FROM documents WHERE tbl = ? AND id = substr(key, -16)) LIMIT ?"
)
_DOCUMENTS = "SELECT id, shape, body FROM documents WHERE tbl = ? AND id > ? ORDER BY id LIMIT 500"
_HAS_ENTRY = "SELECT 1 FROM entries WHERE idx = ? AND key = ?"
_COUNT_ENTRIES = "SELECT count(*) FROM entries WHERE idx = ?"
_COUNT_DOCUMENTS = "SELECT count(*) FROM documents WHERE tbl = ?"
_COUNT_IDS = "SELECT count(DISTINCT substr(key, -16)) FROM entries WHERE idx = ?"
_FROM_THE_FUTURE = "SELECT count(*) FROM documents WHERE ts > (SELECT coalesce(max(ts), 0) FROM commits)"
_BROKEN_CHAIN = (
    "SELECT count(*) FROM (SELECT previous, lag(ts) OVER (ORDER BY ts) AS before FROM commits) "
    "WHERE before IS NOT NULL AND previous != before"
)

_EXAMPLES = 3


def find_damage(
    connection: Connection,
    tables: Sequence[TableInfo],
    indexes: Sequence[IndexInfo],
    keys_of: Mapping[int, KeysOf],
    progress: Progress | None,
) -> list[str]:
    """What is wrong, one sentence each; empty if nothing is. The connection has a snapshot open."""
    problems: list[str] = []
    try:
        rows = connection.execute("PRAGMA integrity_check(20)").fetchall()
        problems += [f"SQLite: {line}" for (line,) in rows if line != "ok"]
        names = {table.number: table.name for table in tables}
        ready = [index for index in indexes if index.ready]
        for index in ready:
            label = f"index {names.get(index.table, index.table)}.{index.name}"
            problems += _dangling_entries(connection, index, label)
        for table in tables:
            problems += _creation_order(connection, table)
            own = [index for index in ready if index.table == table.number]
            problems += _missing_entries(connection, table, own, keys_of, progress)
        if count := connection.execute(_FROM_THE_FUTURE).fetchall()[0][0]:
            problems.append(f"{count:,} documents are newer than the newest commit")
        if connection.execute(_BROKEN_CHAIN).fetchall()[0][0]:
            problems.append("commits are missing in the middle of the commit log")
    except apsw.Error as error:
        problems.append(f"SQLite: reading stopped at {error}")
    return problems


def _dangling_entries(connection: Connection, index: IndexInfo, label: str) -> Iterator[str]:
    rows = connection.execute(_DANGLING, (index.number, index.table, _EXAMPLES)).fetchall()
    if rows:
        yield f"{label} points to documents that do not exist, among them {_list(id for (id,) in rows)}"


def _creation_order(connection: Connection, table: TableInfo) -> Iterator[str]:
    documents = connection.execute(_COUNT_DOCUMENTS, (table.number,)).fetchall()[0][0]
    entries = connection.execute(_COUNT_ENTRIES, (table.by_creation,)).fetchall()[0][0]
    distinct = connection.execute(_COUNT_IDS, (table.by_creation,)).fetchall()[0][0]
    if not documents == entries == distinct:
        yield (
            f"table {table.name} holds {documents:,} documents, but its order of creation has {entries:,} entries "
            f"of {distinct:,} documents"
        )


def _missing_entries(
    connection: Connection,
    table: TableInfo,
    indexes: Sequence[IndexInfo],
    keys_of: Mapping[int, KeysOf],
    progress: Progress | None,
) -> Iterator[str]:
    """Compare the entries that documents should have with those that there are."""
    known = [(index, keys_of[index.number]) for index in indexes if index.number in keys_of]
    if not known:
        return
    expected = {index.number: 0 for index, _ in known}
    missing: dict[int, list[bytes]] = {index.number: [] for index, _ in known}
    after = b""
    done = 0
    while rows := connection.execute(_DOCUMENTS, (table.number, after)).fetchall():
        for id, shape, body in rows:
            for index, keys in known:
                for key in set(keys(id, shape, body)):
                    expected[index.number] += 1
                    if not connection.execute(_HAS_ENTRY, (index.number, key)).fetchall():
                        missing[index.number].append(id)
        after = rows[-1][0]
        done += len(rows)
        if progress is not None:
            progress(done)
    for index, _ in known:
        lost = missing[index.number]
        found = connection.execute(_COUNT_ENTRIES, (index.number,)).fetchall()[0][0]
        label = f"index {table.name}.{index.name}"
        if lost:
            yield f"{label} lacks entries of {len(lost):,} documents, among them {_list(lost[:_EXAMPLES])}"
        surplus = found - (expected[index.number] - len(lost))
        if surplus:
            yield f"{label} has {surplus:,} entries that no document should have"


def _list(ids: Iterable[bytes]) -> str:
    return ", ".join(id.hex() for id in ids)
