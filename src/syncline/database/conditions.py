"""Conditions of a `where` as ranges of encoded values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import NamedTuple

from syncline.kernel.errors import ArgumentError
from syncline.schema import Bound, Document, contains
from syncline.values import decode_key_part, parts_end, type_range

from .catalog import TableBinding

#: The built-in order of a table, as a field of conditions.
CREATED = "created_at"

#: Types of values that are compared by equality, told apart from bounds by one look-up.
_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Condition(NamedTuple):
    """What one field must be: one encoded value (`stop` is None), or a range of them."""

    field: str
    kind: str  # "equal", "range" or "contains"
    start: bytes
    stop: bytes | None

    def holds(self, table: TableBinding, document: Document) -> bool:
        """Whether a document satisfies the condition."""
        if self.field == CREATED:
            return self._includes(_creation_key(document.created_at))
        if self.kind == "contains":
            key_part, field = table.codec.key_part, self.field
            elements: list[object] = getattr(document, field) or []
            return any(key_part(field, element, element=True) == self.start for element in elements)
        return self._includes(table.codec.key_part(self.field, getattr(document, self.field)))

    def _includes(self, part: bytes) -> bool:
        return part == self.start if self.stop is None else self.start <= part < self.stop


def make_condition(table: TableBinding, field: str, value: object) -> Condition:
    """The condition that `where(field=value)` stands for; ArgumentError when the table has no such field."""
    codec = table.codec
    if type(value) in _PLAIN and field in table.fields:
        return Condition(field, "equal", codec.key_part(field, value), None)
    if field == CREATED:
        return _created(table, value)
    if field not in table.fields:
        raise ArgumentError(_unknown(table, field))
    if isinstance(value, Bound):
        lower, upper = value.lower, value.upper
        low = codec.key_part(field, lower.value) if lower is not None else None
        high = codec.key_part(field, upper.value) if upper is not None else None
        sample = low if low is not None else high
        assert sample is not None
        # A bound compares with values of its own type only.
        first, last = type_range(decode_key_part(sample, 0)[0])
        start = first if low is None or lower is None else low if lower.included else parts_end(low)
        stop = last if high is None or upper is None else parts_end(high) if upper.included else high
        return Condition(field, "range", start, stop)
    if isinstance(value, contains):
        return Condition(field, "contains", codec.key_part(field, value.value, element=True), None)
    return Condition(field, "equal", codec.key_part(field, value), None)


def merge_conditions(before: tuple[Condition, ...], added: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Both sets of conditions. Two ranges of one field become their intersection; otherwise both must hold."""
    merged = list(before)
    for condition in added:
        for position, other in enumerate(merged):
            if other.field == condition.field and other.kind == condition.kind == "range":
                assert other.stop is not None and condition.stop is not None
                start, stop = max(other.start, condition.start), min(other.stop, condition.stop)
                merged[position] = Condition(other.field, "range", start, max(start, stop))
                break
        else:
            if any(other.field == condition.field for other in merged):
                raise ArgumentError(
                    f"where: {condition.field} already has a condition; combine them with between(...) or use .filter(...)"
                )
            merged.append(condition)
    return tuple(merged)


def _created(table: TableBinding, value: object) -> Condition:
    if isinstance(value, Bound):
        lower, upper = value.lower, value.upper
        start = 0 if lower is None else _microseconds(table, lower.value) + (not lower.included)
        stop = 2**63 if upper is None else _microseconds(table, upper.value) + upper.included
    else:
        start = _microseconds(table, value)
        stop = start + 1
    return Condition(CREATED, "range", start.to_bytes(8, "big"), max(start, stop).to_bytes(8, "big"))


def _microseconds(table: TableBinding, value: object) -> int:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ArgumentError(f"{table.name}.created_at compares with aware datetimes, got {value!r}")
    return max(0, (value - _EPOCH) // _MICROSECOND)


def _creation_key(created: datetime) -> bytes:
    return ((created - _EPOCH) // _MICROSECOND).to_bytes(8, "big")


def _unknown(table: TableBinding, field: str) -> str:
    close = get_close_matches(field, [*table.spec.by_name, CREATED], 1)
    hint = f" Did you mean {close[0]}?" if close else f" Its fields: {', '.join(table.spec.by_name)}."
    return f"where: {table.name} has no field {field}.{hint}"
