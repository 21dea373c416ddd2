"""Bounds: what `where` takes besides plain values."""

from __future__ import annotations

from typing import Any

import pytest

from syncline.kernel.errors import DocumentError
from syncline.schema import Bound, Edge, between, contains, gt, gte, lt, lte

BOUNDS: list[tuple[Bound, Edge | None, Edge | None]] = [
    (gt(1), Edge(1, included=False), None),
    (gte(1), Edge(1, included=True), None),
    (lt(1), None, Edge(1, included=False)),
    (lte(1), None, Edge(1, included=True)),
    (between(1, 2), Edge(1, included=True), Edge(2, included=True)),
]


@pytest.mark.parametrize(("bound", "lower", "upper"), BOUNDS, ids=[repr(bound) for bound, *_ in BOUNDS])
def test_a_bound_has_two_ends(bound: Bound, lower: Edge | None, upper: Edge | None) -> None:
    assert (bound.lower, bound.upper) == (lower, upper)


def test_bounds_are_values() -> None:
    assert len({gt(1), gt(1), gte(1)}) == 2
    assert len({contains("x"), contains("x"), contains("y")}) == 2
    with pytest.raises(AttributeError):
        gt(1).value = 2  # type: ignore[misc]  # pyright: ignore  # that is the point


def from_none(value: None) -> Bound:
    return between(value, 1)


def to_none(value: None) -> Bound:
    return between(1, value)


@pytest.mark.parametrize("make", [gt, gte, lt, lte, from_none, to_none])
def test_none_has_no_order(make: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        make(None)
    assert str(caught.value).endswith(
        "(None) has no meaning: a range compares values of one type. Match None by equality: where(field=None)"
    )
