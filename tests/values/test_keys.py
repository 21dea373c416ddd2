"""Index keys: bytes in the order of the values that they stand for."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.values import floats, int64s, same, texts, values
from syncline.values import (
    UNDEFINED,
    Int64,
    InvalidValueError,
    Undefined,
    Value,
    compare,
    decode_key_part,
    encode_key_part,
    parts_end,
    prefix_end,
    type_range,
)

#: What an index may hold for a field: a value, or that the field is not there.
held: st.SearchStrategy[Value | Undefined] = st.one_of(values, st.just(UNDEFINED))
SMALL: list[Value] = [None, "", "\0", [], {}]
#: Values that are close together: the order is decided late in the key.
alike: st.SearchStrategy[object] = st.one_of(
    st.lists(st.sampled_from(["", "\0", "\0\0", "a", "a\0", "\x01"]), max_size=3),
    st.lists(st.binary(max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["", " ", "a", "aa", "b"]), st.sampled_from(SMALL)),
    st.sampled_from(["a", "a\0", "a\0\0", "a\0b", "a\x01", "ab", "a\uffff", "a\U00010000"]),
)
#: What follows the parts in a key: a creation time in microseconds.
times = st.integers(0, 2**56 - 1).map(lambda us: us.to_bytes(8, "big"))


def sign(a: bytes, b: bytes) -> int:
    return (a > b) - (a < b)


@given(held, held)
@example(0.0, -0.0)
@example("a", "a\0")
@example(Int64(2**63 - 1), -math.inf)
def test_keys_sort_as_values_do(a: Value | Undefined, b: Value | Undefined) -> None:
    assert sign(encode_key_part(a), encode_key_part(b)) == compare(a, b)


@given(alike, alike)
def test_keys_of_similar_values_sort_as_values_do(a: object, b: object) -> None:
    assert sign(encode_key_part(a), encode_key_part(b)) == compare(a, b)


@given(st.one_of(st.tuples(floats, floats), st.tuples(int64s, int64s), st.tuples(texts, texts)))
def test_keys_of_one_type_sort_as_values_do(pair: tuple[Value, Value]) -> None:
    assert sign(*map(encode_key_part, pair)) == compare(*pair)


@given(
    st.lists(st.one_of(held, alike), max_size=3), st.lists(st.one_of(held, alike), max_size=3), times, times
)
def test_parts_that_follow_one_another_sort_field_by_field(
    a: list[object], b: list[object], a_time: bytes, b_time: bytes
) -> None:
    length = min(len(a), len(b))
    fields = [compare(x, y) for x, y in zip(a, b, strict=False)]
    expected = next((order for order in fields if order), None) or sign(a_time, b_time)

    assert sign(_key(a[:length], a_time), _key(b[:length], b_time)) == expected


def _key(fields: list[object], time: bytes) -> bytes:
    return b"".join(map(encode_key_part, fields)) + time


@given(st.lists(held, max_size=4), times)
def test_a_key_is_read_back_part_by_part(fields: list[Value | Undefined], time: bytes) -> None:
    key, offset = _key(list(fields), time), 0
    for field in fields:
        value, offset = decode_key_part(key, offset)
        assert same(value, field)
    assert key[offset:] == time


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (UNDEFINED, "08"),
        (None, "10"),
        (Int64(-1), "18 7fffffffffffffff"),
        (Int64(5), "18 8000000000000005"),
        (-math.inf, "20 000fffffffffffff"),
        (-1.0, "20 400fffffffffffff"),
        (-0.0, "20 7fffffffffffffff"),
        (0.0, "20 8000000000000000"),
        (1, "20 bff0000000000000"),
        (math.inf, "20 fff0000000000000"),
        (math.nan, "20 fff8000000000000"),
        (False, "28"),
        (True, "29"),
        ("", "30 00"),
        ("é\0", "30 c3a9 00ff 00"),
        (b"\0\xff", "38 00ff ff 00"),
        (["a", None], "40 306100 10 00"),
        ({"b": None, "a": "x"}, "48 306100 307800 306200 10 00"),
    ],
)
def test_the_bytes_of_keys_never_change(value: object, key: str) -> None:
    assert encode_key_part(value).hex() == key.replace(" ", "")


@given(st.binary(max_size=6), st.binary(max_size=8))
@example(b"a\xff", b"b")
@example(b"a", b"a\xff\xff")
@example(b"\xff", b"\xff\xff")
def test_prefix_end_is_above_the_keys_with_that_prefix_and_nothing_else(prefix: bytes, key: bytes) -> None:
    stop = prefix_end(prefix)

    assert (prefix <= key and (stop is None or key < stop)) == key.startswith(prefix)


@given(held, held, st.sampled_from([b"", b"\x10", b"0a\0", b"\x7f\xff\xff\xff\xff\xff\xff\xff"]))
@example("a", "a\0", b"")
@example(b"a", b"a\0\xff", b"\x10")
def test_parts_end_is_above_the_keys_with_these_parts_and_nothing_else(
    value: Value | Undefined, other: Value | Undefined, more: bytes
) -> None:
    """What follows a part is another one, or a creation time."""
    part, key = encode_key_part(value), encode_key_part(other) + more

    assert (part <= key < parts_end(part)) == (encode_key_part(other) == part)


@given(held, held)
def test_a_type_range_holds_the_values_of_one_type(a: Value | Undefined, b: Value | Undefined) -> None:
    start, stop = type_range(a)

    assert (start <= encode_key_part(b) < stop) == (type(a) is type(b))


def test_a_python_int_ranges_over_floats() -> None:
    assert type_range(3) == type_range(3.0) == (b"\x20", b"\x21")


@given(st.binary(max_size=40), st.integers(0, 40))
@example(b"\x40" * 1000 + b"\0" * 1000, 0)
@example(b"\x48\x30\x00" * 1000, 0)
@example(b"\x40\x08\x00", 0)
@example(b"\x48\x10\x10\x00", 0)
@example(b"\x30\xff\x00", 0)
def test_bytes_that_are_no_key_are_refused_or_read_within_bounds(key: bytes, offset: int) -> None:
    try:
        _, end = decode_key_part(key, offset)
    except InvalidValueError:
        return
    assert offset < end <= len(key)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (b"", "no key part begins with nothing, at byte 0 of "),
        (b"\x99", "no key part begins with 99, at byte 0 of 99"),
        (b"\x30abc", "no complete key part at byte 0 of 30616263"),
        (b"\x20abc", "no complete key part at byte 0 of 20616263"),
    ],
)
def test_the_refusal_of_a_malformed_key_shows_it(key: bytes, text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        decode_key_part(key)

    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (object(), "object is not a value and has no place in an index key"),
        ([1, [UNDEFINED]], "Undefined is not a value and has no place in an index key (at [1][0])"),
        (
            {"a": 2**54},
            "the integer 18014398509481984 is beyond 2**53 and would be rounded: use Int64 or float (at .a)",
        ),
        ("\ud800", "a string holds one half of a surrogate pair, which is no character"),
        ({1: 2}, "a field's name must be a string, got int"),
    ],
)
def test_what_is_no_value_has_no_key(value: object, text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        encode_key_part(value)

    assert str(refused.value) == text


def test_a_key_of_a_value_that_contains_itself_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["inner"] = [loop]

    with pytest.raises(InvalidValueError, match="Value is too nested"):
        encode_key_part(loop)
