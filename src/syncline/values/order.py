"""The order of all values: by type, then within the type. Index keys sort the same way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, cast

from .types import Int64, InvalidValueError, Undefined, float_of

_UNDEFINED, _NULL, _INT64, _FLOAT, _BOOL, _STRING, _BYTES, _ARRAY, _OBJECT = range(9)
_ORDERED_BY_PYTHON: Final = (_INT64, _BOOL, _STRING, _BYTES)


def compare(a: object, b: object) -> int:
    """-1, 0 or 1 as `a` is below, equal to or above `b`.

    undefined < null < int64 < float < boolean < string < bytes < array < object: every Int64 is below every
    float. -0.0 is below 0.0 and NaN above all other floats; strings go by code point, arrays and objects (as
    sorted pairs of name and value) item by item, the shorter first.
    """
    rank, other = _rank(a), _rank(b)
    if rank != other:
        return -1 if rank < other else 1
    if rank in _ORDERED_BY_PYTHON:
        return _compare_plain(a, b)
    if rank == _FLOAT:
        return _compare_plain(_float_key(cast("float", a)), _float_key(cast("float", b)))
    if rank == _ARRAY:
        return _compare_arrays(cast("list[object]", a), cast("list[object]", b))
    if rank == _OBJECT:
        return _compare_objects(cast("dict[str, object]", a), cast("dict[str, object]", b))
    return 0


def _rank(value: object) -> int:
    match value:
        case str():
            return _STRING
        case bool():
            return _BOOL
        case Int64():
            return _INT64
        case float() | int():
            return _FLOAT
        case None:
            return _NULL
        case bytes() | bytearray():
            return _BYTES
        case list() | tuple():
            return _ARRAY
        case Mapping():
            return _OBJECT
        case Undefined():
            return _UNDEFINED
        case _:
            raise InvalidValueError(f"{type(value).__name__} is not a value and has no place in their order")


def _compare_plain(a: object, b: object) -> int:
    if a == b:
        return 0
    # Both are of one type, and Python orders it as we do; `str` stands for whichever it is.
    return -1 if cast("str", a) < cast("str", b) else 1


def _float_key(value: float) -> tuple[bool, float, float]:
    number = float_of(value) if isinstance(value, int) else value
    if number != number:
        return True, 0.0, 0.0
    return False, number, math.copysign(1.0, number)


def _compare_arrays(a: list[object], b: list[object]) -> int:
    for item, other in zip(a, b, strict=False):
        if order := compare(item, other):
            return order
    return _compare_plain(len(a), len(b))


def _compare_objects(a: Mapping[str, object], b: Mapping[str, object]) -> int:
    for (name, item), (other_name, other) in zip(sorted(a.items()), sorted(b.items()), strict=False):
        if order := _compare_plain(name, other_name) or compare(item, other):
            return order
    return _compare_plain(len(a), len(b))
