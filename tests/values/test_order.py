"""The order of all values."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given

from support.values import values
from syncline.values import UNDEFINED, Int64, InvalidValueError, Value, compare

ASCENDING: list[object] = [
    UNDEFINED,
    None,
    Int64(-(2**63)),
    Int64(-1),
    Int64(1),
    Int64(2**63 - 1),
    -math.inf,
    -1.0,
    -5e-324,
    -0.0,
    0.0,
    1.0,
    2**53,
    math.inf,
    math.nan,
    False,
    True,
    "",
    "\0",
    "Z",
    "a",
    "a\0",
    "aa",
    "é",
    "\uffff",
    "\U00010000",
    b"",
    b"\0",
    b"\0\0",
    b"\xff",
    [],
    [None],
    [None, None],
    [1.0],
    ["a"],
    [[]],
    {},
    {"": 1.0},
    {"a": None},
    {"a": None, "b": None},
    {"a": 1.0},
    {"b": None},
]


def test_types_come_one_after_the_other_and_values_within_them() -> None:
    for (position, a), (other, b) in itertools.product(enumerate(ASCENDING), repeat=2):
        assert compare(a, b) == (position > other) - (position < other), (a, b)


@given(values, values, values)
def test_the_order_is_total(a: Value, b: Value, c: Value) -> None:
    assert compare(a, a) == 0
    assert compare(a, b) == -compare(b, a)
    if compare(a, b) <= 0 and compare(b, c) <= 0:
        assert compare(a, c) <= 0


def test_what_is_no_value_has_no_place() -> None:
    with pytest.raises(InvalidValueError, match="set is not a value and has no place in their order"):
        compare({1}, 2)
