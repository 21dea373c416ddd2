"""What authors see of a document."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.schemas import Message, Point, User, body, codec_of, document_class, message_id, stored, user_id
from syncline.kernel.errors import DocumentError, SetupError
from syncline.schema import Document, Index, body_of, table_of

CODEC = codec_of(Message)


def new(**changes: object) -> Message:
    values: dict[str, object] = {"channel": "general", "author": user_id(), "body": "hi"}
    return Message(**(values | changes))  # type: ignore[arg-type]  # tests give wrong values too


def kept(document: Message, number: int = 1) -> Message:
    back = stored(CODEC, document, number)
    assert isinstance(back, Message)
    return back


def test_a_stored_document_has_an_id_and_a_creation_time() -> None:
    message = kept(new())
    assert message.id == message_id()
    assert message.created_at == datetime(2027, 1, 15, 8, tzinfo=UTC) + timedelta(microseconds=123)


@given(st.integers(0, 2**43 * 1000))
@example(4_417_977_599_999_989)  # in 2109 milliseconds times 1000 run out of digits
def test_creation_times_are_exact_to_the_microsecond(created_us: int) -> None:
    message = CODEC.load(body(CODEC, new(), created_us=created_us))
    assert message.created_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=created_us)


@pytest.mark.parametrize("name", ["id", "created_at"])
def test_a_document_that_was_never_stored_says_so(name: str) -> None:
    with pytest.raises(DocumentError) as caught:
        getattr(new(), name)
    assert str(caught.value) == (
        f"this Message was never stored, so it has no {name}: "
        "ctx.db.insert(...) returns the id, and ctx.db.get(id) the stored document"
    )


def test_fields_that_are_left_out_have_their_defaults_and_lists_are_not_shared() -> None:
    first, second = new(), new()
    assert (first.likes, first.reply_to, first.tags) == (0, None, [])
    first.tags.append("x")
    assert second.tags == []
    assert new().tags == []


def test_a_default_with_content_is_copied_for_every_document() -> None:
    cls = document_class({"words": list[list[str]]}, {"words": [["a"]]})
    cls().words[0].append("b")
    assert cls().words == [["a"]]


def test_lists_are_fresh_at_every_read_of_the_document() -> None:
    raw = body(CODEC, new(tags=["a"]))
    first, second = CODEC.load(raw), CODEC.load(raw)
    assert isinstance(first, Message) and isinstance(second, Message)
    first.tags.append("b")
    assert second.tags == ["a"]
    assert first.tags is first.tags


def test_documents_are_immutable() -> None:
    message = kept(new())
    with pytest.raises(AttributeError, match=r"documents are immutable: ctx.db.patch\(document, likes=...\)"):
        message.likes = 3  # type: ignore[misc]  # that is the point
    with pytest.raises(AttributeError, match=r"Message\.likes cannot be removed"):
        message.__delattr__("likes")


def test_unknown_missing_and_reserved_arguments_are_named() -> None:
    with pytest.raises(
        DocumentError, match=r"^`messages` has no field `chanel` \(did you mean `channel`\?\)$"
    ):
        new(chanel="x")
    with pytest.raises(
        DocumentError, match=r"^`messages` has no field `chanel` \(did you mean `channel`\?\)$"
    ):
        Message(chanel="x", author=user_id(), body="")  # type: ignore[call-arg]  # that is the point
    with pytest.raises(DocumentError, match=r"^`messages.body` is missing: it has no default$"):
        Message(channel="x", author=user_id())  # type: ignore[call-arg]  # that is the point
    for name in ("id", "created_at", "_id", "_creationTime"):
        with pytest.raises(
            DocumentError, match=f"^`messages.{name}` is set by the database and cannot be given$"
        ):
            new(**{name: "x"})


def test_an_unknown_attribute_suggests_the_nearest() -> None:
    with pytest.raises(
        AttributeError, match=r"Message has no attribute 'chanel' \(did you mean `channel`\?\)"
    ):
        kept(new()).chanel  # type: ignore[attr-defined]  # that is the point
    with pytest.raises(AttributeError, match=r"did you mean `created_at`\?"):
        new().createdat  # type: ignore[attr-defined]  # that is the point
    assert not hasattr(kept(new()), "_anything")


def test_equality_is_by_class_id_and_fields() -> None:
    assert new() == new()
    assert new() != new(likes=1)
    assert kept(new()) == kept(new())
    assert kept(new(), 1) != kept(new(), 2)
    assert kept(new()) != new()
    assert kept(new()) != kept(new(likes=1))
    assert new() != User(name="x")
    assert new() != "new"


def test_documents_can_be_members_of_sets() -> None:
    assert len({kept(new(), 1), kept(new(), 1), kept(new(), 2)}) == 2
    assert len({User(name="a"), User(name="a"), User(name="b")}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(new())


def test_a_document_shows_its_fields() -> None:
    assert repr(User(name="Ann")) == "User(name='Ann')"
    shown = repr(kept(new(tags=["a"])))
    assert shown.startswith(f"Message(id='{message_id()}', channel='general', author=Id('")
    assert shown.endswith("body='hi', likes=0, reply_to=None, tags=['a'])")


@pytest.mark.parametrize("looked_at", ["", "likes", "tags"])
def test_documents_can_be_copied_and_pickled_in_every_state(looked_at: str) -> None:
    message = kept(new(tags=["a"]))
    if looked_at:
        getattr(message, looked_at)
    for twin in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert twin == message
        assert (twin.id, twin.created_at) == (message.id, message.created_at)
    assert pickle.loads(pickle.dumps(new())) == new()


def test_only_what_can_have_been_changed_is_encoded_again() -> None:
    message = kept(new(tags=["a"]))
    assert (message.body, message.likes, message.reply_to) == ("hi", 0, None)
    assert body_of(message) is not None
    message.tags.append("b")
    assert body_of(message) is None
    assert CODEC.to_fields(message)["tags"] == ["a", "b"]
    assert (message.id, message.created_at.microsecond) == (message_id(), 123)


FLOATS: list[tuple[Any, Callable[[float], Any]]] = [
    (float, lambda number: number),
    (float | None, lambda number: number),
    (list[float], lambda number: [1.0, number]),
    (list[float] | None, lambda number: [number]),
    (list[list[float]], lambda number: [[], [number]]),
    (float | str, lambda number: number),
    (Point, lambda number: Point(number)),
]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("hint", "make"), FLOATS, ids=[str(hint) for hint, _ in FLOATS])
def test_floats_that_json_does_not_have_come_back(
    hint: Any, make: Callable[[float], Any], number: float
) -> None:
    cls = document_class({"a": hint, "b": str})
    codec = codec_of(cls)
    document = cls(a=make(number), b="x")
    raw = body(codec, document)
    back = codec.load(raw)
    assert repr(back) == repr(document).replace("Sample(", f"Sample(id='{back.id}', ")
    assert body(codec, codec.load(raw)) == raw


def test_methods_properties_and_class_variables_are_left_alone() -> None:
    class Shout:
        def shout(self) -> str:
            return self.text.upper()  # type: ignore[attr-defined,no-any-return]  # the class that it is mixed into has it

    cls = document_class(
        {"text": str, "LIMIT": "ClassVar[int]"},
        members={"LIMIT": 3, "twice": property(lambda self: self.text * 2)},
    )
    mixed = document_class({"text": str}, name="Mixed", bases=(Document, Shout))
    assert (cls(text="ab").twice, cls.LIMIT) == ("abab", 3)
    assert mixed(text="ab").shout() == "AB"
    assert [field.name for field in table_of(cls).fields] == ["text"]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("Message", "messages"),
        ("TeamMember", "team_members"),
        ("HTTPRequest", "http_requests"),
        ("Category", "categories"),
        ("Day", "days"),
        ("Box", "boxes"),
        ("Match", "matches"),
        ("Address", "addresses"),
        ("User2", "user2s"),
    ],
)
def test_a_table_is_named_after_its_class(name: str, table: str) -> None:
    assert table_of(document_class({}, name=name)).name == table


def test_a_table_can_be_named_by_hand() -> None:
    class Note(Document, table="all_notes"):
        text: str

    assert table_of(Note).name == "all_notes"
    assert table_of(Note) is table_of(Note)


def test_a_document_of_another_class_is_refused() -> None:
    with pytest.raises(DocumentError, match="`messages` holds documents of Message, got User"):
        CODEC.to_fields(User(name="x"))


def test_an_index_belongs_to_one_class() -> None:
    shared = Index("text")
    document_class({"text": str}, members={"by_text": shared})
    with pytest.raises(SetupError, match=r"Sample\.by_text is the same object as Sample\.by_text"):
        document_class({"text": str}, members={"by_text": shared})


def test_nested_objects_are_made_when_they_are_looked_at() -> None:
    cls = document_class({"at": Point, "name": str})
    codec = codec_of(cls)
    raw = body(codec, cls(at=Point(1.0), name="x"))
    document: Any = codec.load(raw)
    assert body_of(document) == raw
    assert document.name == "x"
    assert body_of(document) == raw
    assert document.at == Point(1.0, 0.5, [])
    assert body(codec, document) == raw
