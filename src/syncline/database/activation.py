"""Binding a release's schema to the store: tables numbered, stored documents checked, indexes built.

Runs on start and on reload, before the first function of the release does. Either the whole schema is in force
afterwards, or SetupError says what does not fit and the old release goes on: numbers given to new tables and
half-built indexes are all that may remain, and the next attempt uses or removes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from syncline.kernel.errors import SetupError
from syncline.schema import (
    Aggregate,
    DerivedIndex,
    Index,
    SearchIndex,
    TableCodec,
    TableNumbers,
    TableSpec,
    VectorIndex,
)
from syncline.schema.document import MISSING
from syncline.store import IndexInfo, Reader, ShapeInfo, Store, TableInfo
from syncline.system import SYSTEM_TABLES
from syncline.values import encode_json

from .aggregate_building import build_aggregates
from .catalog import Catalog, IndexBinding, TableBinding, has_null
from .read_set import END
from .search_binding import SearchBinding, joined
from .vector_binding import VectorBinding

_EXAMPLES = 3
_REPORT_EVERY = 10_000
#: By table, for the numbers that were last in use.
_own_codecs = dict[str, TableCodec]()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work is: `done` documents of about `total`."""

    what: str  # "building index messages.by_channel", "checking messages"
    done: int
    total: int


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A report for those who do not watch."""


def activate(
    store: Store, specs: Sequence[TableSpec], report: Report = silent, *, keep: Catalog | None = None
) -> Catalog:
    """The catalog of `specs` and Syncline's own tables, with stored data checked and all indexes complete.

    Nothing else may write meanwhile. `keep` is the catalog still in force: readers of older snapshots use its
    indexes, so those are removed by a later activation. Raises SetupError when stored documents do not fit.
    """
    specs = (*SYSTEM_TABLES, *specs)
    # Where nothing is stored there is nothing to check or to build: all is numbered in one transaction.
    with store.together() if not store.head else nullcontext():
        tables = {spec.name: store.add_table(spec.name) for spec in specs}
        numbers = TableNumbers({info.name: info.number for info in store.tables()})
        bound = _bind_all(store, specs, tables, numbers, report)
        _drop_unused(store, bound, keep)
    catalog = Catalog(bound, numbers)
    build_aggregates(
        store,
        catalog,
        keep,
        lambda label, done, total: report(Progress(f"building aggregate {label}", done, total)),
    )
    return catalog


def _bind_all(
    store: Store,
    specs: Sequence[TableSpec],
    tables: dict[str, TableInfo],
    numbers: TableNumbers,
    report: Report,
) -> list[TableBinding]:
    codecs = {spec.name: _codec(spec, numbers) for spec in specs}
    stored: dict[int, list[IndexInfo]] = {table.number: [] for table in tables.values()}
    for info in store.indexes():
        stored.get(info.table, []).append(info)
    reader = store.reader()
    try:
        reader.begin()
        shapes = _check_documents(store, reader, specs, tables, codecs, report)
        bound: list[TableBinding] = []
        for spec in specs:
            table, codec = tables[spec.name], codecs[spec.name]
            binding = TableBinding(table.number, spec, codec, shapes[spec.name].number, table.by_creation, ())
            bound.append(_bind(store, reader, binding, stored[table.number], report))
        return bound
    finally:
        reader.close()


def _codec(spec: TableSpec, numbers: TableNumbers) -> TableCodec:
    """The codec of a table. Those of Syncline's own tables are kept: each reload, and each test, needs them again."""
    if not spec.name.startswith("_"):
        return TableCodec(spec, numbers)
    kept = _own_codecs.get(spec.name)
    if kept is None or kept.tables != numbers:
        kept = _own_codecs[spec.name] = TableCodec(spec, numbers)
    return kept


def last_creation_time(store: Store, catalog: Catalog) -> int:
    """The newest creation time of any document, in microseconds; 0 when there are none."""
    reader = store.reader()
    try:
        reader.begin()
        newest = 0
        for table in catalog.by_number.values():
            for key in reader.scan_keys(table.by_creation, b"", END, True):
                newest = max(newest, int.from_bytes(key[:8], "big"))
                break
        return newest
    finally:
        reader.close()


def _check_documents(
    store: Store,
    reader: Reader,
    specs: Sequence[TableSpec],
    tables: dict[str, TableInfo],
    codecs: dict[str, TableCodec],
    report: Report,
) -> dict[str, ShapeInfo]:
    """The shape of each table, after all documents written under other shapes were found to fit it."""
    known = store.shapes()
    problems: list[str] = []
    shapes: dict[str, ShapeInfo] = {}
    for spec in specs:
        table = tables[spec.name]
        text = codecs[spec.name].shape()
        older = [shape for shape in known if shape.table == table.number]
        # The newest shape was the one last in force: if it is this one, everything stored was checked against it.
        if older and older[-1].text != text:
            problems += misfits(reader, spec, table, codecs[spec.name], text, older, report)
        shapes[spec.name] = ShapeInfo(0, table.number, text)
    if problems:
        raise SetupError(
            "the stored data does not fit the schema\n" + "\n".join(problems),
            "keep the field as it was or give it a default, change the documents with a mutation, then change the "
            "schema. Nothing was changed",
        )
    return {spec.name: store.use_shape(tables[spec.name].number, shapes[spec.name].text) for spec in specs}


def misfits(
    reader: Reader,
    spec: TableSpec,
    table: TableInfo,
    codec: TableCodec,
    text: str,
    older: list[ShapeInfo],
    report: Report,
) -> list[str]:
    """What to tell of the stored documents that do not fit a table's new shape; empty if all fit."""
    same = next((shape.number for shape in older if shape.text == text), None)
    total = _count(reader, table)
    bad = 0
    examples: list[str] = []
    for done, (_key, _ts, shape, body) in enumerate(reader.scan(table.by_creation, b"", END)):
        if done % _REPORT_EVERY == 0:
            report(Progress(f"checking {spec.name}", done, total))
        if shape == same:
            continue
        found = codec.check_body(body)
        if found:
            bad += 1
            if len(examples) < _EXAMPLES:
                first = found[0]
                examples.append(
                    f"    {codec.load(body).id} at {first.path}: expected {first.expected}, got {first.got}"
                )
    if not bad:
        return []
    noun = "document does" if bad == 1 else "documents do"
    return [
        f"  {bad:,} {noun} not fit {spec.name} ({spec.cls.__module__}.{spec.cls.__qualname__}), the first:",
        *examples,
    ]


def _count(reader: Reader, table: TableInfo) -> int:
    return sum(1 for _ in reader.scan_keys(table.by_creation, b"", END))


def _bind(
    store: Store, reader: Reader, table: TableBinding, stored: Iterable[IndexInfo], report: Report
) -> TableBinding:
    """The table with its indexes, of which those that are not `stored` are built."""
    spec, codec = table.spec, table.codec
    existing = {(info.name, info.definition): info for info in stored}
    indexes: list[IndexBinding] = []
    for index in spec.indexes:
        definition = index_definition(index, codec)
        info = existing.get((index.name, definition))
        if info is not None and not info.ready:
            store.drop_index(info.number)  # Half built when the process ended.
            info = None
        if info is None:
            info = _build(store, reader, table, index, definition, report)
        indexes.append(IndexBinding(info.number, index, spec))
    bound = TableBinding(
        table.number,
        spec,
        codec,
        table.shape,
        table.by_creation,
        indexes,
        [
            SearchBinding(
                _number_of(store, table, index, search_definition(index, spec, codec), existing), index, spec
            )
            for index in spec.searches
        ],
        [
            VectorBinding(
                _number_of(store, table, index, vector_definition(index, spec, codec), existing), index, spec
            )
            for index in spec.vectors
        ],
    )
    declare_derived(store, bound, report)
    return bound


def _number_of(
    store: Store,
    table: TableBinding,
    index: DerivedIndex,
    definition: str,
    existing: dict[tuple[str, str], IndexInfo],
) -> int:
    """The number of an index that has no entries: what it keeps is elsewhere."""
    info = existing.get((index.name, definition))
    if info is None:
        info = store.add_index(table.number, index.name, definition)
        store.set_index_ready(info.number)
    return info.number


def search_definition(index: SearchIndex, spec: TableSpec, codec: TableCodec) -> str:
    """What a full-text index depends on: if this text changes, it is built anew."""
    return json.dumps(SearchBinding(0, index, spec).definition(codec), sort_keys=True)


def vector_definition(index: VectorIndex, spec: TableSpec, codec: TableCodec) -> str:
    """The same for a vector index."""
    return json.dumps(VectorBinding(0, index, spec).definition(codec), sort_keys=True)


def declare_derived(store: Store, table: TableBinding, report: Report = silent) -> None:
    """Put the full-text and vector indexes of a table in service, building those that are not there.

    Nothing else may write. Raises SetupError.
    """
    for search in table.searches:
        _declare(store, table, search, report)
    for vectors in table.vectors:
        _declare_vectors(store, table, vectors, report)


def _declare_vectors(store: Store, table: TableBinding, vectors: VectorBinding, report: Report) -> None:
    def cut(shape: int, body: bytes) -> tuple[list[str], bytes]:
        return vectors.cut(table.codec.decode_body(table.current(shape, body)))

    def progress(done: int) -> None:
        report(Progress(f"building vector index {vectors.label}", done, done))

    if store.vectors is not None:
        index = (vectors.id, table.number, table.by_creation, vectors.index.dimensions, cut)
        store.vectors.declare(index, store.reader, store.commits_after, progress)


def _declare(store: Store, table: TableBinding, search: SearchBinding, report: Report) -> None:
    def cut(shape: int, body: bytes) -> tuple[str, str]:
        tokens, words = search.cut(table.codec.decode_body(table.current(shape, body)))
        return " ".join(tokens), joined(words)

    def progress(done: int) -> None:
        report(Progress(f"building search index {search.label}", done, done))

    if store.text is not None:
        index = (search.id, table.number, table.by_creation, cut)
        store.text.declare(index, store.reader, store.commits_after, progress)


def index_definition(index: Index, codec: TableCodec) -> str:
    """What an index's entries depend on: if this text changes, the index is built anew."""
    definition: dict[str, object] = {
        "fields": list(index.fields),
        "unique": index.unique,
        "each": index.each,
        # Documents without the field are indexed under its default.
        "types": [_field_definition(codec, name) for name in index.fields],
    }
    if isinstance(index, Aggregate):
        definition["aggregate"] = len(index.by)
    return json.dumps(definition, sort_keys=True)


def _field_definition(codec: TableCodec, name: str) -> list[object]:
    field = codec.spec.by_name[name]
    return [field.node.shape(), None if field.default is MISSING else encode_json(field.default).decode()]


def _build(
    store: Store, reader: Reader, table: TableBinding, index: Index, definition: str, report: Report
) -> IndexInfo:
    label = f"{table.name}.{index.name}"
    info = store.add_index(table.number, index.name, definition)
    total = sum(1 for _ in reader.scan_keys(table.by_creation, b"", END))
    duplicates: list[str] = []
    seen: dict[bytes, bytes] | None = {} if index.unique else None

    def keys() -> Iterator[bytes]:
        for done, (key, _ts, shape, body) in enumerate(reader.scan(table.by_creation, b"", END)):
            if done % _REPORT_EVERY == 0:
                report(Progress(f"building index {label}", done, total))
            fields = table.codec.decode_body(table.current(shape, body))
            for part, offsets in table.codec.index_keys(index, fields):
                if seen is not None and not has_null(part, offsets):
                    other = seen.setdefault(part, key[-16:])
                    if other != key[-16:]:
                        duplicates.append(table.codec.load(body).id)
                yield part + key

    store.add_entries(info.number, keys())
    if duplicates:
        store.drop_index(info.number)
        raise SetupError(
            f"{label} is unique, but {len(duplicates):,} stored documents repeat another's key, the first: "
            + ", ".join(duplicates[:_EXAMPLES]),
            "change or delete them with a mutation first. Nothing was changed",
        )
    store.set_index_ready(info.number)
    report(Progress(f"building index {label}", total, total))
    return info


def _drop_unused(store: Store, tables: Iterable[TableBinding], keep: Catalog | None) -> None:
    """Remove indexes that the schema no longer has. Tables that it no longer has keep their documents and indexes."""
    kept: set[int] = set()
    if keep is not None:
        kept = {binding.id for table in keep.by_number.values() for binding in table.bindings}
    tables = tuple(tables)
    if store.text is not None:
        store.text.keep_only(kept | {search.id for table in tables for search in table.searches})
    if store.vectors is not None:
        store.vectors.keep_only(kept | {each.id for table in tables for each in table.vectors})
    wanted = kept.union(*({table.by_creation, *(each.id for each in table.bindings)} for table in tables))
    numbers = {table.number for table in tables}
    for info in store.indexes():
        if info.table in numbers and info.number not in wanted:
            store.drop_index(info.number)
