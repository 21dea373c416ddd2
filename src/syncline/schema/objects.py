"""Objects with declared fields: TypedDict, dataclass, msgspec.Struct, pydantic models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, cast

from syncline.values import Json, Value

from .binding import Binding, Decoder, Encoder
from .mismatch import Mismatch
from .nodes import Side, TypeNode, Within
from .scalars import LiteralNode

_In = TypeVar("_In")
_Out = TypeVar("_Out")

#: The attribute of a field that no instance has: the tag of a tagged msgspec.Struct.
TAG = ""

RecordForm: TypeAlias = Literal["TypedDict", "dataclass", "Struct", "pydantic model"]


@dataclass(frozen=True, slots=True)
class RecordField:
    """`name` on the wire, `attribute` in Python.

    `required`: it must be there when it is written. `present`: it is always there when it is read, because it is
    required or has a default.
    """

    name: str
    attribute: str
    node: TypeNode
    required: bool
    present: bool


class RecordNode(TypeNode):
    """An object with exactly these fields, and the Python class that stands for it.

    `fields` is set after the node is made, so that a class can contain itself.
    """

    kinds = frozenset({"object"})
    frozen = False

    def __init__(self, cls: type, form: RecordForm, build: Callable[[dict[str, object]], object]) -> None:
        self.cls = cls
        self.form: RecordForm = form
        self.fields: tuple[RecordField, ...] = ()
        self._build = build

    def describe(self) -> str:
        return self.cls.__name__

    def spec(self, side: Side, within: Within = ()) -> Json:
        return record_spec(self, self.fields, side, within)

    def shape(self, within: Within = ()) -> Json:
        if self in within:
            return {"recursive": self.cls.__qualname__}
        fields: list[Json] = [
            [field.name, field.node.shape((*within, self)), field.required]
            for field in sorted(self.fields, key=lambda field: field.name)
        ]
        return {"object": fields, "as": self.cls.__qualname__ if _is_recursive(self) else ""}

    def children(self) -> tuple[TypeNode, ...]:
        return tuple(field.node for field in self.fields)

    def encoder(self, binding: Binding) -> Encoder:
        if (known := binding.encoders.get(id(self))) is not None:
            return known
        # A class that contains itself meets this entry while its own encoder is being made.
        binding.encoders[id(self)] = lambda value: binding.encoders[id(self)](value)
        plan = [(field, field.node.encoder(binding)) for field in self.fields]
        encode = self._mapping_encoder(plan) if self.form == "TypedDict" else self._instance_encoder(plan)
        binding.encoders[id(self)] = encode
        return encode

    def _instance_encoder(self, plan: list[tuple[RecordField, Encoder]]) -> Encoder:
        steps = [(field.name, field.attribute, encode) for field, encode in plan if field.attribute != TAG]
        tags = {
            field.name: constant
            for field, _ in plan
            if field.attribute == TAG and isinstance(field.node, LiteralNode)
            for constant in field.node.wire
        }
        cls = self.cls

        def encode_instance(value: object) -> Value:
            if not isinstance(value, cls):
                raise Mismatch(self.describe(), value)
            encoded = tags.copy()
            for name, attribute, encode in steps:
                try:
                    encoded[name] = encode(getattr(value, attribute))
                except Mismatch as mismatch:
                    raise mismatch.within(f".{name}") from None
            return encoded

        return encode_instance

    def _mapping_encoder(self, plan: list[tuple[RecordField, Encoder]]) -> Encoder:
        def encode_mapping(value: object) -> Value:
            if not isinstance(value, Mapping):
                raise Mismatch(self.describe(), value)
            return convert_fields(plan, cast("Mapping[str, object]", value))

        return encode_mapping

    def decoder(self, binding: Binding) -> Decoder:
        if (known := binding.decoders.get(id(self))) is not None:
            return known
        binding.decoders[id(self)] = lambda value: binding.decoders[id(self)](value)
        plan = [(field, field.node.decoder(binding)) for field in self.fields]
        build = self._build

        def decode(value: Value) -> object:
            if type(value) is not dict:
                raise Mismatch(self.describe(), value)
            fields = convert_fields(plan, value)
            try:
                return build(fields)
            except (ValueError, TypeError) as error:  # what __post_init__ and validators of the class raise
                raise Mismatch(self.describe(), value, got=f"what it refuses: {error}") from None

        binding.decoders[id(self)] = decode
        return decode


def convert_fields(
    plan: Iterable[tuple[RecordField, Callable[[_In], _Out]]], value: Mapping[str, _In]
) -> dict[str, _Out]:
    """The fields of `value` converted, by their Python names. Raises Mismatch for a field that is missing or unknown."""
    converted: dict[str, _Out] = {}
    found = 0
    for field, convert in plan:
        name = field.name
        if name in value:
            found += 1
            try:
                converted[field.attribute] = convert(value[name])
            except Mismatch as mismatch:
                raise mismatch.within(f".{name}") from None
        elif field.required:
            raise _missing([each.name for each, _ in plan], value, field)
    if found != len(value):
        known = [field.name for field, _ in plan]
        raise Mismatch.surplus(next(name for name in value if name not in known), known, value)
    return converted


def _missing(known: list[str], value: Mapping[str, object], field: RecordField) -> Mismatch:
    """A field is missing; if there is one too many that looks like it, that is the better thing to say."""
    surplus = [name for name in value if name not in known]
    if surplus:
        return Mismatch.surplus(surplus[0], known, value)
    return Mismatch.missing(field.name, field.node.describe(), value)


def record_spec(node: TypeNode, fields: Iterable[RecordField], side: Side, within: Within) -> Json:
    """The validator of an object. A class within itself becomes `any` there: validators cannot refer back."""
    if node in within:
        return {"type": "any"}
    value: dict[str, Json] = {
        field.name: {
            "fieldType": field.node.spec(side, (*within, node)),
            "optional": not (field.required if side == "input" else field.present),
        }
        for field in fields
    }
    return {"type": "object", "value": value}


def _is_recursive(record: RecordNode) -> bool:
    pending = list(record.children())
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        if node is record:
            return True
        if id(node) not in seen:
            seen.add(id(node))
            pending.extend(node.children())
    return False
