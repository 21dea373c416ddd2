"""What msgspec can decode by itself.

A typed decoder is several times faster than a tree that is walked afterwards. A type is native if every wire value
that msgspec reads as the native type is one that the node's own decoder takes as it is, or takes after this step.
"""

from __future__ import annotations

from typing import Any, Union, cast

from .containers import ConstrainedNode, ListNode, UnionNode
from .nodes import IntNode, Kind, TypeNode

_NATIVE: dict[Kind, Any] = {"null": None, "string": str, "number": float, "boolean": bool}


def native_type(node: TypeNode, *, ints: bool = False) -> Any:
    """The type to give msgspec for this node, or None. With `ints` it may read `5.0` as an int (strict=False)."""
    if isinstance(node, ListNode):
        item = native_type(node.item, ints=ints)
        return None if item is None else list.__class_getitem__(item)
    if isinstance(node, ConstrainedNode):
        return native_type(node.inner, ints=ints)
    if not node.kinds <= _NATIVE.keys():
        return None
    names = [
        cast("Any", int if kind == "number" and ints and is_int(node) else _NATIVE[kind])
        for kind in sorted(node.kinds)
    ]
    return cast("Any", Union)[tuple(names)]


def is_int(node: TypeNode) -> bool:
    """Whether its numbers are ints and nothing else."""
    match node:
        case IntNode():
            return True
        case ConstrainedNode():
            return is_int(node.inner)
        case UnionNode() if "number" in node.kinds:
            return all(is_int(member) for member in node.members if "number" in member.kinds)
        case ListNode():
            return is_int(node.item)
        case _:
            return False


def is_lax(node: TypeNode) -> bool:
    """Whether strict=False can change nothing but floats to ints: it would also read "5" as a number."""
    if isinstance(node, ListNode):
        return is_lax(node.item)
    return len(node.kinds - {"null"}) <= 1


def is_ready(node: TypeNode, *, trusted: bool, ints: bool = False) -> bool:
    """Whether what msgspec reads as the native type needs no further step. Constraints do, unless it is `trusted`."""
    match node:
        case ConstrainedNode():
            return trusted and is_ready(node.inner, trusted=trusted, ints=ints)
        case UnionNode():
            return all(is_ready(member, trusted=trusted, ints=ints) for member in node.members)
        case ListNode():
            return is_ready(node.item, trusted=trusted, ints=ints)
        case _:
            return node.identity or (ints and isinstance(node, IntNode))
