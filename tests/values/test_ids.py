"""Document ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.values import decode_id, encode_id

COUNTED = bytes(range(16))
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
tables = st.one_of(
    st.integers(1, 2**32 - 1), st.integers(10_001, 10_100), st.sampled_from([1, 127, 128, 16383, 16384])
)
internals = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize(
    ("table", "internal", "text"),
    [
        (1, COUNTED, "040020g30g2gc1r81450p30d1r7qke8"),
        (10001, COUNTED, "j57000820c20a1g7104gm2rc1m70ynr8"),
        (10001, bytes(16), "j5700000000000000000000000001qv0"),
        (10001, b"\xff" * 16, "j57fzzzzzzzzzzzzzzzzzzzzzzzzzkyr"),
        (16384, COUNTED, "g2002001081g81860w40j2gb1g6gw3vs74"),
        (4294967295, COUNTED, "zzzzzzrf000g40r40m30e209185gr38e1y1nj"),
    ],
)
def test_ids_are_those_of_the_reference(table: int, internal: bytes, text: str) -> None:
    assert encode_id(table, internal) == text
    assert decode_id(text) == (table, internal)


@given(tables, internals)
def test_an_id_is_read_back(table: int, internal: bytes) -> None:
    text = encode_id(table, internal)

    assert decode_id(text) == (table, internal)
    assert len(text) in (31, 32, 34, 36, 37)


@given(tables, internals, st.data())
def test_an_id_with_one_character_changed_is_refused(
    table: int, internal: bytes, data: st.DataObject
) -> None:
    text = encode_id(table, internal)
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(ALPHABET).filter(lambda character: character != text[position]))
    changed = text[:position] + other + text[position + 1 :]

    try:
        table_found, internal_found = decode_id(changed)
    except ValueError:
        return
    # A checksum of 16 bits lets some changes through, but never one that is the same document by another name.
    assert (table_found, internal_found) != (table, internal)
    assert encode_id(table_found, internal_found) == changed


@given(st.one_of(st.text(max_size=40), st.text(ALPHABET, min_size=30, max_size=38)))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        decoded = decode_id(text)
    except ValueError:
        return
    assert encode_id(*decoded) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ids have 31, 32, 34, 36 or 37 characters, got 0"),
        ("0" * 33, "ids have 31, 32, 34, 36 or 37 characters, got 33"),
        ("0" * 38, "ids have 31, 32, 34, 36 or 37 characters, got 38"),
        ("J57000820c20a1g7104gm2rc1m70ynr8", "ids are written with 0-9 and a-z without i, l, o and u"),
        ("j57000820c20a1g7104gm2rc1m70ynrl", "ids are written with 0-9 and a-z without i, l, o and u"),
        (" j57000820c20a1g7104gm2rc1m70ynr", "ids are written with 0-9 and a-z without i, l, o and u"),
        ("j57000820c20a1g7104gm2rc1m70yn_8", "ids are written with 0-9 and a-z without i, l, o and u"),
        ("é57000820c20a1g7104gm2rc1m70ynr8", "ids are written with 0-9 and a-z without i, l, o and u"),
        (
            "j57000820c20a1g7104gm2rc1m70ynr9",
            "its checksum does not fit, so that a character must have changed",
        ),
        ("040020g30g2gc1r81450p30d1r7qke9", "its last character is none that an id can end in"),
        ("0" * 32, "it does not begin with a table number"),
        ("0" * 31, "it does not begin with a table number"),
    ],
)
def test_the_refusal_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        decode_id(text)

    assert str(refused.value) == f"{text!r} is not an id: {reason}"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x81\x00" + bytes(16),  # table 1, its varint padded
        b"\x80\x80\x80\x80\x10" + bytes(16),  # table 2**32
        b"\xff\xff\xff\xff\xff\x0f" + bytes(15),  # a varint of 6 bytes
        b"\x00" + bytes(16),  # table 0
        b"\xd1\x4e" + bytes(15),  # an internal id of 15 bytes
        b"\x01" + bytes(17),  # one of 17 bytes
    ],
)
def test_bytes_with_a_right_checksum_that_are_no_id_are_refused(raw: bytes) -> None:
    sums = [0, 0]
    for byte in raw:
        sums[0] = (sums[0] + byte) % 256
        sums[1] = (sums[1] + sums[0]) % 256
    bits = "".join(f"{byte:08b}" for byte in raw + bytes(sums))
    bits += "0" * (-len(bits) % 5)
    text = "".join(ALPHABET[int(bits[start : start + 5], 2)] for start in range(0, len(bits), 5))

    with pytest.raises(ValueError, match="is not an id: it does not begin with a table number"):
        decode_id(text)


@pytest.mark.parametrize(
    ("table", "internal", "text"),
    [
        (0, bytes(16), "a table number is 1 to 4294967295, got 0"),
        (2**32, bytes(16), "a table number is 1 to 4294967295, got 4294967296"),
        (1, bytes(15), "an internal id has 16 bytes, got 15"),
    ],
)
def test_an_id_of_nothing_cannot_be_made(table: int, internal: bytes, text: str) -> None:
    with pytest.raises(ValueError) as refused:
        encode_id(table, internal)

    assert str(refused.value) == text
