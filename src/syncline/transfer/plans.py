"""What an import does to each table, decided before the first row is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from syncline.database import END, Catalog, TableBinding
from syncline.kernel.errors import SetupError, quoted
from syncline.schema.mismatch import did_you_mean
from syncline.store import Store, TableChange, TableInfo

from .numbering import Numbering, choose_numbers
from .snapshot import BLOBS, FILES
from .sources import Contents, FilesSource, TableSource, number_of


class Mode(Enum):
    """What happens to documents that are there already; `value` is the name in the protocol."""

    REQUIRE_EMPTY = "requireEmpty"
    APPEND = "append"
    REPLACE = "replace"
    REPLACE_ALL = "replaceAll"

    @property
    def replaces(self) -> bool:
        return self in (Mode.REPLACE, Mode.REPLACE_ALL)


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table to import: its rows, its binding once it is, the number in the file's ids and the one it will have."""

    source: TableSource
    table: TableBinding
    file_number: int | None
    number: int
    #: Documents that are there now.
    existing: int


@dataclass(frozen=True, slots=True)
class FilesPlan:
    """The stored files to import, and the tables that record them, as they will be."""

    source: FilesSource
    file_number: int | None
    files: TableBinding
    blobs: TableBinding
    #: Files that are there now.
    existing: int


@dataclass(slots=True)
class Plan:
    """All of it. `numbers` maps table numbers of the file to those here; `deleted` counts documents by table."""

    tables: list[TablePlan]
    changes: list[TableChange]
    numbers: dict[int, int]
    deleted: dict[str, int]
    notes: list[str] = field(default_factory=list[str])
    files: FilesPlan | None = None


def make_plan(
    store: Store, catalog: Catalog, contents: Contents, mode: Mode, skip: Collection[str], *, with_files: bool
) -> Plan:
    """Raises SetupError when the file cannot be imported into this database in this mode."""
    files = contents.files if with_files and FILES not in skip else None
    own = () if files is None else (FILES, BLOBS)
    stored = {info.name: info for info in store.tables() if not info.name.startswith("_") or info.name in own}
    counts = _count(store, stored.values())
    sources = {source.table: source for source in contents.tables}
    for name in skip:
        if name not in sources and (name != FILES or contents.files is None):
            known = ", ".join(sources) or "none"
            raise SetupError(f"--skip {name}: the file has no such table", f"its tables are: {known}")
        sources.pop(name, None)
    _check_declared(catalog, sources)
    replaced = {*sources, *own}
    if mode is Mode.REQUIRE_EMPTY:
        _check_empty([*sources, *([FILES] if own else [])], counts)
    cleared = {
        name
        for name, count in counts.items()
        if (name in replaced and mode.replaces) or (count and mode is Mode.REPLACE_ALL)
    }
    wanted = dict(contents.numbers)
    if files is not None and files.number is not None:
        wanted[FILES] = files.number
    for name, source in sources.items():
        number = number_of(source, catalog.by_name[name].spec)
        if number is not None:
            wanted[name] = number
    gone = cleared | {name for name, count in counts.items() if not count}
    numbering = choose_numbers(store, catalog, stored, wanted, gone, replaced)
    plan = _assemble(catalog, stored, counts, sources, replaced, cleared, wanted, numbering, mode)
    if files is not None:
        after = _after(catalog, stored, numbering.becomes).by_name
        plan.files = FilesPlan(files, wanted.get(FILES), after[FILES], after[BLOBS], counts[FILES])
    return plan


def _after(catalog: Catalog, stored: Mapping[str, TableInfo], becomes: Mapping[str, int]) -> Catalog:
    """The catalog with the numbers that tables will have; those of indexes are of today."""
    return catalog.renumbered(
        [TableInfo(becomes[name], name, info.by_creation) for name, info in stored.items()], {}
    )


def _assemble(
    catalog: Catalog,
    stored: Mapping[str, TableInfo],
    counts: Mapping[str, int],
    sources: Mapping[str, TableSource],
    replaced: Collection[str],
    cleared: Collection[str],
    wanted: Mapping[str, int],
    numbering: Numbering,
    mode: Mode,
) -> Plan:
    becomes = numbering.becomes
    changes = [
        TableChange(
            name,
            info.number,
            becomes[name],
            clear=name in cleared,
            empty=not counts[name] and (mode is Mode.REQUIRE_EMPTY or becomes[name] != info.number),
            uniques=_uniques(catalog, name),
        )
        for name, info in stored.items()
        if name in replaced or name in cleared or becomes[name] != info.number
    ]
    # Rows are checked against the numbers that tables will have.
    after = _after(catalog, stored, becomes)
    tables = [
        TablePlan(source, after.by_name[name], wanted.get(name), becomes[name], counts[name])
        for name, source in sources.items()
    ]
    numbers = {number: becomes[name] for name, number in wanted.items() if name in becomes}
    deleted = {name: counts[name] for name in sorted(cleared) if counts[name] and name != BLOBS}
    return Plan(tables, changes, numbers, deleted, numbering.notes)


def _uniques(catalog: Catalog, name: str) -> tuple[tuple[int, str], ...]:
    table = catalog.by_name.get(name)
    if table is None:
        return ()
    return tuple((binding.id, binding.index.name) for binding in table.indexes if binding.unique)


def _count(store: Store, tables: Collection[TableInfo]) -> dict[str, int]:
    reader = store.reader()
    try:
        reader.begin()
        return {info.name: reader.count(info.by_creation, b"", END) for info in tables}
    finally:
        reader.close()


def _check_declared(catalog: Catalog, sources: Mapping[str, TableSource]) -> None:
    missing = [source for name, source in sources.items() if name not in catalog.by_name]
    if not missing:
        return
    known = [table.name for table in catalog.by_name.values() if not table.system]
    lines = [
        f"  {source.label}: {quoted(source.table)}{did_you_mean(source.table, known)}" for source in missing
    ]
    name = missing[0].table
    raise SetupError(
        "the application does not declare these tables:\n" + "\n".join(lines),
        f'declare each: class ...(Document, table="{name}") in the backend folder, or leave it out: --skip {name}. '
        "Nothing was imported",
    )


def _check_empty(sources: Collection[str], counts: Mapping[str, int]) -> None:
    full = [f"{name} ({counts[name]:,})" for name in sources if counts[name]]
    if full:
        raise SetupError(
            f"there are documents already in {', '.join(full)}",
            "add --append to keep them and add to them, or --replace to delete them. Nothing was imported",
        )
