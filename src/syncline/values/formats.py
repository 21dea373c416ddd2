"""Canonical JSON rewritten for readers that do not know the `$` forms."""

from __future__ import annotations

from typing import Final

import msgspec

from .codec import decode_canonical
from .forms import encode_base64, encode_bytes, encode_float
from .types import Int64, Json, Value

_write: Final = msgspec.json.Encoder(order="sorted").encode
_SPECIAL_NAMES: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def to_clean_json(encoded: bytes) -> bytes:
    """Canonical JSON as plain JSON: Int64, bytes (base64) and non-finite floats become strings, -0.0 a number."""
    return _write(_clean(decode_canonical(encoded))) if b'"$' in encoded else encoded


def to_export_json(encoded: bytes) -> bytes:
    """Canonical JSON with Int64 as a bare integer and -0.0 as a number; floats always have a `.` or an exponent."""
    return _write(_export(decode_canonical(encoded))) if b'"$' in encoded else encoded


def _clean(value: Value) -> Json:
    match value:
        case Int64():
            return str(value)
        case bytes():
            return encode_base64(value)
        case float():
            return _SPECIAL_NAMES.get(repr(value), value)
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {name: _clean(item) for name, item in value.items()}
        case _:
            return value


def _export(value: Value) -> Json:
    match value:
        case Int64():
            return int(value)
        case bytes():
            return encode_bytes(value)
        case float():
            return encode_float(value) if value else value
        case list():
            return [_export(item) for item in value]
        case dict():
            return {name: _export(item) for name, item in value.items()}
        case _:
            return value
