"""What data and a running server can tell an audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from syncline.database import END
from syncline.database.inspection import Inspection
from syncline.functions.statistics import FunctionReport
from syncline.schema import Document
from syncline.store import Reader
from syncline.values import encode_key_part

#: Documents that are looked at to find out whether values repeat.
_MOST_DOCUMENTS: Final = 200_000
_NULL: Final = encode_key_part(None)

#: A document class and some of its fields, in the order of their names.
FieldSet = tuple[type[Document], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Distinct:
    """Whether the values of some fields tell documents apart."""

    documents: int
    repeated: int


class ServerFacts(msgspec.Struct, frozen=True, rename="camel"):
    """What `GET /api/statistics` says."""

    functions: list[FunctionReport] = []
    indexes_used: list[str] = []


@dataclass(frozen=True, slots=True)
class Facts:
    """Both are empty where there is nothing to look at."""

    distinct: Mapping[FieldSet, Distinct] = field(default_factory=dict[FieldSet, Distinct])
    server: ServerFacts | None = None


def distinct_values(
    reader: Reader, inspection: Inspection, wanted: Iterable[FieldSet]
) -> dict[FieldSet, Distinct]:
    """For each set of fields, how many documents repeat another's values. A None may repeat, as in an index."""
    found: dict[FieldSet, Distinct] = {}
    reader.begin()
    for cls, names in dict.fromkeys(wanted):
        table = inspection.catalog.by_class.get(cls)
        if table is None or table.name in inspection.unfit:
            continue
        seen: set[bytes] = set()
        documents = repeated = 0
        for _key, _ts, shape, body in reader.scan(table.by_creation, b"", END, False, _MOST_DOCUMENTS):
            fields = table.codec.decode_body(table.current(shape, body))
            parts = [encode_key_part(fields[name]) for name in names]
            documents += 1
            if _NULL in parts:
                continue
            key = b"".join(parts)
            repeated += key in seen
            seen.add(key)
        found[cls, names] = Distinct(documents, repeated)
    reader.end()
    return found
