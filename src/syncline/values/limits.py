"""How large a value is, and whether it may be that large. Values here are as decoding gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from syncline.kernel.errors import LimitError
from syncline.kernel.limits import Limits

from .types import InvalidValueError, step_to

#: What `_id` (32 characters) and `_creationTime` add to the size of a document.
SYSTEM_FIELDS_BYTES: Final = 61
#: No value has more bytes than this many times its canonical JSON: the worst is `0.0`, which counts for 9.
_SIZE_PER_ENCODED_BYTE: Final = 3


def size_of(value: object) -> int:
    """Bytes that `value` counts for in limits: about its content, independent of how it is written."""
    kind = type(value)
    if kind is str:
        return 2 + _utf8_length(cast("str", value))
    if kind is float:
        return 9
    match value:
        case None | bool():
            return 1
        case str():
            return 2 + _utf8_length(value)
        case int() | float():
            return 9
        case bytes() | bytearray():
            return 2 + len(value)
        case list() | tuple():
            return 2 + sum(map(size_of, cast("list[object]", value)))
        case Mapping():
            fields = cast("Mapping[str, object]", value)
            return 2 + len("".join(fields)) + len(fields) + sum(map(size_of, fields.values()))
        case _:
            raise InvalidValueError(f"{type(value).__name__} is not a value and has no size")


def nesting_of(value: object) -> int:
    """Levels of containers in `value`: 0 for a scalar, 1 for a flat list or dict."""
    match value:
        case list():
            return 1 + max(map(nesting_of, cast("list[object]", value)), default=0)
        case dict():
            return 1 + max(map(nesting_of, cast("dict[str, object]", value).values()), default=0)
        case _:
            return 0


def check_value(value: object, limits: Limits) -> None:
    """Raise LimitError if `value`, an argument or a result, has too many items, fields or levels somewhere."""
    if isinstance(value, (dict, list)):
        _check_shape(cast("_Container", value), limits, limits.value_nesting, "")


def check_document(fields: dict[str, object], limits: Limits, encoded: bytes | None = None) -> None:
    """Raise LimitError if a document of `fields` (without `_id` and `_creationTime`) may not be stored.

    `encoded`, its canonical JSON, saves measuring small documents.
    """
    _check_shape(fields, limits, limits.document_nesting, "")
    if (
        encoded is not None
        and len(encoded) * _SIZE_PER_ENCODED_BYTE <= limits.document_bytes - SYSTEM_FIELDS_BYTES
    ):
        return
    size = size_of(fields) + SYSTEM_FIELDS_BYTES
    if size > limits.document_bytes:
        largest = max(fields, key=lambda name: size_of(fields[name]))
        raise LimitError(
            f"Value is too large ({_mebibytes(size)} > maximum size {_mebibytes(limits.document_bytes)}); its "
            f"largest field is {largest!r}. Split it over several documents, or raise the limit document_bytes."
        )


_Container = dict[str, object] | list[object]


def _check_shape(value: _Container, limits: Limits, nesting: int, path: str, level: int = 1) -> None:
    if level > nesting:
        raise LimitError(
            f"Value is too nested (more than {nesting} levels){_at(path)}. Store its inner parts apart."
        )
    if isinstance(value, dict):
        if len(value) > limits.object_fields:
            raise LimitError(
                f"Object has too many fields ({len(value)} > maximum number {limits.object_fields}){_at(path)}. "
                "Use an array of entries or documents, or raise the limit object_fields."
            )
        for name, item in value.items():
            if isinstance(item, (dict, list)):
                _check_shape(cast("_Container", item), limits, nesting, path + step_to(name), level + 1)
    else:
        if len(value) > limits.array_items:
            raise LimitError(
                f"Array length is too long ({len(value)} > maximum length {limits.array_items}){_at(path)}. "
                "Store its elements as documents, or raise the limit array_items."
            )
        for position, item in enumerate(value):
            if isinstance(item, (dict, list)):
                _check_shape(cast("_Container", item), limits, nesting, f"{path}[{position}]", level + 1)


def _utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _at(path: str) -> str:
    return f" at {path}" if path else ""


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.6g} MiB"
