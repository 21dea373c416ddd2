"""Aggregates: counts and sums that are kept while documents change, as they stand in a document class."""

from __future__ import annotations

from syncline.kernel.errors import SetupError

from .containers import UnionNode
from .index import Index
from .nodes import FloatNode, Int64Node, IntNode, TypeNode


class Aggregate(Index):
    """Count, sum, average, least and greatest value of a field, by groups: `by_team = Aggregate("amount", by=("team",))`.

        ctx.db.sum(Payment.by_team, team="red")
        ctx.db.count(Payment.by_team)
        ctx.db.groups(Payment.by_team)

    They are part of the transaction that changes a document, and read without reading documents: for the groups that
    the first fields of `by` make, and for a range of the next one. Without a field there are counts only. An aggregate
    is also an index over `by` and the field. None counts as a document, and is left out of everything else.
    """

    __slots__ = ("by", "field")

    def __init__(self, field: str | None = None, *, by: tuple[str, ...] = ()) -> None:
        super().__init__(*by, *(() if field is None else (field,)))
        self.field = field
        self.by = by

    def repeats(self, other: Index) -> bool:
        return isinstance(other, Aggregate) and (other.field, other.by) == (self.field, self.by)

    def __repr__(self) -> str:
        parts = [] if self.field is None else [repr(self.field)]
        return f"Aggregate({', '.join([*parts, *([f'by={self.by!r}'] if self.by else [])])})"


def check_aggregate(cls: str, aggregate: Aggregate, nodes: dict[str, TypeNode]) -> None:
    """Raise SetupError for a field that has no sum."""
    if aggregate.field is None or is_number(nodes[aggregate.field]):
        return
    raise SetupError(
        f"{cls}.{aggregate.name}: {aggregate.field} is {nodes[aggregate.field].describe()}, which has no sum",
        f"aggregate a field of type int, float or Int64; to count documents, leave it out: Aggregate(by=({aggregate.field!r},))",
    )


def is_number(node: TypeNode) -> bool:
    """Whether values of the type, but for None, are numbers."""
    return isinstance(number_node(node), IntNode | FloatNode | Int64Node)


def number_node(node: TypeNode) -> TypeNode:
    """The type without constraints and without None."""
    bare = node.bare()
    if isinstance(bare, UnionNode) and len(bare.members) == 1:
        bare = bare.members[0].bare()
    return bare
