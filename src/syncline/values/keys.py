"""Values as bytes that sort the way the values do, for the keys of indexes.

    part    = tag, content                        tags follow the order of the types
    int64   = 8 bytes, big endian, sign flipped
    float   = 8 bytes, big endian, sign flipped; if negative all bits flipped
    string  = UTF-8 with 00 written as 00 FF, then 00
    bytes   = the same, without UTF-8
    array   = its elements' parts, then 00
    object  = its sorted fields, each a string part and a part, then 00

A part ends by itself, so that the parts of several fields can follow one another. What follows a part must begin
with a byte below FF: a tag, the end of a container and a creation time do.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, cast

from .names import check_names
from .types import MAX_NESTING, UNDEFINED, Int64, InvalidValueError, Undefined, Value, float_of, step_to

# Gaps leave room for types to come: these bytes are in stored data and can never change their meaning.
_UNDEFINED: Final = b"\x08"
_NULL: Final = b"\x10"
_INT64: Final = b"\x18"
_FLOAT: Final = b"\x20"
_FALSE: Final = b"\x28"
_TRUE: Final = b"\x29"
_STRING: Final = b"0"  # 30
_BYTES: Final = b"\x38"
_ARRAY: Final = b"\x40"
_OBJECT: Final = b"\x48"
#: Types that are a tag and nothing else.
_CONSTANTS: Final = {_UNDEFINED: UNDEFINED, _NULL: None, _FALSE: False, _TRUE: True}

_END: Final = b"\x00"
_ESCAPED: Final = b"\x00\xff"
_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1

_tagged_double: Final = struct.Struct(">cd").pack
_tagged_uint64: Final = struct.Struct(">cQ").pack
#: All NaNs are one, above all other floats.
_NAN_PART: Final = _tagged_uint64(_FLOAT, 0xFFF8 << 48)
_pack_double: Final = struct.Struct(">d").pack
_unpack_double: Final = struct.Struct(">d").unpack
_unpack_uint64: Final = struct.Struct(">Q").unpack_from


def encode_key_part(value: object) -> bytes:
    """`value` (or UNDEFINED) as a part of an index key; parts compare as `compare` does.

    A Python int stands for a float, as in JSON. Raises InvalidValueError for what is not a value.
    """
    if isinstance(value, str):
        return _string_part(value)
    if isinstance(value, float):
        return _float_part(value)
    return _part(value, 0)


def decode_key_part(key: bytes, offset: int = 0) -> tuple[Value | Undefined, int]:
    """The value whose part begins at `offset`, and the offset behind it.

    Raises InvalidValueError if there is no complete part.
    """
    try:
        return _read_part(key, offset, 0)
    except InvalidValueError:
        raise
    except (IndexError, struct.error, ValueError) as error:
        raise InvalidValueError(f"no complete key part at byte {offset} of {key.hex()}") from error


def prefix_end(prefix: bytes) -> bytes | None:
    """The smallest key above all keys that start with `prefix`; None if there is none (for b"", say)."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes((kept[-1] + 1,)) if kept else None


def parts_end(parts: bytes) -> bytes:
    """The smallest key above all keys that begin with these whole parts.

    It is less than `prefix_end`: the key of the string "a\\0" has the bytes of that of "a" in front, but not as a part.
    """
    return parts + b"\xff"


def type_range(value: object) -> tuple[bytes, bytes]:
    """The keys [start, stop) of the values that have the type of `value`. Bounds compare within them only."""
    if isinstance(value, bool):
        return _FALSE, _above(_TRUE)
    tag = encode_key_part(value)[:1]
    return tag, _above(tag)


def _above(tag: bytes) -> bytes:
    return bytes((tag[0] + 1,))


def _part(value: object, depth: int) -> bytes:
    match value:
        case str():
            return _string_part(value)
        case float():
            return _float_part(value)
        case None:
            return _NULL
        case bool():
            return _TRUE if value else _FALSE
        case Int64():
            return _tagged_uint64(_INT64, value + _SIGN)
        case int():
            return _float_part(float_of(value))
        case bytes() | bytearray():
            return _BYTES + bytes(value).replace(_END, _ESCAPED) + _END
        case list() | tuple():
            return _array_part(cast("list[object] | tuple[object, ...]", value), depth + 1)
        case Mapping():
            return _object_part(cast("Mapping[str, object]", value), depth + 1)
        case Undefined() if depth == 0:
            return _UNDEFINED
        case _:
            raise InvalidValueError(f"{type(value).__name__} is not a value and has no place in an index key")


def _string_part(text: str) -> bytes:
    try:
        # The tag of strings is the character 0, so that tag, text and terminator are encoded at once.
        part = f"0{text}\0".encode()
    except UnicodeEncodeError:
        raise InvalidValueError(
            "a string holds one half of a surrogate pair, which is no character"
        ) from None
    return part if "\0" not in text else part[:-1].replace(_END, _ESCAPED) + _END


def _float_part(number: float) -> bytes:
    if number > 0.0:
        # The bits of a positive number with the sign flipped are the bits of its negative.
        return _tagged_double(_FLOAT, -number)
    if number != number:
        return _NAN_PART
    (bits,) = _unpack_uint64(_pack_double(number))
    return _tagged_uint64(_FLOAT, _ALL - bits if bits & _SIGN else _SIGN)


def _array_part(items: list[object] | tuple[object, ...], depth: int) -> bytes:
    if depth > MAX_NESTING:
        raise InvalidValueError.too_nested()
    parts = [_ARRAY]
    try:
        for item in items:
            parts.append(_part(item, depth))
    except InvalidValueError as error:
        raise error.within(f"[{len(parts) - 1}]")
    parts.append(_END)
    return b"".join(parts)


def _object_part(fields: Mapping[str, object], depth: int) -> bytes:
    if depth > MAX_NESTING:
        raise InvalidValueError.too_nested()
    check_names(fields)
    parts = [_OBJECT]
    name = ""
    try:
        for name, item in sorted(fields.items()):
            parts.append(_string_part(name))
            parts.append(_part(item, depth))
    except InvalidValueError as error:
        raise error.within(step_to(name))
    parts.append(_END)
    return b"".join(parts)


def _read_part(key: bytes, offset: int, depth: int) -> tuple[Value | Undefined, int]:
    tag = key[offset : offset + 1]
    offset += 1
    if tag == _STRING:
        raw, offset = _read_text(key, offset)
        return raw.decode(), offset
    if tag == _FLOAT:
        (bits,) = _unpack_uint64(key, offset)
        bits = bits ^ _SIGN if bits & _SIGN else _ALL - bits
        return _unpack_double(bits.to_bytes(8, "big"))[0], offset + 8
    if tag == _INT64:
        return Int64(_unpack_uint64(key, offset)[0] - _SIGN), offset + 8
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], offset
    if tag == _BYTES:
        return _read_text(key, offset)
    if depth >= MAX_NESTING:
        raise InvalidValueError.too_nested()
    if tag == _ARRAY:
        return _read_array(key, offset, depth + 1)
    if tag == _OBJECT:
        return _read_object(key, offset, depth + 1)
    raise InvalidValueError(
        f"no key part begins with {tag.hex() or 'nothing'}, at byte {offset - 1} of {key.hex()}"
    )


def _read_text(key: bytes, offset: int) -> tuple[bytes, int]:
    """The bytes up to the terminator, without their escapes, and the offset behind it."""
    end = key.index(_END, offset)
    if key[end + 1 : end + 2] != b"\xff":
        return key[offset:end], end + 1
    while key[end + 1 : end + 2] == b"\xff":
        end = key.index(_END, end + 2)
    return key[offset:end].replace(_ESCAPED, _END), end + 1


def _read_array(key: bytes, offset: int, depth: int) -> tuple[Value, int]:
    items: list[Value] = []
    while key[offset] != 0:
        item, offset = _read_value(key, offset, depth)
        items.append(item)
    return items, offset + 1


def _read_object(key: bytes, offset: int, depth: int) -> tuple[Value, int]:
    fields: dict[str, Value] = {}
    while key[offset] != 0:
        name, offset = _read_value(key, offset, depth)
        if not isinstance(name, str):
            raise InvalidValueError(f"a field's name in the key {key.hex()} is no string")
        fields[name], offset = _read_value(key, offset, depth)
    return fields, offset + 1


def _read_value(key: bytes, offset: int, depth: int) -> tuple[Value, int]:
    value, end = _read_part(key, offset, depth)
    if isinstance(value, Undefined):
        raise InvalidValueError(f"UNDEFINED stands inside a container at byte {offset} of {key.hex()}")
    return value, end
