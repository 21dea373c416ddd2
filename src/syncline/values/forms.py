"""The `$` forms: what canonical JSON writes for the values that JSON does not have."""

from __future__ import annotations

import struct
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Final

from syncline.kernel.errors import quoted

from .types import Int64, InvalidValueError, Json, Value

_INT64: Final = struct.Struct("<q")
_DOUBLE: Final = struct.Struct("<d")
_NAN: Final = float("nan")
_SPECIAL_FLOATS: Final[dict[str, Json]] = {
    "-0.0": {"$float": "AAAAAAAAAIA="},
    "inf": {"$float": "AAAAAAAA8H8="},
    "-inf": {"$float": "AAAAAAAA8P8="},
    "nan": {"$float": "AAAAAAAA+H8="},
}


def encode_int64(value: int) -> Json:
    return {"$integer": encode_base64(_INT64.pack(value))}


def encode_bytes(value: bytes | bytearray) -> Json:
    return {"$bytes": encode_base64(value)}


def encode_float(value: float) -> Json:
    # `value - value` is NaN, which equals nothing, for NaN and for both infinities.
    if value and value - value == 0.0:
        return value
    return _SPECIAL_FLOATS.get(repr(value), value)


def encode_base64(raw: bytes | bytearray) -> str:
    return b2a_base64(raw, newline=False).decode("ascii")


def _decode_int64(content: Json) -> Value:
    return Int64(_INT64.unpack(_decode_base64(content, "$integer", size=8))[0])


def _decode_bytes(content: Json) -> Value:
    return _decode_base64(content, "$bytes")


def _decode_float(content: Json) -> Value:
    number: float = _DOUBLE.unpack(_decode_base64(content, "$float", size=8))[0]
    if number != number:
        return _NAN
    if isinstance(encode_float(number), float):
        raise InvalidValueError(
            f"$float is for NaN, the infinities and -0.0 only; {number} is written as a number"
        )
    return number


def _decode_base64(content: Json, form: str, size: int | None = None) -> bytes:
    if type(content) is not str:
        raise InvalidValueError(f"{form} holds a base64 string, got {type(content).__name__}")
    try:
        raw = a2b_base64(content)
    except (Base64Error, ValueError):
        raw = None
    # Comparing with the canonical text refuses whatever the lenient decoder let through.
    if raw is None or encode_base64(raw) != content:
        raise InvalidValueError(f"{form} holds padded standard base64, got {quoted(content)}")
    if size is not None and len(raw) != size:
        raise InvalidValueError(f"{form} holds {size} bytes, got {len(raw)}")
    return raw


#: What to do with the content of a one-field object, by the name of its field.
DECODERS: Final[dict[str, Callable[[Json], Value]]] = {
    "$integer": _decode_int64,
    "$bytes": _decode_bytes,
    "$float": _decode_float,
}
