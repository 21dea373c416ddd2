"""Values and their JSON."""

from __future__ import annotations

import copy
import json
import math
from collections import OrderedDict
from enum import IntEnum, StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given

from support.values import same, values
from syncline.values import (
    MAX_NESTING,
    Int64,
    InvalidValueError,
    Json,
    Value,
    canonical_json,
    decode_canonical,
    decode_json,
    decode_value,
    encode_json,
    encode_value,
    parse_json,
    to_clean_json,
    to_export_json,
)


class Color(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


FORMS: list[tuple[object, str]] = [
    (None, "null"),
    (True, "true"),
    (5.0, "5.0"),
    (5, "5.0"),
    (2**53, "9007199254740992.0"),
    (1e21, "1e21"),
    (0.0, "0.0"),
    (-0.0, '{"$float":"AAAAAAAAAIA="}'),
    (math.inf, '{"$float":"AAAAAAAA8H8="}'),
    (-math.inf, '{"$float":"AAAAAAAA8P8="}'),
    (math.nan, '{"$float":"AAAAAAAA+H8="}'),
    (-math.nan, '{"$float":"AAAAAAAA+H8="}'),
    (Int64(1), '{"$integer":"AQAAAAAAAAA="}'),
    (Int64(-(2**63)), '{"$integer":"AAAAAAAAAIA="}'),
    (b"", '{"$bytes":""}'),
    (b"\xfb\xff", '{"$bytes":"+/8="}'),
    (bytearray(b"a"), '{"$bytes":"YQ=="}'),
    ("é\n", '"é\\n"'),
    ((1, [2]), "[1.0,[2.0]]"),
    ({"b": 1, "a": {}}, '{"a":{},"b":1.0}'),
    (OrderedDict(b=1, a=2), '{"a":2.0,"b":1.0}'),
    (MappingProxyType({"a": 1}), '{"a":1.0}'),
    (Color.RED, '"red"'),
    ({Color.RED: Level.HIGH}, '{"red":3.0}'),
]


@pytest.mark.parametrize(("value", "encoded"), FORMS)
def test_values_have_one_json_form(value: object, encoded: str) -> None:
    assert encode_json(value).decode() == encoded


@given(values)
def test_a_value_survives_its_json(value: Value) -> None:
    encoded = encode_json(value)

    assert same(decode_json(encoded), value)
    assert same(decode_json(encoded.decode()), value)
    assert same(decode_canonical(encoded), value)
    assert canonical_json(encoded) == encoded
    assert same(decode_value(encode_value(value)), value)


@given(values)
def test_other_spellings_of_the_same_json_have_the_same_canonical_form(value: Value) -> None:
    encoded = encode_json(value)
    spaced = json.dumps(json.loads(encoded), indent=1, ensure_ascii=True)
    reordered = json.dumps(_reversed(json.loads(encoded)))

    assert canonical_json(spaced) == encoded
    assert canonical_json(reordered.encode()) == encoded


def _reversed(tree: Json) -> Json:
    """The same JSON with the fields of its objects the other way round."""
    match tree:
        case dict():
            return {name: _reversed(item) for name, item in reversed(list(tree.items()))}
        case list():
            return [_reversed(item) for item in tree]
        case _:
            return tree


@given(values)
def test_neither_encoding_nor_decoding_changes_what_it_is_given(value: Value) -> None:
    before = copy.deepcopy(value)
    tree = parse_json(encode_json(value))
    tree_before = copy.deepcopy(tree)
    decode_value(tree)
    encode_value([value, value, {"again": value}])

    assert same(value, before)
    assert tree == tree_before


def test_json_integers_are_floats() -> None:
    value = decode_json(b'{"a":1,"b":[9007199254740993,-0,123456789012345678901234567890]}')

    assert same(value, {"a": 1.0, "b": [9007199254740992.0, 0.0, 1.2345678901234568e29]})


def test_of_equal_names_the_last_one_counts() -> None:
    assert decode_json(b'{"a":1.0,"b":2.0,"a":3.0}') == {"a": 3.0, "b": 2.0}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**53 + 1, "the integer 9007199254740993 is beyond 2**53 and would be rounded: use Int64 or float"),
        (
            {"a": [1, {"b c": -(2**60)}]},
            "the integer -1152921504606846976 is beyond 2**53 and would be rounded: use Int64 or float (at .a[1]['b c'])",
        ),
        (10**1000, "an integer of 3322 bits is beyond 2**53 and would be rounded: use Int64 or float"),
        (
            [object()],
            "object is not a value: use None, bool, int, float, Int64, str, bytes, list or dict (at [0])",
        ),
        (
            {"x": {1, 2}},
            "set is not a value: use None, bool, int, float, Int64, str, bytes, list or dict (at .x)",
        ),
        ({"a": {1: 2}}, "a field's name must be a string, got int (at .a)"),
        ({"$a": 1}, "a field's name must not start with '$': '$a'"),
        ({"a\n": 1}, "a field's name must be printable ASCII: 'a\\n'"),
        ({"é": 1}, "a field's name must be printable ASCII: 'é'"),
        (
            {"a" * 1025: 1},
            "a field's name is too long (1025 > maximum length 1024): '" + "a" * 60 + "…'",
        ),
        (
            {"a": ["x\ud800"]},
            "a string holds U+D800, one half of a surrogate pair, which is no character (at .a[0])",
        ),
    ],
)
def test_what_has_no_json_form_is_refused_with_its_place(value: object, text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        encode_json(value)

    assert str(refused.value) == text


def test_a_long_name_that_is_allowed_and_an_empty_one_are_kept() -> None:
    value: dict[str, Value] = {"a" * 1024: 1.0, "": 2.0, " ~": 3.0}

    assert decode_json(encode_json(value)) == value


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "Input data was truncated"),
        (b"NaN", "JSON is malformed: invalid character (byte 0)"),
        (b"[1,]", "JSON is malformed: trailing comma in array (byte 3)"),
        (b'"\xff"', "the JSON is not valid UTF-8"),
        (b"1e999", "Number out of range"),
        (b"1" + b"0" * 400, "a number is too large for a 64-bit float"),
        (
            b'{"a":{"$integer":1}}',
            "$integer holds a base64 string, got int (at .a)",
        ),
        (b'{"$integer":"AAAA"}', "$integer holds 8 bytes, got 3"),
        (b'{"$integer":"AAAAAAAAAAA"}', "$integer holds padded standard base64, got 'AAAAAAAAAAA'"),
        (b'{"$bytes":"YR=="}', "$bytes holds padded standard base64, got 'YR=='"),
        (b'{"$bytes":"_w=="}', "$bytes holds padded standard base64, got '_w=='"),
        (b'{"$bytes":" YQ=="}', "$bytes holds padded standard base64, got ' YQ=='"),
        ('{"$bytes":"é"}'.encode(), "$bytes holds padded standard base64, got 'é'"),
        (
            b'[{"$float":"AAAAAAAA8D8="}]',
            "$float is for NaN, the infinities and -0.0 only; 1.0 is written as a number (at [0])",
        ),
        (
            b'{"$float":"AAAAAAAAAAA="}',
            "$float is for NaN, the infinities and -0.0 only; 0.0 is written as a number",
        ),
        (b'{"$set":[]}', "a field's name must not start with '$': '$set'"),
        (b'{"$integer":"AAAAAAAAAAA=","a":1}', "a field's name must not start with '$': '$integer'"),
        (b'{"$commitTs":null}', "a field's name must not start with '$': '$commitTs'"),
    ],
)
def test_json_that_is_no_value_is_refused(raw: bytes, text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        decode_json(raw)

    assert str(refused.value) == text


@pytest.mark.parametrize(
    "raw", [b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\ud800"', b'"\xed\xa0\x80"', '"\ud800"']
)
def test_half_of_a_surrogate_pair_is_refused(raw: bytes | str) -> None:
    with pytest.raises(InvalidValueError):
        decode_json(raw)


def test_every_nan_becomes_the_same_nan() -> None:
    assert canonical_json(b'{"$float":"AQAAAAAA8P8="}') == b'{"$float":"AAAAAAAA+H8="}'


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_containers_nest_to_a_limit_both_ways(opening: str, closing: str) -> None:
    deepest = opening * MAX_NESTING + '{"$integer":"AAAAAAAAAAA="}' + closing * MAX_NESTING
    value = decode_json(deepest)

    assert encode_json(value) == deepest.encode()
    with pytest.raises(InvalidValueError, match="Value is too nested \\(maximum nesting 64\\)"):
        decode_json(opening + deepest + closing)
    with pytest.raises(InvalidValueError, match="Value is too nested"):
        encode_json([value])
    with pytest.raises(InvalidValueError, match="Value is too nested"):
        decode_json(opening * 200_000)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append({"inner": loop})

    with pytest.raises(InvalidValueError, match="Value is too nested"):
        encode_json(loop)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_an_int64_out_of_range_cannot_be_made(number: int) -> None:
    with pytest.raises(ValueError, match=r"Int64 holds -2\*\*63 to 2\*\*63 - 1, got -?\d+$"):
        Int64(number)


def test_an_int64_is_an_integer_with_a_name_of_its_own() -> None:
    assert Int64(5) == 5
    assert Int64(5) + 1 == 6
    assert (repr(Int64(5)), str(Int64(5)), f"{Int64(5)}") == ("Int64(5)", "5", "5")


EVERYTHING: dict[str, Value] = {
    "array": [Int64(5), -0.0, math.nan, math.inf, -math.inf, 1.0],
    "bytes": b"\xff",
    "money": "$5",
    "none": None,
    "true": True,
}


def test_clean_json_writes_what_plain_json_has() -> None:
    assert to_clean_json(encode_json(EVERYTHING)) == (
        b'{"array":["5",-0.0,"NaN","Infinity","-Infinity",1.0],'
        b'"bytes":"/w==","money":"$5","none":null,"true":true}'
    )


def test_export_json_keeps_int64_and_float_apart() -> None:
    assert to_export_json(encode_json(EVERYTHING)) == (
        b'{"array":[5,-0.0,{"$float":"AAAAAAAA+H8="},{"$float":"AAAAAAAA8H8="},{"$float":"AAAAAAAA8P8="},1.0],'
        b'"bytes":{"$bytes":"/w=="},"money":"$5","none":null,"true":true}'
    )


@given(values)
def test_other_formats_are_json_without_our_integers(value: Value) -> None:
    encoded = encode_json(value)

    assert b'{"$integer"' not in to_export_json(encoded)
    assert same(parse_json(to_clean_json(encoded)), decode_json(to_clean_json(encoded)))
