"""Conditions of `where` beyond equality: ranges and membership.

A bound compares with values of its own type only, and None has no order: it is matched by equality.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncline.kernel.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a range."""

    value: object
    included: bool


class Bound:
    """A range of values of one type. `lower` and `upper` are its ends; None is open up to the end of the type."""

    __slots__ = ()

    @property
    def lower(self) -> Edge | None:
        return None

    @property
    def upper(self) -> Edge | None:
        return None

    def _refuse_none(self, *ends: object) -> None:
        if None in ends:
            raise DocumentError(
                f"{type(self).__name__}(None) has no meaning: a range compares values of one type. "
                "Match None by equality: where(field=None)"
            )


@dataclass(frozen=True, slots=True)
class gt(Bound):
    """Greater than `value`."""

    value: object

    def __post_init__(self) -> None:
        self._refuse_none(self.value)

    @property
    def lower(self) -> Edge:
        return Edge(self.value, included=False)


@dataclass(frozen=True, slots=True)
class gte(Bound):
    """Greater than or equal to `value`."""

    value: object

    def __post_init__(self) -> None:
        self._refuse_none(self.value)

    @property
    def lower(self) -> Edge:
        return Edge(self.value, included=True)


@dataclass(frozen=True, slots=True)
class lt(Bound):
    """Less than `value`."""

    value: object

    def __post_init__(self) -> None:
        self._refuse_none(self.value)

    @property
    def upper(self) -> Edge:
        return Edge(self.value, included=False)


@dataclass(frozen=True, slots=True)
class lte(Bound):
    """Less than or equal to `value`."""

    value: object

    def __post_init__(self) -> None:
        self._refuse_none(self.value)

    @property
    def upper(self) -> Edge:
        return Edge(self.value, included=True)


@dataclass(frozen=True, slots=True)
class between(Bound):
    """From `low` to `high`, both included."""

    low: object
    high: object

    def __post_init__(self) -> None:
        self._refuse_none(self.low, self.high)

    @property
    def lower(self) -> Edge:
        return Edge(self.low, included=True)

    @property
    def upper(self) -> Edge:
        return Edge(self.high, included=True)


@dataclass(frozen=True, slots=True)
class contains:
    """A list field with `value` among its elements; served by an index with `each=True`."""

    value: object
