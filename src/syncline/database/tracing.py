"""A transaction that writes down what each read chose, looked at and kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from syncline.schema import Document
from syncline.store import Row

from .catalog import TableBinding
from .read_set import ReadRange
from .selection import Selection
from .transaction import Transaction


@dataclass(slots=True, eq=False)
class TracedRead:
    """One query, or the documents of one table that were read by their ids."""

    table: TableBinding | None
    #: What the query chose; None: documents by id, or the check of a unique index.
    selection: Selection[Any] | None
    index_id: int
    scanned: int = 0
    bytes: int = 0
    #: Rows that passed all filters; None: there were none to pass.
    kept: int | None = None
    #: Whether only entries were counted, without reading documents.
    counted: bool = False
    missing: int = 0
    #: Whether a full-text or vector index was asked; the documents that it names are read by their ids.
    searched: bool = False


@dataclass(slots=True)
class Trace:
    """All reads of a run, in order. An observer of its transaction."""

    reads: list[TracedRead] = field(default_factory=list[TracedRead])

    def selected(self, table: TableBinding, selection: Selection[Any], /) -> None:
        index_id = selection.plan.index.id if selection.plan.index is not None else table.by_creation
        read = TracedRead(table, selection, index_id)
        self.reads.append(read)
        if selection.filters:
            read.kept = 0

            def keep(_: Document) -> bool:
                # The last predicate: it sees what all the others let through.
                assert read.kept is not None
                read.kept += 1
                return True

            selection.predicates = (*selection.predicates, keep)

    def of_query(self, index_id: int) -> TracedRead:
        """The read that rows of an index belong to now."""
        if not self.reads or self.reads[-1].selection is None:
            self.reads.append(TracedRead(None, None, index_id))
        return self.reads[-1]

    def of_ids(self, table: int) -> TracedRead:
        """The read that documents by id belong to now."""
        last = self.reads[-1] if self.reads else None
        if last is not None and last.selection is not None and last.selection.ids is not None:
            return last
        if last is None or last.selection is not None or last.index_id != -table:
            last = TracedRead(None, None, -table)
            self.reads.append(last)
        return last


class TracedTransaction(Transaction):
    """`trace` is complete when the run has ended."""

    __slots__ = ("trace",)

    trace: Trace

    def observe(self) -> Trace:
        """Begin to write down."""
        self.trace = self.observer = Trace()
        return self.trace

    def get(self, table: int, internal_id: bytes) -> tuple[int, bytes] | None:
        read = self.trace.of_ids(table)
        read.scanned += 1
        found = super().get(table, internal_id)
        if found is None:
            read.missing += 1
        else:
            read.bytes += len(found[1])
        return found

    def rows(
        self, table: int, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[Row]:
        read = self.trace.of_query(index_id)
        for row in super().rows(table, index_id, prefix, start, stop, reverse):
            read.scanned += 1
            read.bytes += len(row[3])
            yield row

    def first_rows(
        self, table: int, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool, count: int
    ) -> list[Row]:
        read = self.trace.of_query(index_id)
        found = super().first_rows(table, index_id, prefix, start, stop, reverse, count)
        read.scanned += len(found)
        read.bytes += sum(len(row[3]) for row in found)
        return found

    def read_derived(self, searched: ReadRange) -> None:
        self.trace.reads.append(TracedRead(None, None, searched.index_id, searched=True))
        super().read_derived(searched)

    def count_keys(self, index_id: int, prefix: bytes, start: bytes, stop: bytes) -> int:
        read = self.trace.of_query(index_id)
        found = super().count_keys(index_id, prefix, start, stop)
        read.scanned += found
        read.counted = True
        return found
