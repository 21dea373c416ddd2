"""Reading aggregates: a row for a group, a few for a range of groups, and the documents where a rule demands it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from syncline.kernel.errors import ArgumentError, LimitError
from syncline.schema import Aggregate, number_node
from syncline.schema.nodes import Int64Node, IntNode
from syncline.values import Int64, Value

from .aggregate_content import EMPTY, Content, combined, content_of, rounded, value_of_part
from .aggregate_keeping import bounds, cover
from .aggregate_rows import AggregateRows, place_of
from .catalog import Catalog, IndexBinding, TableBinding
from .conditions import Condition, make_condition
from .query import Query
from .read_set import END
from .rules import TableRule
from .transaction import Transaction

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Group:
    """One of the groups that `ctx.db.groups(...)` gives."""

    #: The value of the field of `by` that tells the groups apart.
    key: Any
    count: int
    sum: float
    avg: float | None
    min: float | None
    max: float | None


class Numbers:
    """What a content says, in the types of the aggregated field."""

    def __init__(self, table: TableBinding, aggregate: Aggregate) -> None:
        node = None if aggregate.field is None else number_node(table.spec.by_name[aggregate.field].node)
        self._whole = isinstance(node, IntNode)
        self._int64 = isinstance(node, Int64Node)
        self._label = f"{table.name}.{aggregate.name}"

    def sum(self, content: Content) -> float:
        if self._whole and not any(content.odd):
            return int(content.total)
        if self._int64:
            if int(content.total) not in _INT64:
                raise LimitError(f"the sum of {self._label} is beyond 64 bits: {content.total}")
            return Int64(int(content.total))
        return rounded(content.total, content.odd)

    def avg(self, content: Content) -> float | None:
        if content.numbers == 0:
            return None
        if any(content.odd):
            return rounded(content.total, content.odd)
        return rounded(Fraction(content.total) / content.numbers, content.odd)

    def extreme(self, part: str | None) -> float | None:
        if part is None:
            return None
        value = value_of_part(part)
        return int(value) if self._whole and math.isfinite(value) else value

    def group(self, key: object, content: Content) -> Group:
        least, most = self.extreme(content.least), self.extreme(content.most)
        return Group(key, content.rows, self.sum(content), self.avg(content), least, most)


class AggregateReading:
    """Reads one aggregate for one caller."""

    def __init__(
        self, transaction: Transaction, catalog: Catalog, aggregate: Aggregate, needs_field: bool
    ) -> None:
        self._transaction = transaction
        self.table, self._index = _find(catalog, aggregate)
        self._aggregate = aggregate
        if needs_field and aggregate.field is None:
            raise ArgumentError(
                f'{self._index.label} has counts only: name the field to add up, Aggregate("field", by={aggregate.by!r})'
            )
        self._rows = AggregateRows(catalog, self._index.id)
        self.numbers = Numbers(self.table, aggregate)

    def content(self, given: dict[str, object], rule: TableRule | None) -> Content:
        """The aggregate of the documents that the caller may see and that satisfy the conditions."""
        conditions = self._conditions(given)
        cases = self._cases(conditions, rule)
        if cases is None:
            return combined(content for _part, content in self._read_documents(conditions, rule, None))
        return combined(self._kept(parts, bound) for parts, bound in cases)

    def groups(self, given: dict[str, object], rule: TableRule | None) -> list[tuple[bytes, Content]]:
        """The groups that the next field of `by` makes, in the order of its values."""
        conditions = self._conditions(given)
        by = self._aggregate.by
        depth = 0
        while depth < len(by) and any(
            item.field == by[depth] and item.kind == "equal" for item in conditions
        ):
            depth += 1
        if depth == len(by):
            raise ArgumentError(
                f"groups: {self._index.label} has no groups within {', '.join(by) or 'the whole'}: leave a condition out, "
                "or use count, sum, avg, min and max"
            )
        cases = self._cases(conditions, rule)
        found: dict[bytes, list[Content]] = {}
        if cases is None or any(len(parts) != depth for parts, _bound in cases):
            for part, content in self._read_documents(conditions, rule, by[depth]):
                found.setdefault(part, []).append(content)
        else:
            for parts, bound in cases:
                low, high = (b"", END) if bound is None else (bound.start, cast("bytes", bound.stop))
                for part, content in self._level(b"".join(parts), 0, low, high):
                    found.setdefault(part, []).append(content)
        return [(part, combined(contents)) for part, contents in sorted(found.items())]

    def key_of(self, given: dict[str, object], part: bytes) -> object:
        """The value of the field that tells groups apart, from its part of a key."""
        field = next(name for name in self._aggregate.by if not self._is_fixed(given, name))
        return self.table.codec.value_of_part(field, part)

    def _is_fixed(self, given: dict[str, object], name: str) -> bool:
        return name in given and make_condition(self.table, name, given[name]).kind == "equal"

    def _conditions(self, given: dict[str, object]) -> tuple[Condition, ...]:
        conditions = tuple([make_condition(self.table, name, value) for name, value in given.items()])
        for item in conditions:
            if item.field not in self._aggregate.by:
                raise ArgumentError(
                    f"{self._index.label} is kept by ({', '.join(self._aggregate.by)}), so it knows nothing of "
                    f"{item.field}: declare an Aggregate with it in `by`, or read the documents with a query"
                )
        return conditions

    def _cases(
        self, conditions: tuple[Condition, ...], rule: TableRule | None
    ) -> list[tuple[tuple[bytes, ...], Condition | None]] | None:
        """The groups to read, each with a range of the field after it; None if documents must be read."""
        if rule is None:
            place = self._place(conditions)
            if place is None:
                raise ArgumentError(
                    f"{self._index.label} is kept by ({', '.join(self._aggregate.by)}): fix its first fields by equality, "
                    "then give at most one range of the next; or declare an Aggregate with another order"
                )
            return [place]
        narrowing = rule.narrow(conditions)
        if narrowing is None:
            return None
        if narrowing.kind == "nothing":
            return []
        every: Sequence[tuple[Condition, ...]] = [conditions]
        if narrowing.field is not None:
            if narrowing.kind != "equal" or narrowing.field not in self._aggregate.by:
                return None
            if len(narrowing.parts) > self._transaction.limits.rule_ranges:
                return None
            field = narrowing.field
            every = [(*conditions, Condition(field, "equal", part, None)) for part in narrowing.parts]
        places = [self._place(each) for each in every]
        return None if None in places else cast("Any", places)

    def _place(self, conditions: Sequence[Condition]) -> tuple[tuple[bytes, ...], Condition | None] | None:
        """The parts of a group and a range of the field after it, if that is what the conditions are."""
        by_field = {item.field: item for item in conditions}
        parts: list[bytes] = []
        for name in self._aggregate.by:
            item = by_field.get(name)
            if item is None or item.kind != "equal":
                break
            parts.append(by_field.pop(name).start)
        following = self._aggregate.by[len(parts)] if len(parts) < len(self._aggregate.by) else None
        bound = by_field.pop(following, None) if following is not None else None
        if by_field or (bound is not None and bound.kind != "range"):
            return None
        return tuple(parts), bound

    def _kept(self, parts: tuple[bytes, ...], bound: Condition | None) -> Content:
        rows = self._rows
        if bound is None:
            found = self._transaction.get(rows.table.number, rows.id_of(place_of(parts)))
            return EMPTY if found is None else rows.content(*found)
        space = b"".join(parts)
        assert bound.stop is not None
        return cover(
            lambda level, start, stop: list(self._level(space, level, start, stop)), bound.start, bound.stop
        )

    def _level(self, space: bytes, level: int, start: bytes, stop: bytes) -> Iterator[tuple[bytes, Content]]:
        rows = self._rows
        prefix = rows.prefix(space, level)
        low, high = bounds(prefix, start, stop)
        for key, _ts, shape, body in self._transaction.rows(
            rows.table.number, rows.by_place, prefix, low, high
        ):
            yield rows.start_of(key, prefix), rows.content(shape, body)

    def _read_documents(
        self, conditions: tuple[Condition, ...], rule: TableRule | None, group: str | None
    ) -> Iterator[tuple[bytes, Content]]:
        """Each document that the caller may see, with the part of the field `group`."""
        table, field = self.table, self._aggregate.field
        for document in Query[Any](self._transaction, table, rule, conditions):
            value: Any = None if field is None else getattr(document, field)
            if value is not None and not isinstance(value, Int64):
                value = float(value)
            content = Content(1) if field is None else content_of(cast("Value", value))
            part = b"" if group is None else table.codec.key_part(group, getattr(document, group))
            yield part, content


def _find(catalog: Catalog, aggregate: Aggregate) -> tuple[TableBinding, IndexBinding]:
    for table in catalog.by_number.values():
        index = table.by_index.get(aggregate)
        if index is not None and index in table.aggregates:
            return table, index
    raise ArgumentError(f"{aggregate!r} is not an aggregate of a table of this application")
