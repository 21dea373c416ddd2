"""The query builder of `ctx.db`: lazy, immutable, narrowing its read set to what is consumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Generic, Literal, TypeVar, cast

from syncline.kernel.errors import ArgumentError, LimitError
from syncline.schema import Document, Index, Page, PaginationOptions
from syncline.store import Row
from syncline.values import prefix_end

from .catalog import TableBinding
from .conditions import CREATED, Condition, make_condition, merge_conditions
from .cursors import CursorCodec
from .plans import Plan, Shape, index_plan, make_plan
from .read_set import END
from .transaction import Transaction

D = TypeVar("D", bound=Document)
Predicate = Callable[[D], bool]
_TAIL = 24  # Creation time and id at the end of every key.


class Query(Generic[D]):
    """Documents of one table that satisfy conditions, in an order. Nothing is read before an end is called.

    Ends: `first`, `unique`, `exists`, `take`, `all`, `count`, `paginate`, or iteration.
    """

    __slots__ = ("_conditions", "_descending", "_filters", "_index", "_table", "_transaction")

    def __init__(
        self,
        transaction: Transaction,
        table: TableBinding,
        conditions: tuple[Condition, ...] = (),
        index: tuple[Plan, tuple[Condition, ...]] | None = None,
        filters: tuple[Predicate[D], ...] = (),
        descending: bool | None = None,
    ) -> None:
        self._transaction = transaction
        self._table = table
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
        return Query(self._transaction, table, made, self._index, self._filters, self._descending)

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
            self._transaction, self._table, self._conditions, (plan, made), self._filters, self._descending
        )

    def filter(self, predicate: Predicate[D]) -> Query[D]:
        """Only documents for which `predicate` is true. Rows that it refuses were read all the same."""
        filters = (*self._filters, predicate)
        return Query(self._transaction, self._table, self._conditions, self._index, filters, self._descending)

    def order(self, order: Literal["asc", "desc"]) -> Query[D]:
        """Ascending (the default) or descending."""
        if self._descending is not None:
            raise ArgumentError(f"query on {self._table.name}: .order(...) was given twice")
        if order not in ("asc", "desc"):
            raise ArgumentError(f'query on {self._table.name}: .order takes "asc" or "desc", got {order!r}')
        return Query(
            self._transaction, self._table, self._conditions, self._index, self._filters, order == "desc"
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
        access = self._access()
        if access.filters or access.plan.sort:
            found: list[D] = []
            if count:
                for item in self:
                    found.append(item)
                    if len(found) == count:
                        break
            return found
        table = self._table
        rows = self._transaction.first_rows(
            table.number,
            access.index_id,
            access.prefix,
            access.start,
            access.stop,
            bool(self._descending),
            count,
        )
        shape, load, upgrade = table.shape, table.codec.load, table.load
        # One call per document: results of many documents are common.
        return cast("list[D]", [load(row[3]) if row[2] == shape else upgrade(row[2], row[3]) for row in rows])

    def all(self) -> list[D]:
        """All documents, within the limits of a transaction."""
        return list(self)

    def count(self) -> int:
        """How many there are. Reads the range."""
        access = self._access()
        if access.filters:
            return sum(1 for _ in self)
        return self._transaction.count_keys(access.index_id, access.prefix, access.start, access.stop)

    def __iter__(self) -> Iterator[D]:
        access = self._access()
        if access.plan.sort:
            for _position, document in self._sorted(access):
                yield document
            return
        for row in self._rows(access, access.start, access.stop):
            document = self._document(row)
            if self._passes(access, document):
                yield document

    def paginate(self, options: PaginationOptions) -> Page[D]:
        """One page. Live pages keep their end, so that pages neither overlap nor leave gaps as data changes."""
        transaction = self._transaction
        if transaction.paginated:
            raise ArgumentError("a function paginates once: it called .paginate(...) a second time")
        transaction.paginated = True
        if options.num_items < 1 and options.end_cursor is None:
            raise ArgumentError("Must request at least 1 document while paginating")
        access = self._access()
        cursors = CursorCodec(transaction.cursor_key, self._description(access))
        after = b"" if options.cursor is None else cursors.read(options.cursor)
        pinned = options.end_cursor if options.end_cursor is not None else transaction.previous_journal
        until = cursors.read(pinned) if pinned is not None else b""
        if after is None:  # Behind the end: the empty page, for ever.
            transaction.journal = cursors.end()
            return Page([], True, cursors.end())
        if access.plan.sort:
            source: Iterator[tuple[bytes, D]] = self._sorted_between(access, after, until)
        else:
            source = self._between(access, after, until)
        limit = None if pinned is not None else options.num_items
        positions: list[bytes] = []
        items: list[D] = []
        last: bytes | None = None
        full = False
        for position, document in source:
            last = position
            if self._passes(access, document):
                items.append(document)
                positions.append(position)
                if len(items) == limit:
                    full = True
                    break
        if pinned is not None:
            end = pinned
            done = until is None
        elif full and last is not None:
            end, done = cursors.position(last), False
        else:
            end, done = cursors.end(), True
        transaction.journal = end
        split = cursors.position(positions[(len(positions) - 1) // 2]) if len(positions) > 2 else None
        crowded = transaction.documents_read * 4 > transaction.limits.read_documents * 3
        return Page(items, done, end, split, "SplitRecommended" if crowded and split else None)

    # Reading

    def _access(self) -> Access[D]:
        if self._index is not None:
            plan, conditions = self._index
            return Access(plan, self._table, conditions, self._conditions, self._filters)
        conditions = self._conditions
        shape: Shape = tuple([(item.field, item.kind) for item in conditions])
        found = self._table.plans.get(shape)
        if found is None:
            found = self._table.plans[shape] = make_plan(self._table, shape)
        plan = cast("Plan", found)
        filters = tuple([item for item in conditions if item.field in plan.filters]) if plan.filters else ()
        return Access(plan, self._table, conditions, filters, self._filters)

    def _rows(self, access: Access[D], start: bytes, stop: bytes) -> Iterator[Row]:
        return self._transaction.rows(
            self._table.number, access.index_id, access.prefix, start, stop, bool(self._descending)
        )

    def _document(self, row: Row) -> D:
        return cast("D", self._table.load(row[2], row[3]))

    def _passes(self, access: Access[D], document: D) -> bool:
        for condition in access.conditions:
            if not condition.holds(self._table, document):
                return False
        return all(predicate(document) for predicate in access.predicates)

    def _sorted(self, access: Access[D]) -> list[tuple[bytes, D]]:
        """All documents with their positions, in the order that no index serves."""
        found: list[tuple[bytes, D]] = []
        field = access.plan.order_field
        key_part = self._table.codec.key_part
        for row in self._rows(access, access.start, access.stop):
            document = self._document(row)
            if self._passes(access, document):
                head = b"" if field is None or field == CREATED else key_part(field, getattr(document, field))
                found.append((head + row[0][-_TAIL:], document))
        found.sort(key=lambda item: item[0], reverse=bool(self._descending))
        return found

    def _between(self, access: Access[D], after: bytes, until: bytes | None) -> Iterator[tuple[bytes, D]]:
        """Documents with positions in (after, until]; positions are keys without the equality prefix."""
        start, stop = access.start, access.stop
        prefix = access.prefix
        skip = len(prefix)
        # `until` is b"" where the page has no pinned end yet, and None where it is pinned to the end of the range.
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
        for row in self._rows(access, start, stop):
            yield row[0][skip:], self._document(row)

    def _sorted_between(
        self, access: Access[D], after: bytes, until: bytes | None
    ) -> Iterator[tuple[bytes, D]]:
        for position, document in self._sorted(access):
            if self._descending:
                inside = (not after or position < after) and (not until or position >= until)
            else:
                inside = (not after or position > after) and (not until or position <= until)
            if inside:
                yield position, document

    def _description(self, access: Access[D]) -> bytes:
        """What a cursor is bound to: table, order, conditions; not the index that happens to serve them."""
        hasher = blake2b(digest_size=16)
        hasher.update(f"{self._table.name} {self._descending or False} {access.plan.order_field}".encode())
        if self._index is not None:
            hasher.update(f" {access.plan.index}".encode())
        for item in sorted((*access.used, *self._conditions), key=lambda item: item.field):
            hasher.update(f"\0{item.field}\0{item.kind}\0".encode())
            hasher.update(item.start + b"\0" + (item.stop or b""))
        # The equality prefix is cut from positions, so where a plan fixes fewer fields (an index was removed), old
        # cursors must be refused instead of being read from another place.
        hasher.update(f"\0{len(access.plan.equal)} {access.plan.sort}".encode())
        return hasher.digest()


class Access(Generic[D]):
    """A plan with its values: a range of one index, and what is left to check on each document."""

    __slots__ = ("conditions", "filters", "index_id", "plan", "predicates", "prefix", "start", "stop", "used")

    def __init__(
        self,
        plan: Plan,
        table: TableBinding,
        used: tuple[Condition, ...],
        conditions: tuple[Condition, ...],
        predicates: tuple[Predicate[D], ...],
    ) -> None:
        self.plan = plan
        self.used = used
        self.conditions = conditions
        self.predicates = predicates
        self.filters = bool(conditions or predicates)
        self.index_id = plan.index.id if plan.index is not None else table.by_creation
        equal_at = plan.equal_at
        if len(equal_at) == 1:
            prefix = used[equal_at[0]].start
        else:
            prefix = b"".join([used[at].start for at in equal_at])
        self.prefix = prefix
        range_at = plan.range_at
        if range_at is not None:
            bounds = used[range_at]
            assert bounds.stop is not None
            self.start = prefix + bounds.start
            self.stop = prefix + bounds.stop
        else:
            self.start = prefix
            self.stop = (prefix_end(prefix) or END) if prefix else END
