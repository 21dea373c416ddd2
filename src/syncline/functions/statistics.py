"""What each function has used since the process started: calls, failures, run time, reads.

Bounded: one record of fixed size for each function. Every thread that runs functions has records of its own, so
counting takes no lock; a report adds them up.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import msgspec

from syncline.database import Transaction
from syncline.kernel.durations import BITS
from syncline.kernel.limits import Limits

from .definitions import FunctionDefinition

#: Run times are counted in classes, four to each doubling of microseconds: a percentile is right to a fifth.
_CLASSES: Final = 4 * 32


class FunctionReport(msgspec.Struct, frozen=True, rename="camel"):
    """One function, all threads together. Times are in seconds; reads are those of the call that had most of them."""

    path: str
    kind: str
    calls: int
    failures: int
    total_seconds: float
    p95_seconds: float
    max_seconds: float
    documents_read: int
    max_documents_read: int
    max_bytes_read: int
    max_documents_written: int
    #: Queries on tables that looked at rows which an index could have left out.
    unserved_queries: int


class FunctionTotals(msgspec.Struct, frozen=True):
    """One function, all threads together, as metrics show it. `counts` are of the classes of `kernel.durations`."""

    path: str
    kind: str
    calls: int
    failures: int
    seconds: float
    counts: list[int]


class _Record:
    """One function on one thread."""

    __slots__ = (
        "bytes_read",
        "calls",
        "classes",
        "documents_read",
        "failures",
        "kind",
        "longest",
        "most_documents",
        "seconds",
        "unserved",
        "written",
    )

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.calls = 0
        self.failures = 0
        self.seconds = 0.0
        self.longest = 0.0
        self.documents_read = 0
        self.most_documents = 0
        self.bytes_read = 0
        self.written = 0
        self.unserved = 0
        self.classes = [0] * _CLASSES


class Recorder:
    """Counts what runs on one thread."""

    __slots__ = ("_most", "records")

    def __init__(self, most: int) -> None:
        self.records: dict[str, _Record] = {}
        self._most = most

    def note(
        self,
        definition: FunctionDefinition,
        seconds: float,
        *,
        failed: bool,
        transaction: Transaction | None = None,
    ) -> None:
        """A call has ended."""
        path = definition.path
        record = self.records.get(path)
        if record is None:
            if len(self.records) >= self._most:
                # Functions of releases that are gone, above all.
                self.records.clear()
            record = self.records[path] = _Record(definition.kind.value)
        record.calls += 1
        record.seconds += seconds
        if seconds > record.longest:
            record.longest = seconds
        # The class of its time, written out: a call of its own would be felt.
        time = int(seconds * 1e6)
        bits = time.bit_length()
        number = time if bits < 3 else 4 * (bits - 2) + ((time >> (bits - 3)) & 3)
        record.classes[number if number < _CLASSES else -1] += 1
        if failed:
            record.failures += 1
        if transaction is not None:
            read = transaction.documents_read
            record.documents_read += read
            if read > record.most_documents:
                record.most_documents = read
            if transaction.bytes_read > record.bytes_read:
                record.bytes_read = transaction.bytes_read
            if transaction.documents_written > record.written:
                record.written = transaction.documents_written
            record.unserved += transaction.unserved_queries


class Statistics:
    """The recorders of a process."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._most = (limits or Limits()).function_statistics
        self._recorders: list[Recorder] = []

    def recorder(self) -> Recorder:
        """For a thread that will run functions."""
        made = Recorder(self._most)
        self._recorders.append(made)
        return made

    def report(self) -> list[FunctionReport]:
        """All functions that ran, by path. From any thread; calls that end meanwhile may be counted in part."""
        return [_report(path, records) for path, records in sorted(self._by_path().items())]

    def totals(self) -> list[FunctionTotals]:
        """As `report`, with less in it, and quicker. Without Syncline's own functions."""
        return [
            FunctionTotals(
                path,
                records[0].kind,
                calls=sum(record.calls for record in records),
                failures=sum(record.failures for record in records),
                seconds=sum(record.seconds for record in records),
                counts=[sum(column) for column in zip(*map(_coarse, records), strict=True)],
            )
            for path, records in sorted(self._by_path().items())
            if not path.startswith("_system/")
        ]

    def _by_path(self) -> dict[str, list[_Record]]:
        found: dict[str, list[_Record]] = {}
        for recorder in list(self._recorders):
            for path, record in list(recorder.records.items()):
                found.setdefault(path, []).append(record)
        return found


def _report(path: str, records: list[_Record]) -> FunctionReport:
    longest = max(record.longest for record in records)
    return FunctionReport(
        path,
        records[0].kind,
        calls=sum(record.calls for record in records),
        failures=sum(record.failures for record in records),
        total_seconds=sum(record.seconds for record in records),
        p95_seconds=min(_percentile([record.classes for record in records], 0.95), longest),
        max_seconds=longest,
        documents_read=sum(record.documents_read for record in records),
        max_documents_read=max(record.most_documents for record in records),
        max_bytes_read=max(record.bytes_read for record in records),
        max_documents_written=max(record.written for record in records),
        unserved_queries=sum(record.unserved for record in records),
    )


def _coarse(record: _Record) -> list[int]:
    """The run times of a record in the classes of `kernel.durations`."""
    ends = [0, *(4 * (bits - 1) for bits in BITS), _CLASSES]
    return [sum(record.classes[start:end]) for start, end in pairwise(ends)]


def _upper(number: int) -> float:
    """The seconds below which a class ends."""
    if number < 4:
        return (number + 1) / 1e6
    bits, quarter = number // 4 + 2, number % 4
    return ((4 + quarter + 1) << (bits - 3)) / 1e6


def _percentile(classes: Iterable[list[int]], share: float) -> float:
    counts = [sum(column) for column in zip(*classes, strict=True)]
    wanted = sum(counts) * share
    seen = 0
    for number, count in enumerate(counts):
        seen += count
        if count and seen >= wanted:
            return _upper(number)
    return 0.0
