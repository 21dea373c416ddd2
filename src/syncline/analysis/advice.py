"""Which index would serve a query that none serves."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.schema import TableSpec
from syncline.schema.tables import element_of

_CREATED = "created_at"


def serving_index(spec: TableSpec, shape: Sequence[tuple[str, str]]) -> str | None:
    """An index for conditions of (field, kind), as it would be written; None if no index can serve them all."""
    equal = [field for field, kind in shape if kind == "equal"]
    ranges = [field for field, kind in shape if kind == "range" and field != _CREATED]
    contains = [field for field, kind in shape if kind == "contains"]
    if len(ranges) > 1 or len(contains) > 1 or not (equal or ranges or contains):
        return None
    fields = [*dict.fromkeys([*contains, *equal, *ranges])]
    lists = [name for name in fields if element_of(spec.by_name[name].node) is not None]
    if lists and lists != contains:
        return None
    name = "by_" + "_".join(_singular(field) if field in contains else field for field in fields)
    each = ", each=True" if contains else ""
    quoted = ", ".join(f'"{field}"' for field in fields)
    return f"{name} = Index({quoted}{each})"


def _singular(field: str) -> str:
    return field[:-1] if field.endswith("s") and len(field) > 2 else field
