"""Sizes, nesting, and their limits."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given

from support.values import objects, values
from syncline.kernel.errors import LimitError
from syncline.kernel.limits import Limits
from syncline.values import (
    Int64,
    InvalidValueError,
    Value,
    check_document,
    check_value,
    encode_json,
    nesting_of,
    size_of,
)

LIMITS = Limits()


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (None, 1),
        (True, 1),
        (1.0, 9),
        (1, 9),
        (Int64(1), 9),
        ("", 2),
        ("é😀", 8),
        (b"abc", 5),
        ([], 2),
        ([None, 1.0], 12),
        ({"a": None, "bc": "x"}, 2 + 2 + 1 + 3 + 3),
    ],
)
def test_sizes(value: object, size: int) -> None:
    assert size_of(value) == size


@given(values)
def test_no_value_is_larger_than_three_times_its_json(value: Value) -> None:
    assert size_of(value) <= 3 * len(encode_json(value))


def test_what_is_no_value_has_no_size() -> None:
    with pytest.raises(InvalidValueError, match="object is not a value and has no size"):
        size_of([object()])


NESTINGS: list[tuple[Value, int]] = [
    (1.0, 0),
    ([], 1),
    ({"a": 1.0}, 1),
    ([1.0, {"a": []}], 3),
    ({"a": [], "b": [[]]}, 3),
]


@pytest.mark.parametrize(("value", "levels"), NESTINGS)
def test_nesting(value: object, levels: int) -> None:
    assert nesting_of(value) == levels


def test_a_value_at_its_limits_is_let_through() -> None:
    check_value([None] * LIMITS.array_items, LIMITS)
    check_value({f"f{n}": None for n in range(LIMITS.object_fields)}, LIMITS)
    check_value(_nested(LIMITS.value_nesting), LIMITS)
    check_value("x" * 10, LIMITS)


def _nested(levels: int) -> object:
    value: object = None
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"tags": [[None] * 8193]},
            "Array length is too long (8193 > maximum length 8192) at .tags[0]. "
            "Store its elements as documents, or raise the limit array_items.",
        ),
        (
            [{"a b": {str(n): None for n in range(1025)}}],
            "Object has too many fields (1025 > maximum number 1024) at [0]['a b']. "
            "Use an array of entries or documents, or raise the limit object_fields.",
        ),
        (
            {"a": _nested(64)},
            "Value is too nested (more than 64 levels) at .a" + "[0]" * 63 + ". Store its inner parts apart.",
        ),
    ],
)
def test_a_value_over_a_limit_is_refused_with_its_place(value: object, text: str) -> None:
    with pytest.raises(LimitError) as refused:
        check_value(value, LIMITS)

    assert str(refused.value) == text


def test_documents_nest_less_than_other_values() -> None:
    check_document({"a": _nested(15)}, LIMITS)
    with pytest.raises(LimitError, match=re.escape("Value is too nested (more than 16 levels) at .a[0]")):
        check_document({"a": _nested(16)}, LIMITS)


def test_a_document_counts_with_its_system_fields() -> None:
    content = "x" * (LIMITS.document_bytes - 61 - size_of({"title": "", "body": ""}))
    check_document({"title": "", "body": content}, LIMITS)
    with pytest.raises(LimitError) as refused:
        check_document({"title": "y", "body": content}, LIMITS)

    assert str(refused.value) == (
        "Value is too large (1 MiB > maximum size 1 MiB); its largest field is 'body'. "
        "Split it over several documents, or raise the limit document_bytes."
    )


def test_zeros_count_for_more_than_their_json() -> None:
    fields: dict[str, object] = {"zeros": [0.0] * 130}
    limits = replace(LIMITS, document_bytes=61 + 2 * len(encode_json(fields)))

    with pytest.raises(LimitError, match="Value is too large"):
        check_document(fields, limits, encode_json(fields))


@given(objects)
def test_measuring_by_the_encoded_form_gives_the_same_verdict(fields: dict[str, Value]) -> None:
    limits = replace(LIMITS, document_bytes=150)

    assert _passes(fields, limits, None) == _passes(fields, limits, encode_json(fields))


def _passes(fields: dict[str, Value], limits: Limits, encoded: bytes | None) -> bool:
    try:
        check_document(dict(fields), limits, encoded)
    except LimitError:
        return False
    return True
