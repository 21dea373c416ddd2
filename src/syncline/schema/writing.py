"""The body of a document: JSON as it goes to clients, written once and spliced ever after.

    {"_creationTime":1800000000000.123,"_id":"j57...","author":...}

The two system fields come first (reading them does not decode the rest), then the fields in sorted order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, cast

import msgspec

from syncline.values import Value, encode_json

from .containers import ConstrainedNode, ListNode, UnionNode
from .nodes import FloatNode, Kind, TypeNode
from .scalars import microseconds, milliseconds

BodyWriter: TypeAlias = Callable[[Mapping[str, Value], str, int], bytes]

# The hook is for ids given as `Id`: msgspec does not take subclasses of str for strings.
_write: Final = msgspec.json.Encoder(order="sorted", enc_hook=str.__str__).encode
_CREATION_TIME: Final = len(b'{"_creationTime":')
_ID: Final = b',"_id":"'
#: Kinds that JSON has itself.
_PLAIN: Final[frozenset[Kind]] = frozenset({"null", "boolean", "string", "number", "array", "object"})


def write_body(fields: Mapping[str, Value], text: str, created_us: int) -> bytes:
    """The body of the document with the id `text`, inserted at `created_us` (microseconds)."""
    rest = encode_json(fields)
    head = b'{"_creationTime":%b,"_id":"%b"' % (repr(milliseconds(created_us)).encode(), text.encode())
    return head + b"}" if rest == b"{}" else head + b"," + rest[1:]


def read_head(body: bytes) -> tuple[str, int]:
    """The id in a body and its creation time (microseconds), without decoding the rest."""
    end = body.index(_ID)
    start = end + len(_ID)
    text = body[start : body.index(b'"', start)].decode("ascii")
    return text, microseconds(float(body[_CREATION_TIME:end]))


def body_writer(fields: Sequence[tuple[str, TypeNode]]) -> BodyWriter:
    """`write_body` for documents of one class: without a walk over the values where types make it needless."""
    # Upper case sorts before "_", and the system fields have to come first.
    if not all(_is_plain(node, ()) for _, node in fields) or any(name[:1] < "_" for name, _ in fields):
        return write_body
    # Of what is left only floats can be something that JSON does not have.
    floats = [name for name, node in fields if isinstance(_bare(node), FloatNode)]
    float_lists = [name for name, node in fields if name not in floats and _holds_floats(node, ())]
    if any(not _is_float_list(_bare(node)) for name, node in fields if name in float_lists):
        return write_body

    def write(fields: Mapping[str, Value], text: str, created_us: int) -> bytes:
        for name in floats:
            number = cast("float | None", fields[name])
            if number is not None and number - number != 0.0:
                return write_body(fields, text, created_us)
        for name in float_lists:
            # The sum of a list is finite only if all its numbers are.
            total = sum(cast("list[float] | None", fields[name]) or ())
            if total - total != 0.0:
                return write_body(fields, text, created_us)
        return _write({"_creationTime": created_us / 1000, "_id": text, **fields})

    return write


def _is_plain(node: TypeNode, within: tuple[TypeNode, ...]) -> bool:
    """Whether JSON has all its values itself, NaN and the infinities aside."""
    if not node.kinds <= _PLAIN:
        return False
    return node in within or all(_is_plain(child, (*within, node)) for child in node.children())


def _holds_floats(node: TypeNode, within: tuple[TypeNode, ...]) -> bool:
    if isinstance(node, FloatNode):
        return True
    return node not in within and any(_holds_floats(child, (*within, node)) for child in node.children())


def _is_float_list(node: TypeNode) -> bool:
    return isinstance(node, ListNode) and isinstance(node.item, FloatNode)


def _bare(node: TypeNode) -> TypeNode:
    """The type without its constraints and without None."""
    while isinstance(node, ConstrainedNode):
        node = node.inner
    return _bare(node.members[0]) if isinstance(node, UnionNode) and len(node.members) == 1 else node
