"""Whatever bytes come in, decoding gives a value or a ValueError, and what it gives can be encoded again."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from support.fuzz import broken_json, json_texts
from syncline.values import canonical_json, decode_json, decode_key_part, encode_json, encode_key_part


@given(st.one_of(st.binary(max_size=60), json_texts, broken_json))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"9" * 5000)
@example(b"-" + b"9" * 5000)
@example(b'"\\ud83d"')
@example(b'{"a":NaN,"a":-Infinity}')
@example(b'{"$integer":"AAAAAAAAAAA=","$integer":{}}')
@example(b'{"":{"":{"":[]}}}')
def test_decoding_gives_a_value_or_a_value_error(raw: bytes) -> None:
    try:
        value = decode_json(raw)
    except ValueError as error:
        assert str(error)
        return
    encoded = encode_json(value)
    assert canonical_json(encoded) == encoded
    assert encode_key_part(decode_key_part(encode_key_part(value))[0]) == encode_key_part(value)


@given(st.text(st.characters(), max_size=60))
@example("\ud800")
@example('"\udfff"')
def test_decoding_text_gives_a_value_or_a_value_error(raw: str) -> None:
    try:
        encode_json(decode_json(raw))
    except ValueError as error:
        assert str(error)
