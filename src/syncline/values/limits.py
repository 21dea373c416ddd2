"""How large a value is, and whether it may be that large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from syncline.kernel.errors import LimitError
from syncline.kernel.limits import Limits

from .types import InvalidValueError, step_to

_SCALARS = (str, int, float, bytes, type(None))
#: What `_id` (32 characters) and `_creationTime` add to the size of a document.
SYSTEM_FIELDS_BYTES = 61


def size_of(value: object) -> int:
    """Bytes that `value` counts for in limits: about its content, independent of how it is written."""
    match value:
        case str():
            return 2 + (len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass")))
        case None | bool():
            return 1
        case int() | float():
            return 9
        case bytes() | bytearray():
            return 2 + len(value)
        case list() | tuple():
            return 2 + sum(map(size_of, cast("list[object]", value)))
        case Mapping():
            fields = cast("Mapping[str, object]", value)
            return 2 + sum(len(name) + 1 + size_of(item) for name, item in fields.items())
        case _:
            raise InvalidValueError(f"{type(value).__name__} is not a value and has no size")


def nesting_of(value: object) -> int:
    """Levels of containers in `value`: 0 for a scalar, 1 for a flat list or dict."""
    match value:
        case Mapping():
            return 1 + max(map(nesting_of, cast("Mapping[str, object]", value).values()), default=0)
        case list() | tuple():
            return 1 + max(map(nesting_of, cast("list[object]", value)), default=0)
        case _:
            return 0


def check_value(value: object, limits: Limits) -> None:
    """Raise LimitError if `value`, an argument or a result, has too many items, fields or levels somewhere."""
    _check_shape(value, limits, limits.value_nesting, "")


def check_document(fields: Mapping[str, object], limits: Limits) -> None:
    """Raise LimitError if a document of `fields` (without `_id` and `_creationTime`) may not be stored."""
    _check_shape(fields, limits, limits.document_nesting, "")
    size = size_of(fields) + SYSTEM_FIELDS_BYTES
    if size > limits.document_bytes:
        largest = max(fields, key=lambda name: size_of(fields[name]))
        raise LimitError(
            f"Value is too large ({_mebibytes(size)} > maximum size {_mebibytes(limits.document_bytes)}); "
            f"its largest field is {largest!r}. Split it over several documents, or raise the limit document_bytes."
        )


def _check_shape(value: object, limits: Limits, nesting: int, path: str, level: int = 1) -> None:
    match value:
        case list() | tuple():
            items = cast("list[object]", value)
            if len(items) > limits.array_items:
                raise LimitError(
                    f"Array length is too long ({len(items)} > maximum length {limits.array_items}){_at(path)}. "
                    "Store its elements as documents, or raise the limit array_items."
                )
            steps: Iterable[tuple[str, object]] = ((f"[{n}]", item) for n, item in enumerate(items))
        case Mapping():
            fields = cast("Mapping[str, object]", value)
            if len(fields) > limits.object_fields:
                raise LimitError(
                    f"Object has too many fields ({len(fields)} > maximum number {limits.object_fields}){_at(path)}. "
                    "Use an array of entries or documents, or raise the limit object_fields."
                )
            steps = ((step_to(name), item) for name, item in fields.items())
        case _:
            return
    if level > nesting:
        raise LimitError(
            f"Value is too nested (more than {nesting} levels){_at(path)}. Store the inner part apart."
        )
    for step, item in steps:
        # Scalars are most of any value, and cannot be over these limits.
        if not isinstance(item, _SCALARS):
            _check_shape(item, limits, nesting, path + step, level + 1)


def _at(path: str) -> str:
    return f" at {path}" if path else ""


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.6g} MiB"
