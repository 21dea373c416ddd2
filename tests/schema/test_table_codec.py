"""Keys, defaults, older bodies and checks of stored data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given

from support.schemas import (
    Colour,
    Message,
    Point,
    body,
    codec_of,
    document_class,
    message_id,
    user_id,
)
from support.values import texts
from syncline.kernel.errors import DocumentError
from syncline.schema import Id, Index, Problem
from syncline.values import encode_key_part

CODEC = codec_of(Message)


def fields(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"channel": "general", "author": user_id(), "body": "hi"}
    return CODEC.to_fields(Message(**(values | changes)))


def test_defaults_are_written_out() -> None:
    assert fields() == {
        "author": user_id(),
        "body": "hi",
        "channel": "general",
        "likes": 0.0,
        "reply_to": None,
        "tags": [],
    }
    raw = CODEC.encode_body(fields(), message_id(), 1_800_000_000_000_123)
    assert raw.decode() == (
        f'{{"_creationTime":1800000000000.123,"_id":"{message_id()}","author":"{user_id()}","body":"hi",'
        '"channel":"general","likes":0.0,"reply_to":null,"tags":[]}'
    )


def test_a_body_begins_with_the_system_fields_whatever_the_names_of_the_others() -> None:
    codec = codec_of(document_class({"Zed": int, "a": str}))
    raw = codec.encode_body({"Zed": 1.0, "a": "x"}, "k", 0)
    assert raw == b'{"_creationTime":0.0,"_id":"k","Zed":1.0,"a":"x"}'
    assert codec.load(raw).id == "k"


def test_a_document_without_fields_is_a_document() -> None:
    codec = codec_of(document_class({}))
    raw = codec.encode_body({}, "k", 1)
    assert raw == b'{"_creationTime":0.001,"_id":"k"}'
    assert codec.load(raw).id == "k"
    assert codec.decode_body(raw) == {}


def test_an_index_key_is_its_fields_and_tells_where_each_ends() -> None:
    author, channel = encode_key_part(user_id()), encode_key_part("general")
    assert CODEC.index_keys(Message.by_channel, fields()) == [(channel, (len(channel),))]
    expected = (author + channel, (len(author), len(author + channel)))
    assert CODEC.index_keys(Message.by_author, fields()) == [expected]


def test_an_each_index_has_one_entry_per_element() -> None:
    keys = CODEC.index_keys(Message.by_tag, fields(tags=["a", "b", "a"]))
    assert [key for key, _ in keys] == [encode_key_part("a"), encode_key_part("b")]
    assert CODEC.index_keys(Message.by_tag, fields()) == []


def test_an_each_index_can_have_other_fields_around_the_list() -> None:
    index = Index("first", "tags", "last", each=True)
    cls = document_class({"first": int, "tags": list[str] | None, "last": bool}, members={"by_all": index})
    codec = codec_of(cls)
    keys = codec.index_keys(index, codec.to_fields(cls(first=1, tags=["x", "y"], last=True)))
    parts = [[encode_key_part(1), encode_key_part(tag), encode_key_part(True)] for tag in "xy"]
    assert [key for key, _ in keys] == [b"".join(part) for part in parts]
    assert keys[0][1] == (9, 12, 13)
    assert codec.index_keys(index, codec.to_fields(cls(first=1, tags=None, last=True))) == []


def test_a_field_is_compared_with_values_of_its_type() -> None:
    assert CODEC.key_part("likes", 3) == encode_key_part(3.0)
    assert CODEC.key_part("reply_to", None) == encode_key_part(None)
    assert CODEC.key_part("tags", ["a"]) == encode_key_part(["a"])
    assert CODEC.key_part("tags", "a", element=True) == encode_key_part("a")
    with pytest.raises(DocumentError, match=r'^`messages\.likes`: expected int, got "3" \(str\)$'):
        CODEC.key_part("likes", "3")
    with pytest.raises(DocumentError, match=r"^`messages\.tags\[\]`: expected str, got 3 \(int\)$"):
        CODEC.key_part("tags", 3, element=True)
    with pytest.raises(
        DocumentError, match=r"^`messages\.body` is not a list, so it contains nothing: compare it itself$"
    ):
        CODEC.key_part("body", "x", element=True)
    with pytest.raises(DocumentError, match=r"^`messages` has no field `like` \(did you mean `likes`\?\)$"):
        CODEC.key_part("like", 3)


def test_values_are_compared_in_their_stored_form_and_constraints_do_not_matter() -> None:
    cls = document_class({"at": datetime, "colour": Colour, "uuid": UUID | None, "age": Any})
    codec = codec_of(cls)
    assert codec.key_part("at", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == encode_key_part(1000.0)
    assert codec.key_part("colour", Colour.RED) == encode_key_part("red")
    assert codec.key_part("uuid", UUID(int=1)) == encode_key_part(str(UUID(int=1)))
    assert codec.key_part("age", -0.0) == encode_key_part(0.0)


def changed(hints: dict[str, Any], defaults: dict[str, Any] | None = None) -> Any:
    return codec_of(document_class(hints, defaults))


def sample(hints: dict[str, Any], **values: Any) -> bytes:
    return body(codec_of(cls := document_class(hints)), cls(**values))


def test_stored_bodies_are_checked_against_a_new_schema() -> None:
    raw = sample(
        {"name": str, "age": str, "old": int, "items": list[str]}, name="x", age="7", old=1, items=["a"]
    )
    codec = changed({"nam": str, "age": int, "items": list[int], "note": str}, {"note": ""})
    assert codec.check_body(raw) == [
        Problem("samples.nam", "str", "nothing"),
        Problem("samples.age", "int", '"7" (str)'),
        Problem("samples.items[0]", "int", '"a" (str)'),
        Problem("samples.name", "no field `name` (did you mean `nam`?)", '"x" (str)'),
        Problem("samples.old", "no field `old`", "1.0 (float)"),
    ]
    assert str(codec.check_body(raw)[0]) == "`samples.nam`: expected str, got nothing"


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        (float, 5.0, int),
        (int, 5, float),
        (str, "a", Literal["a", "b"]),
        (str, "red", Colour),
        (Colour, Colour.RED, str),
        (int, 5, int | None),
        (str, str(user_id()), str),
        (Point, Point(1), dict[str, Any]),
        (dict[str, Any], {"x": 1.0}, Point),
        (list[int], [1], list[int | str]),
        (int, 0, datetime),
    ],
)
def test_a_type_may_change_to_one_that_the_stored_values_fit(before: Any, value: Any, after: Any) -> None:
    raw = sample({"a": before}, a=value)
    codec = changed({"a": after})
    assert codec.check_body(raw) == []
    assert codec.check_body(codec.upgrade(raw)) == []


def test_what_a_new_type_writes_differently_is_rewritten() -> None:
    upper = "ABCDEF00-0000-0000-0000-000000000000"
    upgraded = changed({"a": UUID}).upgrade(sample({"a": str}, a=upper))
    assert upgraded.endswith(b'"a":"%b"}' % upper.lower().encode())
    old = sample({"a": dict[str, Any]}, a={"x": 1.0})
    assert changed({"a": list[Point] | Point}).upgrade(old).endswith(b'"a":{"labels":[],"x":1.0,"y":0.5}}')


def test_an_upgrade_refuses_what_a_check_would_have_refused() -> None:
    raw = sample({"a": int}, a=1)
    with pytest.raises(DocumentError, match=r"^`samples\.b`: expected str, got nothing$"):
        changed({"a": int, "b": str}).upgrade(raw)
    with pytest.raises(DocumentError, match=r"^`samples` has no field `a`$"):
        changed({}).upgrade(raw)


@given(texts)
def test_an_added_field_reads_as_its_default_in_documents_and_keys(default: str) -> None:
    raw = sample({"a": int}, a=1)
    index = Index("b")
    cls = document_class({"a": int, "b": str}, {"b": default}, members={"by_b": index})
    codec = codec_of(cls)
    current = codec.upgrade(raw)
    assert codec.load(current) == codec.load(body(codec, cls(a=1, b=default)))
    assert codec.index_keys(index, codec.decode_body(current))[0][0] == codec.key_part("b", default)


SHAPES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"a": int}, {}),
    ({"a": float}, {}),
    ({"a": int}, {"a": 0}),
    ({"a": int}, {"a": 1}),
    ({"a": int | None}, {}),
    ({"a": int | None}, {"a": None}),
    ({"b": int}, {}),
    ({"a": int, "b": int}, {}),
    ({"a": Id[Message]}, {}),
    ({"a": Literal["a"]}, {}),
    ({"a": Literal["a", "b"]}, {}),
    ({"a": Point}, {}),
    ({"a": list[Point]}, {}),
]


def test_shapes_differ_where_bodies_may() -> None:
    shapes = [changed(hints, defaults).shape() for hints, defaults in SHAPES]
    assert len(set(shapes)) == len(SHAPES)
    assert [changed(hints, defaults).shape() for hints, defaults in SHAPES] == shapes


def test_shapes_do_not_depend_on_order_or_names_of_classes() -> None:
    assert changed({"a": int, "b": str}).shape() == changed({"b": str, "a": int}).shape()
    assert changed({"a": int | str}).shape() == changed({"a": str | int}).shape()
    assert changed({"a": Colour}).shape() == changed({"a": Literal["green", "red"]}).shape()
