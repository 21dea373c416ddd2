"""Types of a release, as the schema understands them, as Python text for clients without the application's code."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, cast
from uuid import UUID

from syncline.schema.binding import Binding
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
from syncline.schema.signature_nodes import PageNode, PaginationNode
from syncline.values import Int64

_WORDS: Final[dict[type[TypeNode], str]] = {
    NullNode: "None",
    BoolNode: "bool",
    IntNode: "int",
    FloatNode: "float",
    Int64Node: "Int64",
    StrNode: "str",
    BytesNode: "bytes",
    AnyNode: "Any",
    DatetimeNode: "datetime",
    DateNode: "date",
    UuidNode: "UUID",
    DecimalNode: "Decimal",
}


#: Names that a generated module has for itself.
RESERVED: Final = frozenset(
    (
        "Any",
        "Api",
        "Decimal",
        "Int64",
        "Literal",
        "NewType",
        "NotRequired",
        "Page",
        "PaginationOptions",
        "TypedDict",
    )
) | {"UUID", "api", "date", "datetime", "remote"}


class PythonTypes:
    """Writes types, and collects the declarations that they need: ids and TypedDicts."""

    def __init__(self) -> None:
        #: Names of ids, by table.
        self.ids: dict[str, str] = {}
        #: TypedDicts by name, each after those that it refers to.
        self.records: dict[str, str] = {}
        #: Names of those that are being written: they are referred to in quotes.
        self._open: set[str] = set()
        self._names: dict[tuple[type, bool], str] = {}

    def write(self, node: TypeNode, *, output: bool) -> str:
        """The type of `node`, of what clients receive (`output`) or send."""
        word = _WORDS.get(type(node))
        if word is not None:
            return word
        match node:
            case ConstrainedNode():
                return self.write(node.inner, output=output)
            case IdNode():
                return self.ids.setdefault(node.table, f"{node.class_name}Id")
            case LiteralNode():
                return f"Literal[{', '.join(map(repr, node.constants))}]"
            case EnumNode():
                return self._enum(node)
            case ListNode():
                return f"list[{self.write(node.item, output=output)}]"
            case DictNode():
                return f"dict[str, {self.write(node.item, output=output)}]"
            case UnionNode():
                return " | ".join(dict.fromkeys(self.write(each, output=output) for each in node.children()))
            case PageNode():
                return f"Page[{self.write(node.item, output=output)}]"
            case PaginationNode():
                return "PaginationOptions"
            case RecordNode():
                return self._record(node, output=output)
            case _:
                raise TypeError(f"no Python type for {node.describe()}")

    def _enum(self, node: EnumNode) -> str:
        values = [_plain(value) for value in node.wire]
        if any(isinstance(value, float) for value in values):
            return "float"  # no Literal holds one
        return f"Literal[{', '.join(map(repr, values))}]"

    def _record(self, node: RecordNode, *, output: bool) -> str:
        key = node.cls, output
        name = self._names.get(key)
        if name is None:
            if not output and not _differs(node, set()):
                return self._record(node, output=True)
            name = self._free(node.cls.__name__ if output else f"{node.cls.__name__}Input")
            self._names[key] = name
            self._open.add(name)
            declaration = self._declaration(name, node, output=output)
            self._open.remove(name)
            self.records[name] = declaration
        return name

    def _free(self, name: str) -> str:
        taken = {*self.records, *self._open, *self.ids.values(), *RESERVED}
        while name in taken:
            name += "_"
        return name

    def _declaration(self, name: str, node: RecordNode, *, output: bool) -> str:
        fields = [(field.name, self._field(field, output=output)) for field in node.fields]
        lines = [f"    {json_name(field)}: {text}," for field, text in fields]
        return "\n".join([f'{name} = TypedDict("{name}", {{', *lines, "})"])

    def _field(self, field: RecordField, *, output: bool) -> str:
        text = self.write(field.node, output=output)
        if used(self._open, text):
            text = json_name(text)
        return text if (field.present if output else field.required) else f"NotRequired[{text}]"


def json_name(name: str) -> str:
    """A string literal."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def identifier(name: str) -> str:
    """A name that Python takes."""
    return f"{name}_" if keyword.iskeyword(name) or name in ("None", "True", "False") else name


def default(value: object, node: TypeNode) -> str:
    """An expression for a default, in the form that clients send."""
    match value:
        case Enum():
            return repr(_plain(value.value))
        case Int64():
            return f"Int64({int(value)})"
        case None | bool() | int() | float() | str() | bytes():
            return repr(value)
        case datetime():
            return f'datetime.fromisoformat("{value.isoformat()}")'
        case date():
            return f'date.fromisoformat("{value.isoformat()}")'
        case UUID() | Decimal():
            return f'{type(value).__name__}("{value}")'
        case list() | tuple():
            return f"[{', '.join(default(each, node) for each in cast('list[object]', value))}]"
        case dict():
            items = cast("dict[str, object]", value).items()
            return "{" + ", ".join(f"{json_name(name)}: {default(each, node)}" for name, each in items) + "}"
        case _:
            # An object of a class: what goes on the wire for it.
            return default(node.encoder(Binding())(value), node)


def _differs(node: TypeNode, seen: set[TypeNode]) -> bool:
    """Whether what is sent may leave out fields that are always received."""
    if node in seen:
        return False
    seen.add(node)
    if isinstance(node, RecordNode) and any(field.required != field.present for field in node.fields):
        return True
    return any(_differs(child, seen) for child in node.children())


def _plain(value: object) -> Any:
    """A number as people write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def used(words: Iterable[str], text: str) -> list[str]:
    """Those of `words` that occur in a program text as names."""
    names = set(_split(text))
    return [word for word in words if word in names]


def _split(text: str) -> list[str]:
    return "".join(char if char.isalnum() or char == "_" else " " for char in text).split()
