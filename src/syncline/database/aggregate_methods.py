"""The part of `ctx.db` that reads aggregates."""

from __future__ import annotations

from syncline.schema import Aggregate

from .aggregate_reading import AggregateReading, Group
from .catalog import Catalog
from .rules import Guard, TableRule
from .transaction import Transaction


class AggregateMethods:
    """Counts, sums and the like, which are kept while documents change: see `Aggregate`.

    Conditions are as those of `where`, on the first fields of `by`: equality, and then at most one range.
    """

    __slots__ = ()

    _transaction: Transaction
    _catalog: Catalog
    _guard: Guard | None

    def count(self, aggregate: Aggregate, /, **conditions: object) -> int:
        """How many documents there are in a group, or in all of them."""
        reading = AggregateReading(self._transaction, self._catalog, aggregate, False)
        return reading.content(conditions, self._rule_of(reading)).rows

    def sum(self, aggregate: Aggregate, /, **conditions: object) -> float:
        """The sum of the aggregated field: an int for a field of type int, Int64 for Int64. Of nothing it is 0."""
        reading = AggregateReading(self._transaction, self._catalog, aggregate, True)
        return reading.numbers.sum(reading.content(conditions, self._rule_of(reading)))

    def avg(self, aggregate: Aggregate, /, **conditions: object) -> float | None:
        """The average, None of nothing."""
        reading = AggregateReading(self._transaction, self._catalog, aggregate, True)
        return reading.numbers.avg(reading.content(conditions, self._rule_of(reading)))

    def min(self, aggregate: Aggregate, /, **conditions: object) -> float | None:
        """The least value, None of nothing."""
        reading = AggregateReading(self._transaction, self._catalog, aggregate, True)
        return reading.numbers.extreme(reading.content(conditions, self._rule_of(reading)).least)

    def max(self, aggregate: Aggregate, /, **conditions: object) -> float | None:
        """The greatest value, None of nothing."""
        reading = AggregateReading(self._transaction, self._catalog, aggregate, True)
        return reading.numbers.extreme(reading.content(conditions, self._rule_of(reading)).most)

    def groups(self, aggregate: Aggregate, /, **conditions: object) -> list[Group]:
        """The groups that the first field of `by` without an equality condition makes, in the order of its values."""
        reading = AggregateReading(self._transaction, self._catalog, aggregate, False)
        found = reading.groups(conditions, self._rule_of(reading))
        return [reading.numbers.group(reading.key_of(conditions, part), content) for part, content in found]

    def _rule_of(self, reading: AggregateReading) -> TableRule | None:
        return None if self._guard is None else self._guard.rule(reading.table)
