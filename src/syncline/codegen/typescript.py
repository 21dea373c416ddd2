"""Python types, as the schema understands them, as TypeScript types of the official client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from syncline.schema.containers import ConstrainedNode, DictNode, ListNode, UnionNode
from syncline.schema.nodes import (
    AnyNode,
    BoolNode,
    BytesNode,
    FloatNode,
    Int64Node,
    IntNode,
    NullNode,
    StrNode,
    TypeNode,
)
from syncline.schema.objects import RecordField, RecordNode
from syncline.schema.scalars import (
    DateNode,
    DatetimeNode,
    DecimalNode,
    EnumNode,
    IdNode,
    LiteralNode,
    UuidNode,
)
from syncline.schema.signature_nodes import PageNode, PaginationNode, StoredNode

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")
_WORDS: dict[type[TypeNode], str] = {
    NullNode: "null",
    BoolNode: "boolean",
    IntNode: "number",
    FloatNode: "number",
    Int64Node: "bigint",
    StrNode: "string",
    BytesNode: "ArrayBuffer",
    AnyNode: "any",
    DatetimeNode: "number",
    DateNode: "string",
    UuidNode: "string",
    DecimalNode: "string",
}


class TypeWriter:
    """Writes types for one side: `input` is what clients send, `output` what they receive.

    They differ in fields with defaults, which may be left out by those who send.
    """

    def __init__(self, side: str) -> None:
        assert side in ("input", "output")
        self._output = side == "output"

    def write(self, node: TypeNode, within: tuple[TypeNode, ...] = ()) -> str:
        """The type of `node`. A class that contains itself is `any` where it does."""
        word = _WORDS.get(type(node))
        if word is not None:
            return word
        match node:
            case ConstrainedNode():
                return self.write(node.inner, within)
            case IdNode():
                return f'Id<"{node.table}">'
            case LiteralNode() | EnumNode():
                return union(map(constant, node.wire))
            case ListNode():
                return f"{grouped(self.write(node.item, within))}[]"
            case DictNode():
                return f"Record<string, {self.write(node.item, within)}>"
            case UnionNode():
                return union(self.write(member, within) for member in node.children())
            case PageNode():
                return f"PaginationResult<{self.write(node.item, within)}>"
            case PaginationNode():
                return "PaginationOptions"
            case StoredNode():
                return f'Doc<"{node.id_node.table}">'
            case RecordNode():
                return "any" if node in within else self.record(node.fields, (*within, node))
            case _:
                raise TypeError(f"no TypeScript type for {node.describe()}")

    def record(self, fields: Iterable[RecordField], within: tuple[TypeNode, ...] = ()) -> str:
        """An object type."""
        return object_type(
            (field.name, self.write(field.node, within), field.present if self._output else field.required)
            for field in fields
        )


def object_type(fields: Iterable[tuple[str, str, bool]]) -> str:
    """An object type of (name, type, whether it is always there)."""
    parts = [f"{name_of(name)}{'' if required else '?'}: {text}" for name, text, required in fields]
    return f"{{ {'; '.join(parts)} }}" if parts else "Record<string, never>"


def name_of(name: str) -> str:
    """A field's name, quoted if it must be."""
    return name if _NAME.match(name) else json.dumps(name)


def constant(value: object) -> str:
    """A literal type."""
    if value is None or isinstance(value, bool | str):
        return json.dumps(value)
    if isinstance(value, float):
        return json.dumps(int(value) if value.is_integer() else value)
    return f"{value}n"  # Int64


def union(types: Iterable[str]) -> str:
    """One of several types, each named once."""
    return " | ".join(dict.fromkeys(types))


def grouped(text: str) -> str:
    """A type as the element of an array type."""
    return f"({text})" if " | " in text and not text.startswith("{") else text


def comment(text: str | None, indent: str) -> Sequence[str]:
    """A docstring as the lines of a comment."""
    if not text:
        return ()
    lines = [line.rstrip().replace("*/", "*\\/") for line in text.strip().splitlines()]
    if len(lines) == 1:
        return (f"{indent}/** {lines[0]} */",)
    return (f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */")
