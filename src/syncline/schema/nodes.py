"""The types of the schema language as a tree of nodes, and its leaves.

A node is a description: it says how it looks to people and to clients, and it compiles into two functions, made
once and called for every value:

    encoder   Python value -> wire Value        checks, and gives the one canonical form
    decoder   wire Value -> Python value        checks, unless the value comes from the store

Both raise Mismatch. What they need beyond the hint (table numbers, whether to check) comes in a Binding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias, cast

from syncline.values import SAFE_INTEGER, Int64, InvalidValueError, Json, Value, decode_canonical, encode_json

from .binding import Binding, Decoder, Encoder
from .mismatch import Mismatch, show

#: The types that a reader of the wire can tell apart.
Kind: TypeAlias = Literal["null", "int64", "number", "boolean", "string", "bytes", "array", "object"]
#: A field with a default may be left out where clients write (input) and is always there where they read (output).
Side: TypeAlias = Literal["input", "output"]
#: The types around the one that is being described: where descriptions of recursive types stop.
Within: TypeAlias = "tuple[TypeNode, ...]"

ALL_KINDS: frozenset[Kind] = frozenset(
    ("null", "int64", "number", "boolean", "string", "bytes", "array", "object")
)


class TypeNode(ABC):
    """One type. Equal hints give equal trees; nodes hold no state besides their description."""

    #: The kinds of values that it can have on the wire.
    kinds: frozenset[Kind]
    #: Whether its Python value can never be changed in place.
    frozen: bool = True
    #: Whether the wire value and the Python value are the same thing.
    identity: bool = False

    @abstractmethod
    def describe(self) -> str:
        """The type as an author writes it: `list[str] | None`."""

    @abstractmethod
    def spec(self, side: Side, within: Within = ()) -> Json:
        """The type as a validator in the JSON form that Convex's tools read."""

    @abstractmethod
    def encoder(self, binding: Binding) -> Encoder: ...

    @abstractmethod
    def decoder(self, binding: Binding) -> Decoder: ...

    def shape(self, within: Within = ()) -> Json:
        """What stored values of this type look like: equal shapes accept the same values."""
        return self.describe()

    def children(self) -> tuple[TypeNode, ...]:
        return ()

    def bare(self) -> TypeNode:
        """The type without its constraints: what a value is compared with."""
        return self

    def fits(self, value: object) -> bool:
        """Whether a wire value has this type, for telling the members of a union apart."""
        try:
            self.decoder(Binding())(cast("Value", value))
        except Mismatch:
            return False
        return True


class NullNode(TypeNode):
    kinds = frozenset({"null"})
    identity = True

    def describe(self) -> str:
        return "None"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "null"}

    def encoder(self, binding: Binding) -> Encoder:
        return _null

    def decoder(self, binding: Binding) -> Decoder:
        return _null


class BoolNode(TypeNode):
    kinds = frozenset({"boolean"})
    identity = True

    def describe(self) -> str:
        return "bool"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "boolean"}

    def encoder(self, binding: Binding) -> Encoder:
        return _boolean

    def decoder(self, binding: Binding) -> Decoder:
        return _boolean


class IntNode(TypeNode):
    """A JS number that is integral."""

    kinds = frozenset({"number"})

    def describe(self) -> str:
        return "int"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "number"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_int

    def decoder(self, binding: Binding) -> Decoder:
        return cast("Decoder", int) if binding.trusted else _decode_int


class FloatNode(TypeNode):
    kinds = frozenset({"number"})
    identity = True

    def describe(self) -> str:
        return "float"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "number"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_stored_float if binding.stored else _encode_float

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_float


class Int64Node(TypeNode):
    kinds = frozenset({"int64"})
    identity = True

    def describe(self) -> str:
        return "Int64"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "bigint"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_int64

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_int64


class StrNode(TypeNode):
    kinds = frozenset({"string"})
    identity = True

    def describe(self) -> str:
        return "str"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "string"}

    def encoder(self, binding: Binding) -> Encoder:
        return encode_text

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_text


class BytesNode(TypeNode):
    kinds = frozenset({"bytes"})
    identity = True

    def describe(self) -> str:
        return "bytes"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "bytes"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_bytes

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_bytes


class AnyNode(TypeNode):
    """Any value of the wire: None, bool, float, Int64, str, bytes, list and dict of them. Ints become floats."""

    kinds = ALL_KINDS
    frozen = False

    def describe(self) -> str:
        return "Any"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "any"}

    def encoder(self, binding: Binding) -> Encoder:
        if (plain := binding.plain) is not None:
            return lambda value: encode_any(plain(value))
        return _encode_stored_any if binding.stored else encode_any

    def decoder(self, binding: Binding) -> Decoder:
        return _same


def _same(value: Value) -> object:
    return value


def _null(value: object) -> None:
    if value is not None:
        raise Mismatch("None", value)


def _boolean(value: object) -> bool:
    if value is True or value is False:
        return value
    raise Mismatch("bool", value)


def _encode_int(value: object) -> Value:
    # bool is a subclass of int and must not pass; hence exact types first.
    if type(value) is int and -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch("int", value)
    return float(_integral(value))


def _decode_int(value: Value) -> object:
    if type(value) is not float:
        raise Mismatch("int", value)
    return _integral(value)


def _integral(value: float) -> int:
    if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        raise Mismatch("int within ±2**53 (use Int64 for more)", value, got=_number(value))
    if value != int(value):
        raise Mismatch("int", value, got=f"{show(value)}, which is not integral")
    return int(value)


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an int of {value.bit_length()} bits"
    return show(value)


def _encode_float(value: object) -> Value:
    if type(value) is float:
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Mismatch("float", value)
    if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
        raise Mismatch(
            "float (this int has no exact one; write float(...) to round it)", value, got=_number(value)
        )
    return float(value)


def _encode_stored_float(value: object) -> Value:
    if type(value) is float:
        return value + 0.0  # -0.0 + 0.0 is 0.0: two zeros would be two keys in an index.
    return cast("float", _encode_float(value)) + 0.0


def _decode_float(value: Value) -> object:
    if type(value) is not float:
        raise Mismatch("float", value)
    return value


def _encode_int64(value: object) -> Value:
    if type(value) is Int64:
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise Mismatch("Int64", value)
    try:
        return Int64(value)
    except ValueError:
        raise Mismatch("Int64 (-2**63 to 2**63 - 1)", value, got=_number(value)) from None


def _decode_int64(value: Value) -> object:
    if type(value) is not Int64:
        raise Mismatch("Int64 (a bigint)", value)
    return value


def encode_text(value: object) -> Value:
    if type(value) is not str:
        if not isinstance(value, str):
            raise Mismatch("str", value)
        value = str.__str__(value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Mismatch(
                "str", value, got=f"{value[:40]!a}, which holds half of a surrogate pair"
            ) from None
    return value


def _decode_text(value: Value) -> object:
    if type(value) is not str:
        raise Mismatch("str", value)
    return value


def _encode_bytes(value: object) -> Value:
    if type(value) is bytes:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(cast("bytearray", value))
    raise Mismatch("bytes", value)


def _decode_bytes(value: Value) -> object:
    if type(value) is not bytes:
        raise Mismatch("bytes", value)
    return value


def encode_any(value: object) -> Value:
    try:
        return decode_canonical(encode_json(value))
    except InvalidValueError as error:
        raise Mismatch.of_value(error, value) from None


def _encode_stored_any(value: object) -> Value:
    return _without_negative_zeros(encode_any(value))


def _without_negative_zeros(value: Value) -> Value:
    match value:
        case float():
            return value + 0.0
        case list():
            return [_without_negative_zeros(item) for item in value]
        case dict():
            return {name: _without_negative_zeros(item) for name, item in value.items()}
        case _:
            return value
