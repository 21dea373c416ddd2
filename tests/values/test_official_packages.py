"""The official packages read our JSON as we do, write what we write, and order and measure values the same way."""

from __future__ import annotations

import json
from typing import cast

import pytest
from convex.values import ConvexInt64, JsonValue, convex_to_json, json_to_convex
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.node import NodeValues
from support.values import same, texts, values
from syncline.values import (
    Int64,
    InvalidValueError,
    Value,
    canonical_json,
    compare,
    decode_json,
    encode_json,
    size_of,
)

batches = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SPECIMENS: list[Value] = [
    None,
    True,
    [
        0.0,
        -0.0,
        5e-324,
        1.7976931348623157e308,
        1e21,
        1e-7,
        2.0**53,
        float("nan"),
        float("inf"),
        -float("inf"),
    ],
    [Int64(0), Int64(-1), Int64(2**63 - 1), Int64(-(2**63))],
    ["", "\0", "é", "\uffff", "\U0001f600", "\u2028"],
    [b"", b"\0", b"\xff" * 3],
    {"a": {"b": []}, "": {}, "A b~": None},
]


def for_python(value: Value) -> object:
    """The same value with the classes of the PyPI package."""
    match value:
        case Int64():
            return ConvexInt64(int(value))
        case list():
            return [for_python(item) for item in value]
        case dict():
            return {name: for_python(item) for name, item in value.items()}
        case _:
            return value


def from_python(value: object) -> object:
    match value:
        case ConvexInt64():
            return Int64(value.value)
        case list():
            return [from_python(item) for item in cast("list[object]", value)]
        case dict():
            return {name: from_python(item) for name, item in cast("dict[str, object]", value).items()}
        case _:
            return value


@given(values)
@example(SPECIMENS)
def test_the_python_package_reads_what_we_write(value: Value) -> None:
    tree = cast("JsonValue", json.loads(encode_json(value)))

    assert same(from_python(json_to_convex(tree)), value)


@given(values)
@example(SPECIMENS)
def test_we_read_what_the_python_package_writes(value: Value) -> None:
    written = json.dumps(convex_to_json(cast("None", for_python(value))), allow_nan=False)

    assert same(decode_json(written), value)


@given(st.integers())
def test_python_integers_become_numbers_exactly_where_the_python_package_allows_it(number: int) -> None:
    try:
        theirs = convex_to_json(number)
    except ValueError:
        with pytest.raises(InvalidValueError):
            encode_json(number)
    else:
        assert decode_json(encode_json(number)) == theirs


@pytest.mark.node
@batches
@given(st.lists(values, min_size=1, max_size=30))
@example(SPECIMENS)
def test_the_npm_package_reads_and_writes_our_json_without_changing_it(
    node_values: NodeValues, sample: list[Value]
) -> None:
    encoded = [encode_json(value) for value in sample]
    for ours, answer, value in zip(encoded, node_values.round_trips(encoded), sample, strict=True):
        assert canonical_json(cast("str", answer["json"])) == ours
        assert answer["size"] == size_of(value)


@pytest.mark.node
@batches
@given(st.lists(values, min_size=1, max_size=12))
@example([*SPECIMENS, *cast("list[Value]", SPECIMENS[2]), *cast("list[Value]", SPECIMENS[4])])
def test_the_npm_package_orders_values_as_we_do(node_values: NodeValues, sample: list[Value]) -> None:
    ours = [[compare(a, b) for b in sample] for a in sample]

    assert node_values.comparisons([encode_json(value) for value in sample]) == ours


@pytest.mark.node
@batches
@given(st.lists(texts, min_size=2, max_size=20))
def test_the_npm_package_orders_strings_by_code_point_as_we_do(
    node_values: NodeValues, sample: list[str]
) -> None:
    ours = [[compare(a, b) for b in sample] for a in sample]

    assert node_values.comparisons([encode_json(text) for text in sample]) == ours


@pytest.mark.node
def test_what_the_npm_package_refuses_we_refuse(node_values: NodeValues) -> None:
    refused = [
        b'{"$integer":1}',
        b'{"$integer":"AAAA"}',
        b'{"$bytes":null}',
        b'{"$float":"AAAAAAAA8D8="}',
        b'{"$float":"AAAA"}',
        b'{"$set":[]}',
        b'{"$map":[]}',
        b'{"$other":1}',
        b'{"$integer":"AAAAAAAAAAA=","x":1}',
        b'{"a\\n":1}',
        '{"é":1}'.encode(),
        b'{"%b":1}' % (b"a" * 1025),
    ]
    for raw, answer in zip(refused, node_values.round_trips(refused), strict=True):
        assert "error" in answer, raw
        with pytest.raises(InvalidValueError):
            decode_json(raw)
