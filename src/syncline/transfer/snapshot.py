"""A snapshot of everything stored, read without the application's code: tables and fields are as last in force."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import msgspec

from syncline.database import END, Progress
from syncline.kernel.errors import SetupError, quoted
from syncline.store import Reader, ShapeInfo, Store, StoreView, TableInfo
from syncline.values import Json, encode_key_part, parse_json

Report = Callable[[Progress], None]

_REPORT_EVERY = 10_000
#: The tables of stored files.
FILES = "_storage"
BLOBS = "_storage_blobs"
_write = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of the store. `fields` and `defaults` are those of the schema that was last in force."""

    name: str
    number: int
    by_creation: int
    shape: int | None = None
    fields: tuple[str, ...] = ()
    #: JSON trees of the defaults, for documents that were written before their fields existed.
    defaults: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def current(self, shape: int, body: bytes) -> bytes:
        """A stored body with the defaults that it lacks."""
        if shape == self.shape or not self.defaults:
            return body
        tree = cast("dict[str, Json]", parse_json(body))
        missing = {name: value for name, value in self.defaults.items() if name not in tree}
        return _write({**tree, **missing}) if missing else body

    def missing_field(self, name: str) -> SetupError | None:
        """The error for a name that is no field of this table; None if it is one, or if that is not known."""
        if self.shape is None or name in ("_id", "_creationTime", *self.fields):
            return None
        known = ", ".join(["_id", "_creationTime", *self.fields])
        return SetupError(f"`{self.name}` has no field {quoted(name)}", f"its fields are: {known}")


@dataclass(frozen=True, slots=True)
class FileTables:
    """The table of stored files, and the index that leads from a file to where its bytes are."""

    table: StoredTable
    blobs_by_file: int


class StoredSnapshot:
    """All tables and documents as of one commit. Belongs to the thread that opened it."""

    def __init__(self, reader: Reader, tables: list[StoredTable], files: FileTables | None = None) -> None:
        self._reader = reader
        #: Where stored files are recorded; None in data from before there were any.
        self.files = files
        #: By name, in order of their names.
        self.tables: Mapping[str, StoredTable] = {
            table.name: table for table in sorted(tables, key=lambda table: table.name)
        }
        #: The commit that this is the state after; 0 when nothing was ever committed.
        self.ts = reader.begin()

    def table(self, name: str) -> StoredTable:
        """Raises SetupError for a table that is not stored."""
        found = self.tables.get(name)
        if found is None:
            known = ", ".join(self.tables) or "none yet"
            raise SetupError(f"there is no table {quoted(name)} in the data", f"the tables are: {known}")
        return found

    def count(self, table: StoredTable) -> int:
        return self._reader.count(table.by_creation, b"", END)

    def blob_of(self, file: str) -> dict[str, Json] | None:
        """The record of where the bytes of a stored file are."""
        if self.files is None:
            return None
        start = encode_key_part(file)
        for _key, _ts, _shape, body in self._reader.scan(self.files.blobs_by_file, start, start + b"\xff"):
            return cast("dict[str, Json]", parse_json(body))
        return None

    def bodies(
        self, table: StoredTable, report: Report | None = None, *, newest_first: bool = False
    ) -> Iterator[bytes]:
        """The documents in the order of their creation, as canonical JSON, read as they are consumed."""
        total = self.count(table) if report else 0
        rows = self._reader.scan(table.by_creation, b"", END, newest_first)
        for done, (_key, _ts, shape, body) in enumerate(rows):
            if report is not None and done and done % _REPORT_EVERY == 0:
                report(Progress(f"exporting {table.name}", done, total))
            yield table.current(shape, body)


@contextmanager
def open_snapshot(store: Store | StoreView) -> Generator[StoredSnapshot]:
    """A snapshot of the newest commit, until the block ends. Syncline's own tables are not part of it."""
    shapes = {shape.table: shape for shape in store.shapes()}  # The last of each table is the one in force.
    tables = {info.name: _stored_table(info, shapes.get(info.number)) for info in store.tables()}
    own = [table for name, table in tables.items() if not name.startswith("_")]
    reader = store.reader()
    try:
        yield StoredSnapshot(reader, own, _file_tables(store, tables))
    finally:
        reader.close()


def _file_tables(store: Store | StoreView, tables: Mapping[str, StoredTable]) -> FileTables | None:
    files, blobs = tables.get(FILES), tables.get(BLOBS)
    if files is None or blobs is None:
        return None
    for index in store.indexes():
        if index.ready and index.table == blobs.number and index.name == "by_file":
            return FileTables(files, index.number)
    return None


def _stored_table(info: TableInfo, shape: ShapeInfo | None) -> StoredTable:
    if shape is None:
        return StoredTable(info.name, info.number, info.by_creation)
    # {"field": [type]} or {"field": [type, default]}
    described = cast("dict[str, list[Json]]", parse_json(shape.text))
    defaults = {name: parts[1] for name, parts in described.items() if len(parts) > 1}
    return StoredTable(
        info.name, info.number, info.by_creation, shape.number, tuple(sorted(described)), defaults
    )
