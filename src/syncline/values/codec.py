"""Values to JSON and back, in the form that goes over the wire and into the store.

Canonical JSON has its fields sorted, no spaces, every number as a float (`5.0`), and the `$` forms for what
JSON does not have: `{"$integer": base64}` for Int64, `{"$bytes": base64}`, and `{"$float": base64}` for NaN,
the infinities and -0.0 only. All NaNs are one: they are written with the bits that JavaScript uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

import msgspec

from .forms import DECODERS, encode_bytes, encode_float, encode_int64
from .names import check_names
from .types import (
    MAX_NESTING,
    Int64,
    InvalidValueError,
    Json,
    Value,
    float_of,
    step_to,
)

_write: Final = msgspec.json.Encoder(order="sorted").encode
_read: Final[Callable[[bytes | str], Json]] = msgspec.json.Decoder().decode


def encode_json(value: object) -> bytes:
    """`value` as canonical JSON. Raises InvalidValueError (a ValueError) naming what cannot be sent, and where."""
    tree = encode_value(value)
    try:
        return _write(tree)
    except UnicodeEncodeError:
        raise _lone_surrogate(tree) from None


def decode_json(raw: bytes | str) -> Value:
    """The value that `raw` stands for. Every JSON number becomes a float; of equal names the last one counts.

    Raises InvalidValueError (a ValueError) for anything that is not the encoding of a value.
    """
    return decode_value(parse_json(raw))


def parse_json(raw: bytes | str) -> Json:
    """`raw` as a JSON tree. Raises InvalidValueError for malformed JSON, in whatever way it is malformed."""
    try:
        return _read(raw)
    except RecursionError:
        raise InvalidValueError.too_nested() from None
    except UnicodeError:
        raise InvalidValueError("the JSON is not valid UTF-8") from None
    except msgspec.DecodeError as error:
        raise InvalidValueError(str(error)) from None


def decode_canonical(raw: bytes) -> Value:
    """The same as `decode_json`, for canonical JSON only: faster, and nothing is checked."""
    # Canonical numbers are floats, so that without `$` forms the parser's tree is the value itself.
    tree = _read(raw)
    return decode_value(tree) if b'"$' in raw else cast("Value", tree)


def canonical_json(raw: bytes | str) -> bytes:
    """The canonical form of any encoding of a value: equal values have equal bytes."""
    return b"{}" if raw == b"{}" else encode_json(decode_json(raw))


def encode_value(value: object) -> Json:
    """`value` as a JSON tree, which may share parts with `value`."""
    return _encode(value, 0)


def decode_value(tree: Json) -> Value:
    """The value that a parsed JSON tree stands for, which may share parts with `tree`."""
    return _decode(tree, 0)


# The walks below leave containers as they are and copy one only when something in it has to change: most hold
# nothing but strings, floats and booleans, which JSON and values have in common.


def _encode(value: object, depth: int) -> Json:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return cast("Json", value)
    if kind is float:
        return encode_float(cast("float", value))
    if kind is dict:
        return _encode_object(cast("dict[str, Json]", value), depth + 1)
    if kind is list:
        return _encode_array(cast("list[Json]", value), depth + 1)
    return _encode_other(value, depth)


def _encode_object(fields: dict[str, Json], depth: int) -> Json:
    if depth > MAX_NESTING:
        raise InvalidValueError.too_nested()
    check_names(fields)
    tree = fields
    name = ""
    try:
        for name, item in fields.items():
            kind = type(item)
            if kind is str or item is None or kind is bool:
                continue
            encoded = _encode(item, depth)
            if encoded is not item:
                if tree is fields:
                    tree = fields.copy()
                tree[name] = encoded
    except InvalidValueError as error:
        raise error.within(step_to(name))
    return tree


def _encode_array(items: list[Json], depth: int) -> Json:
    if depth > MAX_NESTING:
        raise InvalidValueError.too_nested()
    tree = items
    position = 0
    try:
        for position, item in enumerate(items):
            kind = type(item)
            if kind is str or item is None or kind is bool:
                continue
            encoded = _encode(item, depth)
            if encoded is not item:
                if tree is items:
                    tree = items.copy()
                tree[position] = encoded
    except InvalidValueError as error:
        raise error.within(f"[{position}]")
    return tree


def _encode_other(value: object, depth: int) -> Json:
    """The rarer kinds, and subclasses of the common ones."""
    match value:
        case Int64():
            return encode_int64(value)
        case int():
            return float_of(value)
        case bytes() | bytearray():
            return encode_bytes(value)
        case str():
            return str.__str__(value)
        case float():
            return encode_float(float(value))
        case list() | tuple():
            return _encode_array(list(cast("list[Json]", value)), depth + 1)
        case Mapping():
            return _encode_object(dict(cast("Mapping[str, Json]", value)), depth + 1)
        case _:
            raise InvalidValueError(
                f"{type(value).__name__} is not a value: use None, bool, int, float, Int64, str, bytes, list or dict"
            )


def _decode(tree: Json, depth: int) -> Value:
    kind = type(tree)
    if kind is str or kind is float or tree is None or kind is bool:
        return cast("Value", tree)
    if kind is dict:
        return _decode_object(cast("dict[str, Json]", tree), depth + 1)
    if kind is list:
        return _decode_array(cast("list[Json]", tree), depth + 1)
    try:
        return float(cast("int", tree))
    except OverflowError:
        raise InvalidValueError("a number is too large for a 64-bit float") from None


def _decode_object(fields: dict[str, Json], depth: int) -> Value:
    if len(fields) == 1:
        ((name, content),) = fields.items()
        if name in DECODERS:
            return DECODERS[name](content)
    if depth > MAX_NESTING:
        raise InvalidValueError.too_nested()
    check_names(fields)
    value = cast("dict[str, Value]", fields)
    name = ""
    try:
        for name, item in fields.items():
            kind = type(item)
            if kind is str or kind is float:
                continue
            decoded = _decode(item, depth)
            if decoded is not item:
                if value is fields:
                    value = value.copy()
                value[name] = decoded
    except InvalidValueError as error:
        raise error.within(step_to(name))
    return value


def _decode_array(items: list[Json], depth: int) -> Value:
    if depth > MAX_NESTING:
        raise InvalidValueError.too_nested()
    value = cast("list[Value]", items)
    position = 0
    try:
        for position, item in enumerate(items):
            kind = type(item)
            if kind is str or kind is float:
                continue
            decoded = _decode(item, depth)
            if decoded is not item:
                if value is items:
                    value = value.copy()
                value[position] = decoded
    except InvalidValueError as error:
        raise error.within(f"[{position}]")
    return value


def _lone_surrogate(tree: Json) -> InvalidValueError:
    """The error for the string in `tree` that has no UTF-8 form."""
    path, text = next(_unencodable(tree, ""))
    half = next(ord(character) for character in text if "\ud800" <= character <= "\udfff")
    return InvalidValueError(
        f"a string holds U+{half:04X}, one half of a surrogate pair, which is no character", path
    )


def _unencodable(tree: Json, path: str) -> Iterator[tuple[str, str]]:
    match tree:
        case str() if not _is_encodable(tree):
            yield path, tree
        case list():
            for position, item in enumerate(tree):
                yield from _unencodable(item, f"{path}[{position}]")
        case dict():
            for name, item in tree.items():
                yield from _unencodable(item, path + step_to(name))
        case _:
            pass


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
