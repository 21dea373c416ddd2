"""Keeping aggregates right: what a write of a document changes in their rows, in the same transaction.

Nothing here is recorded as read, or counted against limits: rows that everybody writes make nobody's mutation run again
and no list of inserts too long. Mutations run one after another, so that they are never in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple

from syncline.schema import Aggregate, read_head
from syncline.values import Value, encode_id, encode_key_part, parts_end

from .aggregate_content import EMPTY, Content, combined, content_of, replaced
from .aggregate_rows import LEVELS, AggregateRows, Place, levels_of, place_of
from .catalog import Catalog, IndexBinding, TableBinding
from .peeking import peek, peek_keys
from .read_set import END
from .transaction import Transaction

_NULL = encode_key_part(None)
Parts = tuple[bytes, ...]


def keep_aggregates(
    transaction: Transaction,
    catalog: Catalog,
    table: TableBinding,
    before: Mapping[str, Value] | None,
    after: Mapping[str, Value] | None,
) -> None:
    """A document was written: `before` and `after` are its fields, None where there is none. Its entries are moved."""
    for index in table.aggregates:
        _Keeper(transaction, catalog, index).write(before, after)


class _Keeper:
    """The rows of one aggregate in one transaction."""

    def __init__(self, transaction: Transaction, catalog: Catalog, index: IndexBinding) -> None:
        assert isinstance(index.index, Aggregate)
        self._aggregate = index.index
        self._index = index
        self._transaction = transaction
        self._rows = AggregateRows(catalog, index.id)

    def write(self, before: Mapping[str, Value] | None, after: Mapping[str, Value] | None) -> None:
        old, new = self._group(before), self._group(after)
        if old is not None and new is not None and old[0] == new[0]:
            if old[1] != new[1]:
                self._change(old[0], old[1], new[1])
            return
        if old is not None:
            self._change(old[0], old[1], EMPTY)
        if new is not None:
            self._change(new[0], EMPTY, new[1])

    def _group(self, fields: Mapping[str, Value] | None) -> tuple[Parts, Content] | None:
        if fields is None:
            return None
        aggregate = self._aggregate
        parts = tuple([encode_key_part(fields[name]) for name in aggregate.by])
        return parts, Content(1) if aggregate.field is None else content_of(fields[aggregate.field])

    def _change(self, parts: Parts, before: Content, after: Content) -> None:
        """In the group `parts`, one document changed; so did all groups around it."""
        group = self._row(place_of(parts))
        old = group.content
        new = replaced(old, before, after, lambda: self._with_extremes(parts, old, before, after))
        self._put(group, new)
        for depth in range(len(parts), 0, -1):
            space = b"".join(parts[: depth - 1])
            self._change_runs(space, parts[depth - 1], old, new)
            around = self._row(place_of(parts[: depth - 1]))
            changed = replaced(around.content, old, new, partial(self._over, space))
            self._put(around, changed)
            old, new = around.content, changed

    def _with_extremes(self, parts: Parts, whole: Content, before: Content, after: Content) -> Content:
        """A group whose least or greatest document changed: the index knows which ones are so now."""
        prefix = b"".join(parts)
        plain = replaced(
            whole._replace(least=None, most=None),
            before._replace(least=None, most=None),
            after._replace(least=None, most=None),
            lambda: whole,
        )
        return plain._replace(
            least=self._extreme(prefix, reverse=False), most=self._extreme(prefix, reverse=True)
        )

    def _extreme(self, prefix: bytes, *, reverse: bool) -> str | None:
        # None is the least value of all, and no number: it is skipped at one end and ends the search at the other.
        start = prefix + parts_end(_NULL)
        stop = parts_end(prefix) if prefix else END
        keys = peek_keys(self._transaction, self._index.id, prefix, start, stop, reverse=reverse)
        for key in keys:
            return key[len(prefix) : -24].hex()
        return None

    # Runs

    def _change_runs(self, space: bytes, start: bytes, before: Content, after: Content) -> None:
        """In a space, the group `start` changed, or came, or went."""
        came, went = before.rows == 0, after.rows == 0
        begins = levels_of(space, start) if came or went else 0
        for level in range(1, LEVELS + 1):
            if level <= begins:
                following = self._first(space, level, start + b"\x00")
                end = END if following is None else following
                content = self._sum(space, level - 1, start, end) if came else EMPTY
                self._put(self._row(Place(space, level, start)), content)
                previous = self._last(space, level, start, included=False)
                if previous is not None:
                    content = self._sum(space, level - 1, previous, start if came else end)
                    self._put(self._row(Place(space, level, previous)), content)
                continue
            at = self._last(space, level, start, included=True)
            if at is None:
                return
            following = self._first(space, level, at + b"\x00")
            end = END if following is None else following
            run = self._row(Place(space, level, at))
            self._put(
                run, replaced(run.content, before, after, partial(self._sum, space, level - 1, at, end))
            )

    def _sum(self, space: bytes, level: int, start: bytes, stop: bytes) -> Content:
        return combined(content for _start, content in self._read(space, level, start, stop))

    def _over(self, space: bytes) -> Content:
        """All groups of a space."""
        return cover(lambda level, start, stop: list(self._read(space, level, start, stop)), b"", END)

    def _first(self, space: bytes, level: int, start: bytes) -> bytes | None:
        """Where the first run at or after `start` begins."""
        return next(self._starts(space, level, start, END, reverse=False), None)

    def _last(self, space: bytes, level: int, start: bytes, *, included: bool) -> bytes | None:
        """Where the last run at or before `start` begins."""
        stop = start + b"\x00" if included else start
        return next(self._starts(space, level, b"", stop, reverse=True), None)

    # Rows

    def _starts(
        self, space: bytes, level: int, start: bytes, stop: bytes, *, reverse: bool
    ) -> Iterator[bytes]:
        prefix = self._rows.prefix(space, level)
        low, high = bounds(prefix, start, stop)
        if level > 0:
            # Most spaces have no runs, or a few: then the cache of keys knows all of them after one look.
            self._transaction.snapshot.known_keys(self._rows.by_place, prefix, prefix, parts_end(prefix))
        for key in peek_keys(self._transaction, self._rows.by_place, prefix, low, high, reverse=reverse):
            yield self._rows.start_of(key, prefix)

    def _read(self, space: bytes, level: int, start: bytes, stop: bytes) -> Iterator[tuple[bytes, Content]]:
        for found in self._starts(space, level, start, stop, reverse=False):
            yield found, self._row(Place(space, level, found)).content

    def _row(self, place: Place) -> _Row:
        rows = self._rows
        id = rows.id_of(place)
        found = peek(self._transaction, rows.table.number, id)
        return (
            _Row(place, id, EMPTY, None) if found is None else _Row(place, id, rows.content(*found), found[1])
        )

    def _put(self, row: _Row, content: Content) -> None:
        if row.body is None and content.rows == 0:
            return
        rows, transaction = self._rows, self._transaction
        writes = transaction.writes
        assert writes is not None
        number = rows.table.number
        if row.body is None:
            text, created = encode_id(number, row.id), transaction.now_us
        else:
            text, created = read_head(row.body)
        body = None if content.rows == 0 else rows.body(row.place, content, text, created)
        writes.put_document(number, row.id, rows.table.shape, body)
        tail = created.to_bytes(8, "big") + row.id
        key, offsets = rows.key(row.place)
        if row.body is not None and body is not None:
            writes.touch_entry(rows.by_place, key + tail, offsets)
            writes.touch_entry(rows.by_creation, tail, ())
            return
        writes.put_entry(rows.by_place, key + tail, body is not None, offsets)
        writes.put_entry(rows.by_creation, tail, body is not None, ())


class _Row(NamedTuple):
    """A row as it is before a change."""

    place: Place
    id: bytes
    content: Content
    body: bytes | None


#: Rows of one level whose `start` is in a range.
Reading = Callable[[int, bytes, bytes], "list[tuple[bytes, Content]]"]


def cover(read: Reading, start: bytes, stop: bytes, level: int = LEVELS) -> Content:
    """All groups in ``[start, stop)`` of a space: the runs that lie in it, and what is left at its ends."""
    if level == 0:
        return combined(content for _start, content in read(0, start, stop))
    runs = read(level, start, stop)
    if not runs:
        return cover(read, start, stop, level - 1)
    first, last = runs[0][0], runs[-1][0]
    parts = [content for _start, content in islice(runs, len(runs) - 1)]
    if start < first:
        parts.append(cover(read, start, first, level - 1))
    parts.append(cover(read, last, stop, level - 1))
    return combined(parts)


def bounds(prefix: bytes, start: bytes, stop: bytes) -> tuple[bytes, bytes]:
    """The keys under `prefix` of rows whose `start` is in a range."""
    low = prefix + encode_key_part(start.hex()) if start else prefix
    high = prefix + encode_key_part(stop.hex()) if stop != END else parts_end(prefix)
    return low, high
