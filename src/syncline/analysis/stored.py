"""The stored data beside the schema of a release: do they fit, are they whole, what would a start do to them?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from syncline.database import TableBinding, find_wrong_aggregates
from syncline.database.activation import Report, silent
from syncline.database.inspection import Inspection, inspect
from syncline.schema import TableSpec, created_us_of
from syncline.store import StoreView

from .findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class DataFindings:
    """What a look at the data gave. Nothing was written."""

    inspection: Inspection
    #: What is not whole, one sentence each.
    damage: list[str]

    def findings(self) -> list[Finding]:
        """What would keep a release from starting, and what is damaged."""
        found: list[Finding] = []
        if self.inspection.problems:
            found.append(
                Finding(
                    "schema",
                    Severity.ERROR,
                    "the stored data does not fit the schema\n" + "\n".join(self.inspection.problems),
                    "",
                    "keep the field as it was or give it a default, change the documents with a mutation, then change "
                    "the schema",
                )
            )
        return found


def check_data(view: StoreView, schema: Sequence[TableSpec], report: Report = silent) -> DataFindings:
    """Compare all stored documents and index entries with the schema, and look for damage. Reads everything."""
    inspection = inspect(view, schema, report)
    keys = {
        binding.id: _keys_of(table, number)
        for table in inspection.catalog.by_number.values()
        if table.name not in inspection.unfit
        for number, binding in enumerate(table.indexes)
    }
    return DataFindings(inspection, [*view.check(keys), *_wrong_aggregates(view, inspection)])


def _wrong_aggregates(view: StoreView, inspection: Inspection) -> list[str]:
    reader = view.reader()
    try:
        reader.begin()
        return find_wrong_aggregates(reader, inspection.catalog)
    finally:
        reader.close()


def _keys_of(table: TableBinding, number: int) -> Callable[[bytes, int, bytes], Iterable[bytes]]:
    index, codec = table.indexes[number].index, table.codec

    def keys(id: bytes, shape: int, body: bytes) -> list[bytes]:
        body = table.current(shape, body)
        tail = created_us_of(codec.load(body)).to_bytes(8, "big") + id
        return [part + tail for part, _ in codec.index_keys(index, codec.decode_body(body))]

    return keys
