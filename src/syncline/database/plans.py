"""How a `where` is answered: which index, which part of it, what is left to filter and to sort.

The order of a result does not depend on the index chosen: it is the order of the range field if there is one,
then of creation. So an index that serves the conditions in that order is preferred to one that narrows further
but would need a sort, and a plan is made once per table and shape of conditions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .catalog import IndexBinding, TableBinding
from .conditions import CREATED

Shape = tuple[tuple[str, str], ...]  # (field, kind) of each condition, in order


@dataclass(frozen=True, slots=True)
class Plan:
    """Read `index` (None: the order of creation) by equality on `equal`, then the range of `range_field`.

    `order_field` is the field that orders the result before creation does, or None. `sort` says that the index
    does not give that order.
    """

    index: IndexBinding | None
    equal: tuple[str, ...]
    range_field: str | None
    filters: tuple[str, ...]
    order_field: str | None
    sort: bool
    #: Where the conditions on `equal`, and the one on `range_field`, stand among those given.
    equal_at: tuple[int, ...] = ()
    range_at: int | None = None


def _placed(plan: Plan, shape: Shape) -> Plan:
    """The plan with the places of its conditions filled in."""
    at = {name: position for position, (name, _kind) in enumerate(shape)}
    return replace(
        plan,
        equal_at=tuple(at[name] for name in plan.equal),
        range_at=at[plan.range_field] if plan.range_field is not None else None,
    )


def make_plan(table: TableBinding, shape: Shape, first: str | None = None) -> Plan:
    """The plan for conditions of `shape` on `table`. An index that fixes the field `first` goes before all others."""
    equal = [name for name, kind in shape if kind == "equal"]
    ranges = [name for name, kind in shape if kind == "range"]
    contains = [name for name, kind in shape if kind == "contains"]
    order_field = order_of(shape)
    best: tuple[tuple[bool, int, int, int], Plan] | None = None
    for index in (None, *table.indexes):
        plan = _try_index(index, equal, ranges, contains, order_field)
        if plan is None:
            continue
        # More equalities first, then the range, then an order that needs no sort; ties go to the shorter index.
        rank = (
            first in plan.equal,
            len(plan.equal) * 2 + (plan.range_field is not None),
            0 if plan.sort else 1,
            -len(index.fields) if index is not None else 0,
        )
        if best is None or rank > best[0]:
            best = (rank, plan)
    assert best is not None  # The order of creation always serves.
    return _placed(best[1], shape)


def order_of(shape: Shape) -> str | None:
    """The field that orders a result before creation does."""
    ranges = [name for name, kind in shape if kind == "range"]
    return next((name for name in ranges if name != CREATED), CREATED if ranges else None)


def unordered_plan(shape: Shape) -> Plan:
    """The plan for documents that come from elsewhere than an index: everything is left to check and to sort."""
    return Plan(None, (), None, tuple(name for name, _kind in shape), order_of(shape), True)


def narrowed_index_plan(
    table: TableBinding, plan: Plan, shape: Shape, field: str, kind: str, *, one: bool
) -> Plan | None:
    """A plan in the order of an explicit `.index(...)` that fixes `field`, too; None if no index can serve it.

    `shape` is that of the index's conditions with the one on `field` at the end. `one`: there is one value of `field`,
    so that it has no part in the order.
    """
    assert plan.index is not None
    rest = plan.index.fields[len(plan.equal) :]
    if field in rest:
        if not one or field == plan.range_field:
            return None
        rest = tuple(name for name in rest if name != field)
    fixed = {*plan.equal, field}
    each = {plan.index.each_field, field if kind == "contains" else None} - {None}
    for index in table.indexes:
        if (
            {index.each_field} - {None} == each
            and set(index.fields[: len(fixed)]) == fixed
            and index.fields[len(fixed) :] == rest
        ):
            equal = index.fields[: len(fixed)]
            return _placed(Plan(index, equal, plan.range_field, (), None, False), shape)
    return None


def _try_index(
    index: IndexBinding | None,
    equal: list[str],
    ranges: list[str],
    contains: list[str],
    order_field: str | None,
) -> Plan | None:
    fields: tuple[str, ...] = index.fields if index is not None else ()
    each_field = index.each_field if index is not None else None
    used: list[str] = []
    range_field: str | None = None
    for name in fields:
        if name in (contains if name == each_field else equal):
            used.append(name)
            continue
        if name in ranges and name != each_field:
            range_field = name
        break
    if each_field is not None and each_field not in used:
        # One entry per element: only a condition on the element finds each document once, and finds it at all.
        return None
    if index is not None and not used and range_field is None:
        return None
    covered = len(used) + (range_field is not None)
    if range_field is None and len(used) == len(fields) and CREATED in ranges:
        range_field = CREATED
        in_order = order_field == CREATED
    else:
        in_order = order_field == range_field and covered == len(fields)
    filters = [name for name in (*equal, *ranges, *contains) if name not in used and name != range_field]
    return Plan(index, tuple(used), range_field, tuple(filters), order_field, not in_order)


def index_plan(index: IndexBinding, shape: Shape) -> Plan | str:
    """The plan of an explicit `.index(...)`, in that index's own order, or why there is none."""
    kinds = dict(shape)
    used: list[str] = []
    range_field: str | None = None
    for name in index.fields:
        kind = kinds.get(name)
        if kind == ("contains" if name == index.each_field else "equal"):
            used.append(name)
        elif kind == "range" and name != index.each_field:
            range_field = name
            break
        else:
            break
    if index.each_field is not None and index.each_field not in used:
        return f"{index.label} has an entry per element: say which one, {index.each_field}=contains(...)"
    left = [name for name in kinds if name not in used and name != range_field]
    if left == [CREATED] and range_field is None and len(used) == len(index.fields):
        left = []
        range_field = CREATED
    if left:
        return (
            f"{index.label} ({', '.join(index.fields)}) cannot use {', '.join(left)}: an index is used by equality on "
            "its first fields, then at most one range on the next. Use .where(...) for the rest"
        )
    return _placed(Plan(index, tuple(used), range_field, (), None, False), shape)
