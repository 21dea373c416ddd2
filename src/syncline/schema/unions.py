"""Whether the members of a union can be told apart by what is on the wire.

Two types overlap if some wire value fits both. That alone is harmless: `Literal["auto"] | str` reads "auto" as the
same string either way. They are confusable if some value would be read as different things.
"""

from __future__ import annotations

from itertools import combinations
from typing import TypeAlias

from .containers import ConstrainedNode, DictNode, ListNode, UnionNode
from .nodes import AnyNode, BoolNode, FloatNode, IntNode, NullNode, StrNode, TypeNode
from .objects import RecordNode
from .scalars import DateNode, DatetimeNode, DecimalNode, EnumNode, IdNode, LiteralNode, UuidNode

_Seen: TypeAlias = frozenset[tuple[int, int]]

#: String types of which no string is in two: dates and UUIDs have dashes where the others cannot.
_DISJOINT_TEXTS = (
    frozenset({DateNode, UuidNode}),
    frozenset({DateNode, DecimalNode}),
    frozenset({DateNode, IdNode}),
    frozenset({UuidNode, DecimalNode}),
    frozenset({UuidNode, IdNode}),
)


def first_confusion(members: tuple[TypeNode, ...]) -> tuple[TypeNode, TypeNode] | None:
    """The first two members that cannot be told apart, if there are any."""
    return next((pair for pair in combinations(members, 2) if confusable(*pair)), None)


def confusable(left: TypeNode, right: TypeNode) -> bool:
    """Whether some wire value would be read as different things by the two types."""
    match left, right:
        case (ConstrainedNode(), _):
            return confusable(left.inner, right)
        case (_, ConstrainedNode()):
            return confusable(left, right.inner)
        case (UnionNode(), _):
            return any(confusable(member, right) for member in left.children())
        case (_, UnionNode()):
            return any(confusable(left, member) for member in right.children())
        # An empty list or dict is the same in both.
        case (ListNode(), ListNode()):
            return confusable(left.item, right.item)
        case (DictNode(), DictNode()):
            return confusable(left.item, right.item)
        case (AnyNode(), NullNode()) | (NullNode(), AnyNode()):
            return False
        case (RecordNode(), RecordNode()) if left is right:
            return False
        case _:
            return not _same_reading(left, right) and overlap(left, right)


def overlap(left: TypeNode, right: TypeNode, seen: _Seen = frozenset()) -> bool:
    """Whether some wire value fits both types. Where it cannot be excluded the answer is yes."""
    if not left.kinds & right.kinds:
        return False
    if (id(left), id(right)) in seen:
        return True  # Recursive types that nothing has told apart so far are not told apart further in.
    seen = seen | {(id(left), id(right))}
    match left, right:
        case (ConstrainedNode(), _):
            return overlap(left.inner, right, seen)
        case (_, ConstrainedNode()):
            return overlap(left, right.inner, seen)
        case (UnionNode(), _):
            return any(overlap(member, right, seen) for member in left.children())
        case (_, UnionNode()):
            return any(overlap(left, member, seen) for member in right.children())
        case (RecordNode(), RecordNode()):
            return _records_overlap(left, right, seen)
        case (RecordNode() as record, DictNode() as entries) | (
            DictNode() as entries,
            RecordNode() as record,
        ):
            return all(overlap(field.node, entries.item, seen) for field in record.fields if field.required)
        case (LiteralNode() | EnumNode(), _):
            return any(right.fits(constant) for constant in left.wire)
        case (_, LiteralNode() | EnumNode()):
            return any(left.fits(constant) for constant in right.wire)
        case (IdNode(), IdNode()):
            return left.table == right.table  # The table is in the id.
        case _:
            return frozenset({type(left), type(right)}) not in _DISJOINT_TEXTS


def _records_overlap(left: RecordNode, right: RecordNode, seen: _Seen) -> bool:
    fields = {field.name: field for field in right.fields}
    for field in left.fields:
        other = fields.pop(field.name, None)
        if other is None:
            # Records are closed, so a field that one needs is one that the other refuses.
            if field.required:
                return False
        elif field.required and other.required and not overlap(field.node, other.node, seen):
            return False
    return not any(field.required for field in fields.values())


def _same_reading(left: TypeNode, right: TypeNode) -> bool:
    """Whether a value that fits both gives the same Python value in both."""
    if type(left) is type(right):
        return isinstance(
            left,
            BoolNode
            | IntNode
            | FloatNode
            | StrNode
            | NullNode
            | DatetimeNode
            | DateNode
            | UuidNode
            | DecimalNode
            | LiteralNode,
        )
    constants, other = (left, right) if isinstance(left, LiteralNode) else (right, left)
    return isinstance(constants, LiteralNode) and isinstance(other, StrNode | IntNode | BoolNode | NullNode)
