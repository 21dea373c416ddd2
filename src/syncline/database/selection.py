"""What a query reads: ranges of one plan, narrowed by the rule of the table, and what is left to check.

A rule that fixes a field by equality becomes a part of the ranges if an index has that field, without changing the
order of the result: one range for an owner, one for each membership. Otherwise each row is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

from syncline.schema import Document
from syncline.values import parts_end

from .catalog import TableBinding
from .conditions import Condition
from .plans import Plan, Shape, make_plan, narrowed_index_plan, unordered_plan
from .read_set import END
from .rules import Narrowing, TableRule

D = TypeVar("D", bound=Document)
Predicate = Callable[[D], bool]


class KeyRange(NamedTuple):
    """Keys in ``[start, stop)`` of an index, all of which begin with `prefix`."""

    index_id: int
    prefix: bytes
    start: bytes
    stop: bytes


class Selection(Generic[D]):
    """A plan with its values. `ranges` are merged in the order of the plan; a document may be in several of them."""

    __slots__ = ("bound", "conditions", "filters", "ids", "plan", "predicates", "ranges", "rule")

    def __init__(
        self,
        plan: Plan,
        ranges: tuple[KeyRange, ...],
        conditions: tuple[Condition, ...],
        predicates: tuple[Predicate[D], ...],
        rule: TableRule | None = None,
        *,
        bound: tuple[Condition, ...] = (),
        ids: tuple[bytes, ...] | None = None,
    ) -> None:
        self.plan = plan
        self.ranges = ranges
        #: What each document is asked, in this order: conditions, the rule, predicates. Application code never gets to
        #: see a document that the caller may not.
        self.conditions = conditions
        self.rule = rule
        self.predicates = predicates
        self.filters = bool(conditions or predicates or rule is not None or ids is not None)
        #: Conditions of the rule that cursors are bound to, besides those of the query.
        self.bound = bound
        #: The internal ids of the only documents that may be seen; then there are no ranges.
        self.ids = ids


def range_of(table: TableBinding, plan: Plan, used: Sequence[Condition]) -> KeyRange:
    """The keys that a plan reads, with the values of its conditions."""
    equal_at = plan.equal_at
    if len(equal_at) == 1:
        prefix = used[equal_at[0]].start
    else:
        prefix = b"".join([used[at].start for at in equal_at])
    index_id = plan.index.id if plan.index is not None else table.by_creation
    if plan.range_at is not None:
        bounds = used[plan.range_at]
        assert bounds.stop is not None
        return KeyRange(index_id, prefix, prefix + bounds.start, prefix + bounds.stop)
    return KeyRange(index_id, prefix, prefix, parts_end(prefix) if prefix else END)


def select(
    table: TableBinding,
    conditions: tuple[Condition, ...],
    index: tuple[Plan, tuple[Condition, ...]] | None,
    predicates: tuple[Predicate[D], ...],
    rule: TableRule | None,
    most_ranges: int,
) -> Selection[D]:
    """What a query reads. `index` is the plan of an explicit `.index(...)` with the conditions in it."""
    if rule is not None:
        narrowing = rule.narrow(conditions if index is None else (*index[1], *conditions))
        if narrowing is None:
            return _unnarrowed(table, conditions, index, predicates, rule)
        if narrowing.kind == "nothing":
            found = _unnarrowed(table, conditions, index, predicates, None)
            found.ranges = ()
            return found
        if narrowing.field is not None:
            return _narrowed(table, conditions, index, predicates, rule, narrowing, most_ranges)
    return _unnarrowed(table, conditions, index, predicates, None)


def _unnarrowed(
    table: TableBinding,
    conditions: tuple[Condition, ...],
    index: tuple[Plan, tuple[Condition, ...]] | None,
    predicates: tuple[Predicate[D], ...],
    rule: TableRule | None,
) -> Selection[D]:
    """As the query says, and each document is asked about."""
    if index is not None:
        plan, used = index
        return Selection(plan, (range_of(table, plan, used),), conditions, predicates, rule)
    shape: Shape = tuple([(item.field, item.kind) for item in conditions])
    plan = _plan(table, shape)
    left = tuple([item for item in conditions if item.field in plan.filters]) if plan.filters else ()
    return Selection(plan, (range_of(table, plan, conditions),), left, predicates, rule)


def _narrowed(
    table: TableBinding,
    conditions: tuple[Condition, ...],
    index: tuple[Plan, tuple[Condition, ...]] | None,
    predicates: tuple[Predicate[D], ...],
    rule: TableRule,
    narrowing: Narrowing,
    most_ranges: int,
) -> Selection[D]:
    """The ranges of the parts that the rule allows, if an index has them and they are not too many."""
    field, kind, parts, bound = narrowing
    assert field is not None
    plan: Plan | None = None
    given = conditions if index is None else index[1]
    if len(parts) <= most_ranges:
        shape: Shape = tuple([(item.field, item.kind) for item in given])
        if kind == "id":
            if index is None:
                plan = unordered_plan(shape)
                return Selection(plan, (), conditions, predicates, ids=tuple(parts))
        elif index is None:
            plan = _plan(table, (*shape, (field, kind)), field)
        else:
            plan = _index_plan(table, index[0], (*shape, (field, kind)), one=bound)
    if plan is None or field not in plan.equal:
        return _unnarrowed(table, conditions, index, predicates, rule)
    added = [Condition(field, kind, part, None) for part in parts]
    ranges = tuple([range_of(table, plan, (*given, condition)) for condition in added])
    left = conditions
    if index is None:
        left = tuple([item for item in conditions if item.field in plan.filters]) if plan.filters else ()
    return Selection(plan, ranges, left, predicates, bound=tuple(added) if bound else ())


def _plan(table: TableBinding, shape: Shape, first: str | None = None) -> Plan:
    key = shape if first is None else (shape, first)
    found = table.plans.get(key)
    if found is None:
        found = table.plans[key] = make_plan(table, shape, first)
    return cast("Plan", found)


def _index_plan(table: TableBinding, plan: Plan, shape: Shape, *, one: bool) -> Plan | None:
    key = (plan, shape, one)
    if key not in table.plans:
        field, kind = shape[-1]
        table.plans[key] = narrowed_index_plan(table, plan, shape, field, kind, one=one)
    return cast("Plan | None", table.plans[key])
