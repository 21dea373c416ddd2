"""A release's schema and stored data, compared without writing: what activating the release would do or refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from syncline.schema import Index, TableCodec, TableNumbers, TableSpec
from syncline.store import FIRST_USER_TABLE, IndexInfo, Reader, StoreView, TableInfo
from syncline.system import SYSTEM_TABLES

from .activation import Report, index_definition, misfits, search_definition, silent, vector_definition
from .catalog import Catalog, IndexBinding, TableBinding, has_null
from .read_set import END
from .search_binding import SearchBinding
from .vector_binding import VectorBinding

#: Numbers for what the store does not know yet. Nothing is stored under them.
_UNKNOWN: Final = 1 << 40
_EXAMPLES: Final = 3


@dataclass(slots=True)
class Inspection:
    """What was found. `catalog` binds what can be bound: of `missing` indexes it knows nothing."""

    catalog: Catalog
    #: Numbers of indexes -> numbers of tables, for readers of the catalog.
    tables_of_indexes: dict[int, int]
    #: Documents by table, of those that are in the schema.
    documents: dict[str, int] = field(default_factory=dict[str, int])
    #: Stored documents that do not fit, as activation would refuse them.
    problems: list[str] = field(default_factory=list[str])
    #: Tables with such documents.
    unfit: set[str] = field(default_factory=set[str])
    #: Indexes that activation would build over stored documents: (label, documents).
    missing: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    #: Indexes that it would remove.
    surplus: list[str] = field(default_factory=list[str])
    #: Tables with documents that have no class any more: (name, documents).
    unclaimed: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


def inspect(view: StoreView, specs: Sequence[TableSpec], report: Report = silent) -> Inspection:
    """Compare the data with the schema `specs` and with Syncline's own tables. Writes nothing."""
    return _Inspector(view, (*SYSTEM_TABLES, *specs), report).inspect()


class _Inspector:
    def __init__(self, view: StoreView, specs: Sequence[TableSpec], report: Report) -> None:
        self._view = view
        self._specs = specs
        self._report = report
        self._known = {info.name: info for info in view.tables()}
        self._indexes = view.indexes()
        self._shapes = view.shapes()
        self._invented = _UNKNOWN

    def inspect(self) -> Inspection:
        tables = {spec.name: self._known.get(spec.name) or self._new_table(spec.name) for spec in self._specs}
        stored = {info.name: info.number for info in self._known.values()}
        numbers = TableNumbers({**stored, **{name: info.number for name, info in tables.items()}})
        found = Inspection(Catalog((), numbers), {info.number: info.table for info in self._indexes})
        reader = self._view.reader()
        try:
            reader.begin()
            bound = [
                self._bind(reader, spec, tables[spec.name], TableCodec(spec, numbers), found)
                for spec in self._specs
            ]
            for info in self._known.values():
                if info.name not in tables and (count := reader.count(info.by_creation, b"", END)):
                    found.unclaimed.append((info.name, count))
        finally:
            reader.close()
        found.catalog = Catalog(bound, numbers)
        return found

    def _new_table(self, name: str) -> TableInfo:
        first = 1 if name.startswith("_") else FIRST_USER_TABLE
        self._invented += 2
        return TableInfo(self._invented + first, name, self._invented + 1)

    def _bind(
        self, reader: Reader, spec: TableSpec, info: TableInfo, codec: TableCodec, found: Inspection
    ) -> TableBinding:
        text = codec.shape()
        older = [shape for shape in self._shapes if shape.table == info.number]
        if older and older[-1].text != text:
            problems = misfits(reader, spec, info, codec, text, older, self._report)
            if problems:
                found.problems += problems
                found.unfit.add(spec.name)
        shape = next((each.number for each in older if each.text == text), 0)
        found.tables_of_indexes[info.by_creation] = info.number
        count = reader.count(info.by_creation, b"", END)
        if not spec.name.startswith("_"):
            found.documents[spec.name] = count
        bare = TableBinding(info.number, spec, codec, shape, info.by_creation, ())
        own = [index for index in self._indexes if index.table == info.number]
        bindings: list[IndexBinding] = []
        kept = {info.by_creation}
        for index in spec.indexes:
            known = _built(own, index, codec)
            if known is not None:
                number = known.number
            elif count:
                found.missing.append((f"{spec.name}.{index.name}", count))
                if index.unique:
                    found.problems += self._duplicates(reader, bare, index)
                continue
            else:
                self._invented += 1
                number = self._invented
                found.tables_of_indexes[number] = info.number
            kept.add(number)
            bindings.append(IndexBinding(number, index, spec))
        searches = [
            SearchBinding(self._number(own, each.name, search_definition(each, spec, codec)), each, spec)
            for each in spec.searches
        ]
        vectors = [
            VectorBinding(self._number(own, each.name, vector_definition(each, spec, codec)), each, spec)
            for each in spec.vectors
        ]
        kept |= {each.id for each in searches} | {each.id for each in vectors}
        found.surplus += [f"{spec.name}.{each.name}" for each in own if each.number not in kept]
        return TableBinding(info.number, spec, codec, shape, info.by_creation, bindings, searches, vectors)

    def _number(self, own: list[IndexInfo], name: str, definition: str) -> int:
        """Of a full-text or vector index: without what it keeps all documents are looked through, so none is missing."""
        for info in own:
            if (info.name, info.definition) == (name, definition):
                return info.number
        self._invented += 1
        return self._invented

    def _duplicates(self, reader: Reader, table: TableBinding, index: Index) -> list[str]:
        """What keeps a unique index from being built."""
        seen: set[bytes] = set()
        repeated: list[str] = []
        for _key, _ts, shape, body in reader.scan(table.by_creation, b"", END):
            if table.codec.check_body(body):
                continue  # is told as what does not fit
            fields = table.codec.decode_body(table.current(shape, body))
            for part, offsets in table.codec.index_keys(index, fields):
                if not has_null(part, offsets):
                    if part in seen:
                        repeated.append(table.codec.load(body).id)
                    seen.add(part)
        if not repeated:
            return []
        examples = ", ".join(repeated[:_EXAMPLES])
        return [
            f"  {table.name}.{index.name} is unique, but {len(repeated):,} stored documents repeat another's key, "
            f"the first: {examples}"
        ]


def _built(own: Sequence[IndexInfo], index: Index, codec: TableCodec) -> IndexInfo | None:
    definition = index_definition(index, codec)
    return next(
        (each for each in own if each.ready and (each.name, each.definition) == (index.name, definition)),
        None,
    )
