"""Aggregates of documents that were there before: built from the index, and compared with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from typing import cast

from syncline.schema import Aggregate
from syncline.store import Commit, DocumentWrite, EntryWrite, Reader, Store
from syncline.values import Value, decode_key_part, encode_id

from .aggregate_content import Content, combined, content_of
from .aggregate_rows import LEVELS, WHOLE, AggregateRows, Place, levels_of, parts_of
from .catalog import Catalog, IndexBinding
from .read_set import END

_BATCH = 2_000
_REPORT_EVERY = 10_000
Parts = tuple[bytes, ...]


#: Is told which aggregate is built, and how many of how many documents are in it.
Told = Callable[[str, int, int], None]


def build_aggregates(
    store: Store,
    catalog: Catalog,
    keep: Catalog | None = None,
    tell: Told = lambda label, done, total: None,
) -> None:
    """Make the aggregates right that are not known to be, and remove the rows of those that are gone.

    Nothing else may write meanwhile. `keep` is a catalog whose readers are still at work.
    """
    wanted = {index.id for each in (catalog, keep) if each is not None for index in _aggregates(each)}
    reader = store.reader()
    try:
        reader.begin()
        for number in list(_numbers(reader, catalog)):
            if number not in wanted:
                _remove(store, reader, AggregateRows(catalog, number))
        for index in _aggregates(catalog):
            rows = AggregateRows(catalog, index.id)
            # Rows are written with the documents. They can only be behind if documents came in by another way, or if
            # they were never built; and the one for the whole is built last.
            total = reader.count(index.id, b"", END)
            if _whole(reader, rows).rows != total:
                _remove(store, reader, rows)
                keys = _told(reader.scan_keys(index.id, b"", END), partial(tell, index.label), total)
                _write(store, rows, _contents(index, keys))
                tell(index.label, total, total)
    finally:
        reader.close()


def _told(keys: Iterator[bytes], tell: Callable[[int, int], None], total: int) -> Iterator[bytes]:
    for done, key in enumerate(keys):
        if done % _REPORT_EVERY == 0:
            tell(done, total)
        yield key


def rebuilt_aggregates(
    reader: Reader, before: Catalog, after: Catalog, tables: Collection[str], ts: int
) -> Iterator[Commit]:
    """What a load has to write besides: the aggregates of the tables that it changes, made from their new indexes.

    `before` and `after` are the catalogs around it, which may number tables and indexes differently.
    """
    for name in sorted(tables):
        for index in before.by_name[name].aggregates if name in before.by_name else ():
            yield from _removals(reader, AggregateRows(before, index.id), ts)
    for name in sorted(tables):
        for index in after.by_name[name].aggregates if name in after.by_name else ():
            yield from _additions(AggregateRows(after, index.id), contents_of(reader, index), ts, ts // 1000)


def contents_of(reader: Reader, index: IndexBinding) -> Iterator[tuple[Place, Content]]:
    """The rows that an aggregate should have, recomputed from its index; the one for the whole table is the last."""
    return _contents(index, reader.scan_keys(index.id, b"", END))


def _contents(index: IndexBinding, every: Iterator[bytes]) -> Iterator[tuple[Place, Content]]:
    aggregate = cast("Aggregate", index.index)
    groups: dict[Parts, Content] = {}
    for parts, keys in groupby(every, key=lambda key: tuple(parts_of(key, len(aggregate.by)))):
        skip = sum(map(len, parts))
        if aggregate.field is None:
            groups[parts] = Content(sum(1 for _ in keys))
        else:
            groups[parts] = combined(content_of(cast("Value", decode_key_part(key, skip)[0])) for key in keys)
    for depth in range(len(aggregate.by), 0, -1):
        around: dict[Parts, Content] = {}
        for outer, members in groupby(groups.items(), key=lambda item: item[0][: depth - 1]):
            found = [(parts[-1], content) for parts, content in members]
            yield from _space(b"".join(outer), found)
            around[outer] = combined(content for _start, content in found)
        groups = around
    if groups:
        yield WHOLE, groups[()]


def stored_rows(reader: Reader, rows: AggregateRows) -> dict[Place, Content]:
    """The rows that an aggregate has."""
    start, stop = rows.everything
    found: dict[Place, Content] = {}
    for key, _ts, shape, body in reader.scan(rows.by_place, start, stop):
        offset = len(start)
        space, offset = decode_key_part(key, offset)
        level, offset = decode_key_part(key, offset)
        place = Place(
            bytes.fromhex(cast("str", space)),
            int(cast("float", level)),
            bytes.fromhex(cast("str", decode_key_part(key, offset)[0])),
        )
        found[place] = rows.content(shape, body)
    return found


def find_wrong_aggregates(reader: Reader, catalog: Catalog) -> list[str]:
    """A sentence for each aggregate that is not what its documents say. The reader has a snapshot open."""
    problems: list[str] = []
    for index in _aggregates(catalog):
        right = dict(contents_of(reader, index))
        stored = stored_rows(reader, AggregateRows(catalog, index.id))
        wrong = sum(stored.get(place) != right.get(place) for place in stored.keys() | right.keys())
        if wrong:
            problems.append(
                f"aggregate {index.label}: {wrong:,} of {len(right):,} rows are not what the documents say"
            )
    return problems


def _space(space: bytes, groups: list[tuple[bytes, Content]]) -> Iterator[tuple[Place, Content]]:
    """The groups of a space and the runs over them."""
    for start, content in groups:
        yield Place(space, 0, start), content
    below = groups
    for level in range(1, LEVELS + 1):
        runs: list[tuple[bytes, list[Content]]] = []
        for start, content in below:
            if levels_of(space, start) >= level:
                runs.append((start, []))
            if runs:
                runs[-1][1].append(content)
        below = [(start, combined(contents)) for start, contents in runs]
        for start, content in below:
            yield Place(space, level, start), content


def _aggregates(catalog: Catalog) -> Iterator[IndexBinding]:
    for table in catalog.by_number.values():
        yield from table.aggregates


def _whole(reader: Reader, rows: AggregateRows) -> Content:
    found = reader.get(rows.table.number, rows.id_of(WHOLE))
    return Content(0) if found is None else rows.content(found[1], found[2])


def _numbers(reader: Reader, catalog: Catalog) -> Iterator[int]:
    """The numbers of all aggregates that have rows."""
    by_place = AggregateRows(catalog, 0).by_place
    start = b""
    while (key := next(reader.scan_keys(by_place, start, END, False, 1), None)) is not None:
        number = int(cast("float", decode_key_part(key)[0]))
        yield number
        start = AggregateRows(catalog, number).everything[1]


def _write(store: Store, rows: AggregateRows, contents: Iterable[tuple[Place, Content]]) -> None:
    for commit in _additions(rows, contents, 0, store.next_ts() // 1000):
        store.append([Commit(store.next_ts(), commit.documents, commit.entries)])


def _remove(store: Store, reader: Reader, rows: AggregateRows) -> None:
    for commit in _removals(reader, rows, 0):
        store.append([Commit(store.next_ts(), commit.documents, commit.entries)])


def _additions(
    rows: AggregateRows, contents: Iterable[tuple[Place, Content]], ts: int, created: int
) -> Iterator[Commit]:
    source = iter(contents)
    while batch := list(islice(source, _BATCH)):
        documents: list[DocumentWrite] = []
        entries: list[EntryWrite] = []
        for place, content in batch:
            id = rows.id_of(place)
            key, offsets = rows.key(place)
            tail = created.to_bytes(8, "big") + id
            body = rows.body(place, content, encode_id(rows.table.number, id), created)
            documents.append(DocumentWrite(rows.table.number, id, body, rows.table.shape))
            entries.append(EntryWrite(rows.by_place, key + tail, True, offsets))
            entries.append(EntryWrite(rows.by_creation, tail, True, ()))
        yield Commit(ts, tuple(documents), tuple(entries))


def _removals(reader: Reader, rows: AggregateRows, ts: int) -> Iterator[Commit]:
    start, stop = rows.everything
    source = reader.scan_keys(rows.by_place, start, stop)
    while batch := list(islice(source, _BATCH)):
        documents = tuple(
            DocumentWrite(rows.table.number, key[-16:], None, rows.table.shape) for key in batch
        )
        entries = [EntryWrite(rows.by_place, key, False) for key in batch]
        entries += [EntryWrite(rows.by_creation, key[-24:], False) for key in batch]
        yield Commit(ts, documents, tuple(entries))
