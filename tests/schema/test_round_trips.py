"""What goes into the store comes back, for every type and every class that can be built of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.schemas import body, codec_of, document_class, schemas, stored, types, values_of
from support.values import same
from syncline.schema import UNSET, Index, TableCodec
from syncline.values import compare, encode_json


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_document_comes_back_as_it_was_stored(data: st.DataObject) -> None:
    cls, documents = data.draw(schemas())
    codec = codec_of(cls)
    document = data.draw(documents)
    back = stored(codec, document)
    assert values_of(back) == values_of(document)
    assert all(type(value) is type(values_of(document)[name]) for name, value in values_of(back).items())
    assert back == stored(codec, document)
    # Reading changed nothing: what was handed out is encoded to the same bytes again.
    assert codec.to_fields(back) == codec.to_fields(document)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_body_is_canonical_json_of_the_fields(data: st.DataObject) -> None:
    cls, documents = data.draw(schemas())
    codec = codec_of(cls)
    document = data.draw(documents)
    raw, fields = body(codec, document), codec.to_fields(document)
    assert same(codec.decode_body(raw), fields)
    rest = encode_json(fields)[1:]
    assert raw.endswith(b"," + rest if fields else rest)
    assert codec.check_body(raw) == []
    assert codec.upgrade(raw) == raw


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_patch_is_a_document_with_these_fields_changed(data: st.DataObject) -> None:
    cls, documents = data.draw(schemas())
    codec = codec_of(cls)
    before, after = data.draw(documents), data.draw(documents)
    names = list(values_of(before))
    changed = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    patched = codec.patched(codec.to_fields(before), {name: values_of(after)[name] for name in changed})
    expected = {
        name: (codec.to_fields(after) if name in changed else codec.to_fields(before))[name] for name in names
    }
    assert same(patched, expected)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_unset_and_a_field_that_is_left_out_are_the_default(data: st.DataObject) -> None:
    cls, documents = data.draw(schemas())
    codec = codec_of(cls)
    optional = [field.name for field in codec.spec.fields if not field.required]
    document = data.draw(documents)
    fields = codec.patched(codec.to_fields(document), dict.fromkeys(optional, UNSET))
    required = {name: value for name, value in values_of(document).items() if name not in optional}
    assert same(fields, codec.to_fields(cls(**required)))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_older_body_reads_as_if_it_held_the_defaults(data: st.DataObject) -> None:
    cls, documents = data.draw(schemas())
    newer = codec_of(cls)
    document = data.draw(documents)
    optional = [field.name for field in newer.spec.fields if not field.required]
    later = data.draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []
    older = _without(newer, later)
    old = older(**{name: value for name, value in values_of(document).items() if name not in later})
    upgraded = newer.upgrade(body(codec_of(older), old))
    expected = cls(**{name: value for name, value in values_of(document).items() if name not in later})
    assert upgraded == body(newer, expected)


def _without(codec: TableCodec, left_out: list[str]) -> Any:
    definition = codec.spec.cls.__definition__
    hints = {name: hint for name, hint in definition.annotations.items() if name not in left_out}
    defaults = {name: value for name, value in definition.defaults.items() if name not in left_out}
    return document_class(hints, defaults)


@given(st.data(), types, types)
@settings(max_examples=100, deadline=None)
def test_index_keys_sort_as_their_values_compare(data: st.DataObject, first: Any, second: Any) -> None:
    cls = document_class({"a": first[0], "b": second[0]}, members={"both": Index("a", "b")})
    codec = codec_of(cls)
    rows = [codec.to_fields(cls(a=data.draw(first[1]), b=data.draw(second[1]))) for _ in range(2)]
    keys = [codec.index_keys(cls.both, row)[0] for row in rows]
    left, right = ([row["a"], row["b"]] for row in rows)
    assert (keys[0][0] > keys[1][0]) - (keys[0][0] < keys[1][0]) == compare(left, right)
    for (key, offsets), row in zip(keys, rows, strict=True):
        assert offsets[-1] == len(key)
        assert (
            codec.key_part("a", values_of(codec.load(codec.encode_body(row, "x", 0)))["a"])
            == key[: offsets[0]]
        )
