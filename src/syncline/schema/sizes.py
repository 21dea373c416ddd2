"""Which values are too small to be over a limit, told from the length of their JSON."""

from __future__ import annotations

from typing import Final

from syncline.kernel.limits import Limits

#: The least JSON per item of an array (`0,`) and per field of an object (`"a":0,`).
_ITEM_BYTES: Final = 2
_FIELD_BYTES: Final = 6


def least_large_json(limits: Limits) -> int:
    """Shorter JSON has no array with too many items and no object with too many fields, and need not be looked at."""
    return min(limits.array_items * _ITEM_BYTES, limits.object_fields * _FIELD_BYTES)
