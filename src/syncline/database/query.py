"""The query builder of `ctx.db`: lazy, immutable, narrowing its read set to what is consumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Generic, Literal, TypeVar, cast

from syncline.kernel.errors import ArgumentError, LimitError
from syncline.schema import Document, Index, Page, PaginationOptions, SearchIndex, VectorIndex, created_us_of
from syncline.store import Row

from .catalog import TableBinding
from .conditions import CREATED, Condition, make_condition, merge_conditions
from .nearest import Nearest, make_nearest
from .pages import begin_page, make_page
from .plans import Plan, index_plan
from .rules import TableRule
from .search import Search, make_search
from .selection import KeyRange, Predicate, Selection, select
from .transaction import Transaction

D = TypeVar("D", bound=Document)
_TAIL = 24  # Creation time and id at the end of every key.
_position = itemgetter(0)


class Query(Generic[D]):
    """Documents of one table that satisfy conditions, in an order. Nothing is read before an end is called.

    Ends: `first`, `unique`, `exists`, `take`, `all`, `count`, `paginate`, or iteration.
    """

    __slots__ = ("_conditions", "_descending", "_filters", "_index", "_rule", "_table", "_transaction")

    def __init__(
        self,
        transaction: Transaction,
        table: TableBinding,
        rule: TableRule | None = None,
        conditions: tuple[Condition, ...] = (),
        index: tuple[Plan, tuple[Condition, ...]] | None = None,
        filters: tuple[Predicate[D], ...] = (),
        descending: bool | None = None,
    ) -> None:
        self._transaction = transaction
        self._table = table
        self._rule = rule
        self._conditions = conditions
        self._index = index
        self._filters = filters
        self._descending = descending

    # Building

    def where(self, **conditions: object) -> Query[D]:
        """Documents whose fields equal the values or lie in the bounds given; finds the index by itself."""
        table = self._table
        made = tuple([make_condition(table, name, value) for name, value in conditions.items()])
        if self._conditions:
            made = merge_conditions(self._conditions, made)
        return Query(self._transaction, table, self._rule, made, self._index, self._filters, self._descending)

    def index(self, index: Index, **conditions: object) -> Query[D]:
        """Read by `index`, in its order: equality on its first fields, then at most one range on the next."""
        if self._index is not None:
            raise ArgumentError(f"query on {self._table.name}: .index(...) was given twice")
        binding = self._table.by_index.get(index)
        if binding is None:
            known = ", ".join(item.index.name for item in self._table.indexes) or "none"
            raise ArgumentError(f"{index!r} is not an index of {self._table.name} (its indexes: {known})")
        made = tuple([make_condition(self._table, name, value) for name, value in conditions.items()])
        plan = index_plan(binding, tuple([(item.field, item.kind) for item in made]))
        if isinstance(plan, str):
            raise ArgumentError(plan)
        return Query(
            self._transaction,
            self._table,
            self._rule,
            self._conditions,
            (plan, made),
            self._filters,
            self._descending,
        )

    def filter(self, predicate: Predicate[D]) -> Query[D]:
        """Only documents for which `predicate` is true. Rows that it refuses were read all the same."""
        filters = (*self._filters, predicate)
        return Query(
            self._transaction,
            self._table,
            self._rule,
            self._conditions,
            self._index,
            filters,
            self._descending,
        )

    def order(self, order: Literal["asc", "desc"]) -> Query[D]:
        """Ascending (the default) or descending."""
        if self._descending is not None:
            raise ArgumentError(f"query on {self._table.name}: .order(...) was given twice")
        if order not in ("asc", "desc"):
            raise ArgumentError(f'query on {self._table.name}: .order takes "asc" or "desc", got {order!r}')
        return Query(
            self._transaction,
            self._table,
            self._rule,
            self._conditions,
            self._index,
            self._filters,
            order == "desc",
        )

    def search(self, index: SearchIndex, text: str, **filters: object) -> Search[D]:
        """Documents that have words of `text`, the best first: its last word may be the beginning of one.

        `filters` are values of the index's filter fields. Conditions given before are checked on what is found.
        """
        table = self._table
        if self._index is not None or self._descending is not None:
            raise ArgumentError(
                f"query on {table.name}: a search has its own order, the best first: leave .index and .order out"
            )
        return make_search(
            self._transaction, table, self._rule, index, text, filters, self._conditions, self._filters
        )

    def nearest(
        self, index: VectorIndex, vector: Sequence[float], limit: int = 10, **filters: object
    ) -> Nearest[D]:
        """The `limit` documents whose vectors are nearest to `vector` (by cosine), the nearest first.

        `filters` are values of the index's filter fields. With conditions given before, all documents that satisfy them
        are read and compared.
        """
        table = self._table
        if self._index is not None or self._descending is not None:
            raise ArgumentError(
                f"query on {table.name}: nearest has its own order, the nearest first: leave .index and .order out"
            )
        candidates = self if self._conditions else None
        return make_nearest(
            self._transaction, table, self._rule, index, vector, limit, filters, self._filters, candidates
        )

    # Ends

    def first(self) -> D | None:
        """The first document, or None."""
        found = self.take(1)
        return found[0] if found else None

    def unique(self) -> D | None:
        """The only document, or None; an error if there are more."""
        found = self.take(2)
        if len(found) > 1:
            raise LimitError(
                f"query on {self._table.name}: unique() found more than one document ({found[0].id}, {found[1].id}). "
                "Use first(), or make the index unique=True"
            )
        return found[0] if found else None

    def exists(self) -> bool:
        """Whether there is any."""
        return bool(self.take(1))

    def take(self, count: int) -> list[D]:
        """The first `count` documents, or fewer."""
        if count < 0:
            raise ArgumentError(
                f"query on {self._table.name}: take({count}) - the count must not be negative"
            )
        selection = self._select()
        if selection.filters or selection.plan.sort or len(selection.ranges) != 1:
            return [document for _, document in islice(self._found(selection), count)]
        table = self._table
        rows = self._transaction.first_rows(table.number, *selection.ranges[0], bool(self._descending), count)
        shape, load, upgrade = table.shape, table.codec.load, table.load
        # One call per document: results of many documents are common.
        return cast("list[D]", [load(row[3]) if row[2] == shape else upgrade(row[2], row[3]) for row in rows])

    def all(self) -> list[D]:
        """All documents, within the limits of a transaction."""
        return list(self)

    def count(self) -> int:
        """How many there are. Reads the range."""
        selection = self._select()
        ranges, index = selection.ranges, selection.plan.index
        if selection.filters or (len(ranges) > 1 and index is not None and index.each_field is not None):
            return sum(1 for _ in self._found(selection))
        return sum([self._transaction.count_keys(*keys) for keys in ranges])

    def __iter__(self) -> Iterator[D]:
        selection = self._select()
        if selection.plan.sort or len(selection.ranges) != 1:
            for _position, document in self._found(selection):
                yield document
            return
        # As in `_found`, without positions: they are for merging and for pages.
        load, descending = self._table.load, bool(self._descending)
        for row in self._transaction.rows(self._table.number, *selection.ranges[0], descending):
            document = cast("D", load(row[2], row[3]))
            if not selection.filters or self._passes(selection, document):
                yield document

    def paginate(self, options: PaginationOptions) -> Page[D]:
        """One page. Live pages keep their end, so that pages neither overlap nor leave gaps as data changes."""
        begin_page(self._transaction, options)
        selection = self._select()
        return make_page(
            self._transaction, options, self._description(selection), partial(self._found, selection)
        )

    # Reading

    def _select(self) -> Selection[D]:
        transaction = self._transaction
        selection = select(
            self._table,
            self._conditions,
            self._index,
            self._filters,
            self._rule,
            transaction.limits.rule_ranges,
        )
        if selection.conditions:
            transaction.unserved_queries += 1
        if transaction.observer is not None:
            transaction.observer.selected(self._table, selection)
        return selection

    def _found(
        self, selection: Selection[D], after: bytes = b"", until: bytes | None = b""
    ) -> Iterator[tuple[bytes, D]]:
        """Documents with their positions, in order, read as consumed: those with positions in (after, until].

        Positions are keys without the equality prefix. `until` is b"" where a page has no pinned end yet, and None
        where it is pinned to the end of the range.
        """
        descending = bool(self._descending)
        if selection.plan.sort:
            for position, document in self._sorted(selection):
                if descending:
                    inside = (not after or position < after) and (not until or position >= until)
                else:
                    inside = (not after or position > after) and (not until or position <= until)
                if inside:
                    yield position, document
            return
        sources = [self._positions(keys, after, until) for keys in selection.ranges]
        merged = sources[0] if len(sources) == 1 else merge(*sources, key=_position, reverse=descending)
        before = None
        for position, row in merged:
            if position == before:
                continue  # It is in several of the ranges.
            before = position
            document = cast("D", self._table.load(row[2], row[3]))
            if self._passes(selection, document):
                yield position, document

    def _positions(self, keys: KeyRange, after: bytes, until: bytes | None) -> Iterator[tuple[bytes, Row]]:
        """The rows of a range with their positions."""
        index_id, prefix, start, stop = keys
        if self._descending:
            if after:
                stop = min(stop, prefix + after)
            if until:
                start = max(start, prefix + until)
        else:
            if after:
                start = max(start, prefix + after + b"\x00")
            if until:
                stop = min(stop, prefix + until + b"\x00")
        skip = len(prefix)
        rows = self._transaction.rows(
            self._table.number, index_id, prefix, start, stop, bool(self._descending)
        )
        for row in rows:
            yield row[0][skip:], row

    def _passes(self, selection: Selection[D], document: D) -> bool:
        for condition in selection.conditions:
            if not condition.holds(self._table, document):
                return False
        # Before the predicates: what is hidden from the caller is hidden from them.
        if selection.rule is not None and not selection.rule.sees(document):
            return False
        return all(predicate(document) for predicate in selection.predicates)

    def _sorted(self, selection: Selection[D]) -> list[tuple[bytes, D]]:
        """All documents with their positions, in the order that no index serves."""
        found: dict[bytes, D] = {}
        field = selection.plan.order_field
        key_part = self._table.codec.key_part
        for tail, document in self._unsorted(selection):
            if self._passes(selection, document):
                head = b"" if field is None or field == CREATED else key_part(field, getattr(document, field))
                found[head + tail] = document
        return sorted(found.items(), key=_position, reverse=bool(self._descending))

    def _unsorted(self, selection: Selection[D]) -> Iterator[tuple[bytes, D]]:
        """Documents with the end of their positions: creation time and id."""
        table, transaction = self._table, self._transaction
        for index_id, prefix, start, stop in selection.ranges:
            for row in transaction.rows(table.number, index_id, prefix, start, stop, bool(self._descending)):
                yield row[0][-_TAIL:], cast("D", table.load(row[2], row[3]))
        for internal in selection.ids or ():
            stored = transaction.get(table.number, internal)
            if stored is not None:
                document = cast("D", table.load(*stored))
                yield created_us_of(document).to_bytes(8, "big") + internal, document

    def _description(self, selection: Selection[D]) -> bytes:
        """What a cursor is bound to: table, order, conditions; not the index that happens to serve them."""
        plan = selection.plan
        hasher = blake2b(digest_size=16)
        hasher.update(f"{self._table.name} {self._descending or False} {plan.order_field}".encode())
        used = self._conditions
        if self._index is not None:
            hasher.update(f" {plan.index}".encode())
            used = (*self._index[1], *used)
        for item in sorted((*used, *selection.bound), key=lambda item: item.field):
            hasher.update(f"\0{item.field}\0{item.kind}\0".encode())
            hasher.update(item.start + b"\0" + (item.stop or b""))
        # The equality prefix is cut from positions, so where a plan fixes fewer fields (an index was removed), old
        # cursors must be refused instead of being read from another place.
        hasher.update(f"\0{len(plan.equal)} {plan.sort}".encode())
        return hasher.digest()
