"""Python types, as the schema understands them, as JSON Schema (2020-12, which OpenAPI 3.1 uses).

Requests and results differ: what JSON does not have goes in as `{"$integer": ...}`, `{"$bytes": ...}` and comes out, in
the plain format, as a string; fields with defaults may be left out by those who send.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

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
    Side,
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
from syncline.values import SAFE_INTEGER, Int64, Json, Value, encode_value

Schema: TypeAlias = dict[str, Json]

#: Names in objects: printable ASCII that does not begin with `$`.
_NAME_PATTERN: Final = "^([ -#%-~][ -~]*)?$"
_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
_INT64: Final = "^[A-Za-z0-9+/]{10}[AEIMQUYcgkosw048]=$"
_ANY: Final = "AnyValue"


class SchemaWriter:
    """Writes schemas for one document; what is named in them is collected in `components`."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._names: dict[tuple[type, Side], str] = {}

    def write(self, node: TypeNode, side: Side) -> Schema:
        """The schema of a type. Classes become components, so that they can contain themselves."""
        plain = _PLAIN.get(type(node))
        if plain is not None:
            return dict(plain)
        match node:
            case ConstrainedNode():
                return self._constrained(node, side)
            case Int64Node():
                return _int64_form() if side == "input" else {"type": "string", "pattern": "^-?[0-9]+$"}
            case BytesNode():
                return _bytes_form() if side == "input" else {"type": "string", "contentEncoding": "base64"}
            case FloatNode():
                return {"type": "number"} if side == "input" else _float_result()
            case IdNode():
                text = f"The id of a document in `{node.table}`."
                return {"type": "string", "pattern": "^[0-9a-z]{31,37}$", "description": text}
            case LiteralNode() | EnumNode():
                return _constants(node.wire, side)
            case ListNode():
                return {"type": "array", "items": self.write(node.item, side)}
            case DictNode():
                return _object_of(self.write(node.item, side))
            case UnionNode():
                return {"anyOf": [self.write(member, side) for member in node.children()]}
            case PageNode():
                return self._page(node)
            case AnyNode():
                return self._any(side)
            case RecordNode():
                return self._reference(node, side)
            case _:
                raise TypeError(f"no JSON schema for {node.describe()}")

    def object(self, fields: Iterable[RecordField], side: Side) -> Schema:
        """An object with exactly these fields."""
        listed = list(fields)
        required: list[Json] = [
            field.name for field in listed if (field.required if side == "input" else field.present)
        ]
        properties: Schema = {field.name: self.write(field.node, side) for field in listed}
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            schema["required"] = required
        return schema

    def _reference(self, node: RecordNode, side: Side) -> Schema:
        key = (node.cls, side)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._free_name(node, side)
            self.components[name] = {}  # A class that contains itself meets this entry.
            self.components[name] = self.object(node.fields, side)
            if isinstance(node, PaginationNode):
                self._describe_pagination(self.components[name])
        return {"$ref": f"#/components/schemas/{name}"}

    def _free_name(self, node: RecordNode, side: Side) -> str:
        name = node.cls.__name__ + ("Input" if side == "input" else "")
        taken, number = name, 2
        while taken in self.components:
            taken, number = f"{name}{number}", number + 1
        return taken

    def _describe_pagination(self, schema: Schema) -> None:
        properties = schema["properties"]
        assert isinstance(properties, dict)
        properties["numItems"] = {"type": "integer", "minimum": 0, "maximum": SAFE_INTEGER}
        schema["description"] = (
            "`cursor` is null for the first page, then `continueCursor` of the page before."
        )

    def _page(self, node: PageNode) -> Schema:
        text_or_null: Json = {"type": ["string", "null"]}
        status: Json = {"enum": ["SplitRecommended", "SplitRequired", None]}
        properties: Schema = {
            "page": self.write(node.items, "output"),
            "isDone": {"type": "boolean"},
            "continueCursor": {"type": "string"},
            "splitCursor": text_or_null,
            "pageStatus": status,
        }
        return {"type": "object", "properties": properties, "required": ["page", "isDone", "continueCursor"]}

    def _any(self, side: Side) -> Schema:
        if side == "output":
            return {}
        if _ANY not in self.components:
            this: Schema = {"$ref": f"#/components/schemas/{_ANY}"}
            scalars: Json = {"type": ["null", "boolean", "number", "string"]}
            self.components[_ANY] = {
                "anyOf": [
                    scalars,
                    {"type": "array", "items": this},
                    _object_of(this),
                    _int64_form(),
                    _bytes_form(),
                ]
            }
        return {"$ref": f"#/components/schemas/{_ANY}"}

    def _constrained(self, node: ConstrainedNode, side: Side) -> Schema:
        schema = self.write(node.inner, side)
        kinds = node.inner.bare().kinds
        if not kinds <= {"number", "string", "array", "object"} or "$ref" in schema:
            return schema  # No keyword of JSON Schema reaches into the forms of the others.
        for meta in node.metas:
            for ours, theirs in _KEYWORDS[next(iter(kinds))].items():
                value = getattr(meta, ours)
                if value is not None:
                    schema[theirs] = value
        return schema


def default_of(node: TypeNode, default: object) -> Json:
    """A parameter's default in JSON. Raises Mismatch for what the type does not allow."""
    return _whole(encode_value(node.encoder(Binding())(default)))


def _object_of(values: Schema) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": _NAME_PATTERN}, "additionalProperties": values}


def _form(name: str, pattern: str) -> Schema:
    properties: Json = {name: {"type": "string", "pattern": pattern}}
    return {"type": "object", "properties": properties, "required": [name], "additionalProperties": False}


def _int64_form() -> Schema:
    text = "A whole number of 64 bits: its 8 bytes, little-endian, in base64."
    return _form("$integer", _INT64) | {"description": text}


def _bytes_form() -> Schema:
    return _form("$bytes", _BASE64) | {"description": "Bytes in base64."}


def _float_result() -> Schema:
    return {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}


def _constants(wire: Sequence[Value], side: Side) -> Schema:
    values = [
        str(each) if isinstance(each, Int64) and side == "output" else encode_value(each) for each in wire
    ]
    return {"enum": [_whole(value) for value in values]}


def _whole(value: Json) -> Json:
    """Integral numbers without a fraction: what people write."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {name: _whole(item) for name, item in value.items()}
        case _:
            return value


_PLAIN: Final[dict[type[TypeNode], Schema]] = {
    NullNode: {"type": "null"},
    BoolNode: {"type": "boolean"},
    IntNode: {"type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER},
    StrNode: {"type": "string"},
    DatetimeNode: {
        "type": "number",
        "minimum": -62_135_596_800_000,
        "maximum": 253_402_300_799_999,
        "description": "Milliseconds since 1970 (UTC).",
    },
    DateNode: {"type": "string", "format": "date"},
    UuidNode: {"type": "string", "format": "uuid"},
    DecimalNode: {
        "type": "string",
        "pattern": "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?$",
    },
}
_LENGTHS: Final = {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
_KEYWORDS: Final[dict[str, dict[str, str]]] = {
    "number": {
        "gt": "exclusiveMinimum",
        "ge": "minimum",
        "lt": "exclusiveMaximum",
        "le": "maximum",
        "multiple_of": "multipleOf",
    },
    "string": _LENGTHS,
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}
