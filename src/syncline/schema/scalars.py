"""Leaves that are written as strings or numbers: ids, dates and times, UUIDs, decimals, literals and enums."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TypeAlias, cast
from uuid import UUID

from syncline.values import Int64, Json, Value, decode_id, encode_value

from .binding import Binding, Decoder, Encoder, TableNumbers
from .ids import Id
from .mismatch import Mismatch, show
from .nodes import Kind, Side, TypeNode, Within, encode_text
from .validators import validator_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Up to here (the year 2248) a float of milliseconds tells neighbouring microseconds apart.
_EXACT_MICROSECONDS = 2**43 * 1000
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

Constant: TypeAlias = "bool | int | float | str | None"


def milliseconds(created_us: int) -> float:
    """Microseconds since the epoch as the wire's milliseconds. `microseconds` gives exactly them back until 2248."""
    return created_us / 1000


def microseconds(created_ms: float) -> int:
    # Whole and fraction apart: a product of 16 digits would have no room left for the rounding.
    whole = int(created_ms)
    return whole * 1000 + round((created_ms - whole) * 1000)


class IdNode(TypeNode):
    """The id of a document in one table."""

    kinds = frozenset({"string"})

    def __init__(self, table: str, class_name: str) -> None:
        self.table = table
        self.class_name = class_name

    def describe(self) -> str:
        return f"Id[{self.class_name}]"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "id", "tableName": self.table}

    def shape(self, within: Within = ()) -> Json:
        return f"id({self.table})"

    def encoder(self, binding: Binding) -> Encoder:
        tables = binding.tables
        number = tables.number(self.table) if tables else None

        def encode(value: object) -> Value:
            if not isinstance(value, str):
                raise Mismatch(self.describe(), value)
            self._check(value, number, tables)
            return str.__str__(value)

        return encode

    def decoder(self, binding: Binding) -> Decoder:
        if binding.trusted:
            return cast("Decoder", Id)
        tables = binding.tables
        number = tables.number(self.table) if tables else None

        def decode(value: Value) -> object:
            if type(value) is not str:
                raise Mismatch(self.describe(), value)
            self._check(value, number, tables)
            return cast("object", Id(value))

        return decode

    def _check(self, text: str, number: int | None, tables: TableNumbers | None) -> None:
        try:
            found, _ = decode_id(text)
        except ValueError as error:
            raise Mismatch(self.describe(), text, got=str(error)) from None
        if tables is not None and found != number:
            name = tables.name(found)
            other = f"of the table {name}" if name else "of a table that does not exist"
            headline = (
                f'Found ID "{text}" from table `{name or found}`, which does not match the table name '
                f'in validator `v.id("{self.table}")`.'
            )
            raise Mismatch(self.describe(), text, got=f'the id "{text}" {other}', headline=headline)


class DatetimeNode(TypeNode):
    """An aware datetime; milliseconds since the epoch on the wire; always UTC when read."""

    kinds = frozenset({"number"})

    def describe(self) -> str:
        return "datetime"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "number"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_datetime

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_datetime


class DateNode(TypeNode):
    kinds = frozenset({"string"})

    def describe(self) -> str:
        return "date"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "string"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_date

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_date


class UuidNode(TypeNode):
    kinds = frozenset({"string"})

    def describe(self) -> str:
        return "UUID"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "string"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_uuid

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_uuid


class DecimalNode(TypeNode):
    """A finite Decimal as a string, digits kept as they are. Indexes order the strings, not the numbers."""

    kinds = frozenset({"string"})

    def describe(self) -> str:
        return "Decimal"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "string"}

    def encoder(self, binding: Binding) -> Encoder:
        return _encode_decimal

    def decoder(self, binding: Binding) -> Decoder:
        return _decode_decimal


class LiteralNode(TypeNode):
    """One of some constants; `5` and `True` are told apart although Python calls `1 == True`."""

    def __init__(self, constants: tuple[Constant, ...]) -> None:
        self.constants = constants
        self.wire = tuple(_wire_constant(constant) for constant in constants)
        self.kinds = frozenset(_KINDS[type(wire)] for wire in self.wire)

    def describe(self) -> str:
        return f"Literal[{', '.join(map(_quoted, self.constants))}]"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return _one_of(self.wire)

    def shape(self, within: Within = ()) -> Json:
        return _constants_shape(self.wire)

    def encoder(self, binding: Binding) -> Encoder:
        wire_of = {
            (type(constant), constant): wire for constant, wire in zip(self.constants, self.wire, strict=True)
        }
        # An integral float stands for the int, as in fields of type int.
        wire_of |= {(float, wire): wire for wire in self.wire if type(wire) is float}

        def encode(value: object) -> Value:
            if isinstance(value, str):
                value = str.__str__(value)
            try:
                return wire_of[(type(value), value)]  # type: ignore[index]  # any pair may be asked for
            except (KeyError, TypeError):
                raise Mismatch(self.describe(), value) from None

        return encode

    def decoder(self, binding: Binding) -> Decoder:
        constant_of = {
            (type(wire), wire): constant for wire, constant in zip(self.wire, self.constants, strict=True)
        }

        def decode(value: object) -> object:
            try:
                return constant_of[(type(value), value)]  # type: ignore[index]  # any pair may be asked for
            except (KeyError, TypeError):
                raise Mismatch(self.describe(), value, headline=self._headline(value)) from None

        return decode

    def _headline(self, value: object) -> str:
        if len(self.wire) > 1:
            return ""
        return f"`{show(value).removesuffix(' (str)')}` does not match literal validator `{validator_text(self.spec('input'))}`."


class EnumNode(TypeNode):
    """A member of an Enum, written as its value."""

    def __init__(self, enum: type[Enum]) -> None:
        self.enum = enum
        self.members = tuple(enum)
        self.wire = tuple(_wire_constant(cast("Constant", member.value)) for member in self.members)
        self.kinds = frozenset(_KINDS[type(wire)] for wire in self.wire)

    def describe(self) -> str:
        return self.enum.__name__

    def spec(self, side: Side, within: Within = ()) -> Json:
        return _one_of(self.wire)

    def shape(self, within: Within = ()) -> Json:
        return _constants_shape(self.wire)

    def encoder(self, binding: Binding) -> Encoder:
        enum = self.enum
        wire_of = {member.name: wire for member, wire in zip(self.members, self.wire, strict=True)}

        def encode(value: object) -> Value:
            if type(value) is enum:
                return wire_of[value.name]
            raise Mismatch(f"{enum.__name__} ({self._choices()})", value)

        return encode

    def decoder(self, binding: Binding) -> Decoder:
        member_of = {(type(wire), wire): member for wire, member in zip(self.wire, self.members, strict=True)}

        def decode(value: object) -> object:
            try:
                return member_of[(type(value), value)]  # type: ignore[index]  # any pair may be asked for
            except (KeyError, TypeError):
                raise Mismatch(f"{self.enum.__name__} ({self._choices()})", value) from None

        return decode

    def _choices(self) -> str:
        return ", ".join(_quoted(cast("Constant", member.value)) for member in self.members[:12])


_KINDS: dict[type, Kind] = {
    type(None): "null",
    bool: "boolean",
    float: "number",
    str: "string",
    Int64: "int64",
}


def is_constant(value: object) -> bool:
    """Whether a Literal or Enum may hold it."""
    return value is None or isinstance(value, bool | int | float | str)


def _wire_constant(constant: Constant) -> Value:
    if isinstance(constant, Int64 | bool) or constant is None:
        return constant
    return str.__str__(constant) if isinstance(constant, str) else float(constant)


def _one_of(constants: tuple[Value, ...]) -> Json:
    choices: list[Json] = [
        {"type": "null"} if constant is None else {"type": "literal", "value": encode_value(constant)}
        for constant in constants
    ]
    return choices[0] if len(choices) == 1 else {"type": "union", "value": choices}


def _constants_shape(constants: tuple[Value, ...]) -> Json:
    return {"oneOf": sorted((encode_value(constant) for constant in constants), key=repr)}


def _quoted(constant: Constant) -> str:
    return f'"{str.__str__(constant)}"' if isinstance(constant, str) else repr(constant)


def _encode_datetime(value: object) -> Value:
    if not isinstance(value, datetime):
        raise Mismatch("datetime", value)
    if value.tzinfo is None or value.utcoffset() is None:
        raise Mismatch(
            "an aware datetime, such as ctx.now or datetime.now(UTC)",
            value,
            got=f"{value.isoformat()} without a time zone",
        )
    whole = (value - EPOCH) // _MICROSECOND
    number = milliseconds(whole)
    if abs(whole) > _EXACT_MICROSECONDS and microseconds(number) != whole:
        raise Mismatch("a datetime in whole milliseconds (finer ones are exact up to 2248 only)", value)
    return number


def _decode_datetime(value: Value) -> object:
    if type(value) is not float:
        raise Mismatch("datetime (milliseconds since the epoch)", value)
    try:
        return EPOCH + timedelta(microseconds=microseconds(value))
    except (OverflowError, ValueError):  # NaN and the infinities too
        raise Mismatch("datetime (milliseconds since the epoch, within the years 1 to 9999)", value) from None


def _encode_date(value: object) -> Value:
    # A datetime is a date to isinstance, and would lose its time here.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise Mismatch("date", value)


def _decode_date(value: Value) -> object:
    if type(value) is str and len(value) == 10 and value.isascii():
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise Mismatch("date (YYYY-MM-DD)", value) from None
        # fromisoformat reads week dates too, of the same length.
        if value[4] == "-" and value[7] == "-" and value[5] != "W":
            return day
    raise Mismatch("date (YYYY-MM-DD)", value)


def _encode_uuid(value: object) -> Value:
    if isinstance(value, UUID):
        return str(value)
    raise Mismatch("UUID", value)


def _decode_uuid(value: Value) -> object:
    if type(value) is str and _UUID.fullmatch(value):
        return UUID(value)
    raise Mismatch("UUID (8-4-4-4-12 hexadecimal digits)", value)


def _encode_decimal(value: object) -> Value:
    if not isinstance(value, Decimal):
        raise Mismatch("Decimal", value)
    if not value.is_finite():
        raise Mismatch("a finite Decimal", value)
    return encode_text(str(value))


def _decode_decimal(value: Value) -> object:
    if type(value) is str and _DECIMAL.fullmatch(value):
        return Decimal(value)
    raise Mismatch("Decimal (a string of digits)", value)
