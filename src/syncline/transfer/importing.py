"""Imports: every row checked and staged first, then all of them moved in at once, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from syncline.database import Catalog
from syncline.database.aggregate_building import rebuilt_aggregates
from syncline.files import Vault
from syncline.kernel.clock import Clock, Entropy
from syncline.kernel.errors import SetupError
from syncline.kernel.limits import Limits
from syncline.store import (
    Commit,
    Loaded,
    Reader,
    Repeat,
    StagedDocument,
    Staging,
    StagingProgress,
    Store,
    Timestamp,
)

from .documents import BadRow, RowReader
from .imported_files import FileStorer, file_place, forget_files
from .plans import FilesPlan, Mode, Plan, TablePlan, make_plan
from .rows import Row
from .snapshot import FILES
from .sources import Contents

#: Called with what is being done, how much of it is done, and how much it is in all (bytes, or rows).
Report: TypeAlias = Callable[[str, int, int], None]

_AT_ONCE: Final = 5_000
_BYTES_AT_ONCE: Final = 8 * 1024 * 1024
_EXAMPLES: Final = 10


class ImportRefused(SetupError):
    """Rows that cannot be imported, with file and line. Nothing of the import was applied."""


@dataclass(frozen=True, slots=True)
class TableSummary:
    """What an import will do to one table, in documents."""

    name: str
    added: int
    deleted: int
    kept: int


class Import:
    """One import into one store. `stage`, then `load` on the thread that writes, then `close`."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        contents: Contents,
        mode: Mode,
        *,
        clock: Clock,
        entropy: Entropy,
        limits: Limits,
        skip: tuple[str, ...] = (),
        vault: Vault | None = None,
        identity: str | None = None,
        report: Report = lambda what, done, total: None,
    ) -> None:
        """Decide what will happen to each table. `identity`: what an interrupted import must equal to be gone on
        with, if not the file's name, size and time. Raises SetupError.
        """
        _check_size(contents, limits)
        self._store = store
        self._catalog = catalog
        self._limits = limits
        self._report = report
        self._clock = clock
        self._entropy = entropy
        self._plan: Plan = make_plan(store, catalog, contents, mode, skip, with_files=vault is not None)
        self._vault = vault
        self._loaded = False
        #: What is in the file and is not imported, in words.
        self.left_out = list(contents.left_out)
        if contents.files is not None and self._plan.files is None:
            count = len(contents.files.files)
            self.left_out.append(f"{count:,} stored file{'' if count == 1 else 's'} (_storage)")
        self._counts: dict[str, int] = {}
        known = identity if identity is not None else _identity(contents.path)
        self._staging: Staging = store.stage(_digest(known, mode, self._plan))
        #: Whether an interrupted import is gone on with.
        self.resumed = self._staging.resumed

    @property
    def notes(self) -> list[str]:
        """What the user should know, a sentence each."""
        return self._plan.notes

    def stage(self) -> list[TableSummary]:
        """Check and stage all rows; returns what loading them will do. Raises ImportRefused."""
        bad = _BadRows()
        for table in self._plan.tables:
            for row in self._stage_table(table):
                if not bad.count:
                    self._staging.spoil()
                bad.add(table.source.place, row)
        if self._plan.files is not None:
            for row in self._stage_files(self._plan.files):
                if not bad.count:
                    self._staging.spoil()
                bad.add(file_place, row)
        if bad.count:
            raise bad.error()
        places = {table.table.name: table.source.place for table in self._plan.tables}
        for conflict in self._store.conflicts(self._plan.changes, self._staging):
            what = "its _id" if conflict.index is None else f"its key in the unique index {conflict.index}"
            problem = f"a document of {conflict.table} has {what} already"
            bad.add(places.get(conflict.table, file_place), BadRow(conflict.line, problem))
        if bad.count:
            raise bad.error()
        return self._summaries()

    def load(self, ready: Callable[[Timestamp, Loaded], None] = lambda ts, loaded: None) -> int:
        """Move everything in; returns how many documents. Raises LoadRefusedError if the data changed meanwhile."""
        total = sum(self._counts.values())
        self._store.load(
            self._plan.changes,
            self._staging,
            ready,
            lambda done: self._report("writing", done, total),
            self._derived,
        )
        self._loaded = True
        self._staging.remove()
        return total

    def _derived(self, reader: Reader, ts: Timestamp, loaded: Loaded) -> Iterator[Commit]:
        after = self._catalog.renumbered(loaded.tables, loaded.indexes)
        tables = [change.name for change in self._plan.changes]
        return rebuilt_aggregates(reader, self._catalog, after, tables, ts)

    def close(self, *, forget: bool) -> None:
        """`forget` False: what is staged stays, and the same import goes on with it."""
        if forget:
            if self._vault is not None and self._plan.files is not None and not self._loaded:
                forget_files(self._staging, self._plan.files, self._vault)
            self._staging.remove()
        else:
            self._staging.close()

    def _stage_table(self, plan: TablePlan) -> Iterator[BadRow]:
        with closing(plan.source.open(plan.table.spec)) as rows:
            yield from self._stage_rows(plan, rows)

    def _stage_rows(self, plan: TablePlan, rows: Iterator[Row]) -> Iterator[BadRow]:
        source, staging = plan.source, self._staging
        done = staging.progress(source.label)
        count, line = done.documents, done.line
        reader = RowReader(plan, self._plan.numbers, self._limits, self._clock, self._entropy)
        batch: list[StagedDocument] = []
        size = 0
        for row in rows:
            if row.line <= done.line:
                continue
            line = row.line
            try:
                document = reader.read(row)
            except BadRow as bad:
                yield bad
                continue
            batch.append(document)
            size += len(document.body)
            if len(batch) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
                count += len(batch)
                yield from self._repeats(plan, staging.add(batch, source.label, StagingProgress(line, count)))
                self._report(f"reading {source.label}", row.position, source.size)
                batch, size = [], 0
        count += len(batch)
        yield from self._repeats(plan, staging.add(batch, source.label, StagingProgress(line, count)))
        self._report(f"reading {source.label}", source.size, source.size)
        self._counts[plan.table.name] = count

    def _stage_files(self, plan: FilesPlan) -> Iterator[BadRow]:
        assert self._vault is not None
        done = self._staging.progress(FILES)
        count = done.documents
        storer = FileStorer(plan, self._vault, self._clock, self._entropy)
        read = 0
        for line, file in enumerate(plan.source.files, 1):
            if line <= done.line:
                continue
            try:
                documents, size = storer.store(line, file)
            except BadRow as bad:
                yield bad
                continue
            count += 1
            read += size
            for repeat in self._staging.add(documents, FILES, StagingProgress(line, count)):
                what = "_id" if repeat.index is None else "address"
                yield BadRow(repeat.line, f"its {what} is that of {file_place(repeat.other)}")
            self._report("reading files", read, plan.source.size)
        self._counts[FILES] = count

    def _repeats(self, plan: TablePlan, repeats: list[Repeat]) -> Iterator[BadRow]:
        names = {binding.id: binding.index.name for binding in plan.table.indexes}
        for repeat in repeats:
            what = "_id" if repeat.index is None else f"key in the unique index {names[repeat.index]}"
            yield BadRow(repeat.line, f"its {what} is that of {plan.source.place(repeat.other)}")

    def _summaries(self) -> list[TableSummary]:
        plan = self._plan
        existing = {table.table.name: table.existing for table in plan.tables}
        if plan.files is not None:
            existing[FILES] = plan.files.existing
        return [
            TableSummary(
                name,
                self._counts.get(name, 0),
                plan.deleted.get(name, 0),
                0 if name in plan.deleted else existing.get(name, 0),
            )
            for name in sorted(existing.keys() | plan.deleted.keys())
        ]


class _BadRows:
    """The first of them, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: list[str] = []

    def add(self, place: Callable[[int], str], row: BadRow) -> None:
        self.count += 1
        if len(self._lines) < _EXAMPLES:
            self._lines.append(f"  {place(row.line)}: {row.problem}")

    def error(self) -> ImportRefused:
        lines = self._lines
        if self.count > len(lines):
            lines = [*lines, f"  and {self.count - len(lines):,} more"]
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        return ImportRefused(
            f"{rows} cannot be imported\n" + "\n".join(lines),
            "correct the rows, or change the schema; then import again. Nothing was imported",
        )


def _check_size(contents: Contents, limits: Limits) -> None:
    # A ZIP of a few megabytes can say and be terabytes. What it says is what is unpacked of it, at most.
    if contents.size > limits.import_unpacked_bytes:
        raise SetupError(
            f"{contents.path} unpacks to {contents.size:,} bytes, the limit import_unpacked_bytes is "
            f"{limits.import_unpacked_bytes:,}",
            "raise the limit under [tool.syncline.limits] if the file is what you think it is",
        )


def _identity(path: Path) -> str:
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def _digest(identity: str, mode: Mode, plan: Plan) -> str:
    """All that staged documents depend on."""
    parts = [identity, mode.value, repr(plan.changes), repr(sorted(plan.numbers.items()))]
    for item in plan.tables:
        parts += [item.source.label, str(item.number), str(item.table.shape), item.table.codec.shape()]
        parts += [f"{binding.id} {binding.index!r}" for binding in item.table.indexes]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
