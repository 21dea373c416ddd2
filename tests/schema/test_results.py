"""Results: checked against the return hint, and documents passed on as they were stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.schemas import (
    TABLES,
    Circle,
    Message,
    Point,
    Square,
    User,
    body,
    codec_of,
    document_class,
    message_id,
    schemas,
    stored,
    types,
    user_id,
    values_of,
)
from syncline.kernel.errors import LimitError, ResultError, SetupError
from syncline.kernel.limits import Limits
from syncline.schema import Id, Page, PaginationOptions, ResultCodec, body_of
from syncline.values import decode_json, encode_json

MESSAGES, USERS = codec_of(Message), codec_of(User)


class Row(TypedDict):
    message: Message
    author: NotRequired[User]


@dataclass
class Thread:
    root: Message
    replies: list[Thread] = field(default_factory=list["Thread"])


class Found(msgspec.Struct, tag=True):
    message: Message


def message(number: int = 1, **changes: Any) -> Message:
    values: dict[str, Any] = {"channel": "x", "author": user_id(), "body": "hi"}
    made = stored(MESSAGES, Message(**(values | changes)), number)
    assert isinstance(made, Message)
    return made


def user() -> User:
    made = stored(USERS, User(name="Ann"))
    assert isinstance(made, User)
    return made


def codec(hint: Any) -> ResultCodec:
    return ResultCodec(hint).bind(TABLES)


RAW = body(MESSAGES, Message(channel="x", author=user_id(), body="hi"))


def test_stored_documents_are_passed_on_as_bytes() -> None:
    assert codec(Message).encode(message()) == RAW
    assert codec(list[Message]).encode([message(), message()]) == b"[" + RAW + b"," + RAW + b"]"
    assert codec(list[Message]).encode(()) == b"[]"
    assert codec(Message | None).encode(None) == b"null"
    assert codec(Message | None).encode(message()) == RAW
    assert (
        codec(dict[str, Message]).encode({"b": message(), "a": message()})
        == b'{"a":' + RAW + b',"b":' + RAW + b"}"
    )


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (list[Message], [message(1), message(2)]),
        (list[list[Message] | None], [[message(1)], None]),
        (Message | User, user()),
        (dict[str, Message | int], {"a": message(), "b": 5}),
        (Row, {"message": message(), "author": user()}),
        (list[Row], [{"message": message()}]),
        (Thread, Thread(message(1), [Thread(message(2))])),
        (Found, Found(message())),
        (Page[Row], Page([{"message": message()}], False, "c")),
        (Any, {"messages": [message(1), message(2)], "n": 2}),
        (dict[str, Any], {"author": user()}),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("looked_at", ["", "likes", "tags"])
def test_documents_are_spliced_wherever_they_stand(hint: Any, value: Any, looked_at: str) -> None:
    for document in documents_in(value):
        getattr(document, looked_at if isinstance(document, Message) else "name", None)
    encoded = codec(hint).encode(value)
    # The same bytes as by way of the tree, in canonical form (system fields aside, which sort the same here).
    assert encoded == encode_json(decode_json(encoded))
    assert RAW in encoded or b'"name":"Ann"' in encoded or b'"_id"' in encoded
    if hint is not Any and hint != dict[str, Any]:
        assert codec(hint).encode(codec(hint).decode(encoded)) == encoded


def documents_in(value: object) -> list[Message | User]:
    match value:
        case Message() | User():
            return [value]
        case list():
            return [found for item in cast("list[object]", value) for found in documents_in(item)]
        case dict():
            return documents_in(list(cast("dict[str, object]", value).values()))
        case _:
            return []


def test_a_document_that_was_changed_in_place_is_encoded_as_it_is() -> None:
    changed = message()
    changed.tags.append("new")
    assert b'"tags":["new"]' in codec(list[Message]).encode([message(), changed])
    assert b'"tags":["new"]' in codec(Any).encode({"m": changed})
    changed.tags.append(5)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ResultError, match=r"`\$\[0\]\.tags\[1\]`: expected str, got 5 \(int\)$"):
        codec(list[Message]).encode([changed])


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_an_untouched_document_and_its_copy_encode_alike(data: st.DataObject) -> None:
    cls, documents = data.draw(schemas())
    table = codec_of(cls)
    original = stored(table, data.draw(documents))
    raw = body_of(original)
    assert raw is not None
    touched = table.load(raw)
    values_of(touched)
    assert codec(cls).encode(touched) == codec(cls).encode(original) == raw
    assert codec(list[cls]).encode([touched, original]) == b"[%b,%b]" % (raw, raw)  # type: ignore[valid-type]  # made on the spot
    assert codec(cls).decode(raw) == original


@given(types, st.data())
@settings(max_examples=100, deadline=None)
def test_a_result_comes_back_as_it_was_returned(case: Any, data: st.DataObject) -> None:
    hint, results = case
    value = data.draw(results)
    assert codec(hint).decode(codec(hint).encode(value)) == value


def test_numbers_leave_as_floats() -> None:
    assert codec(int).encode(5) == b"5.0"
    assert codec(Any).encode({"a": [1]}) == b'{"a":[1.0]}'
    assert codec(float).encode(-0.0) == b'{"$float":"AAAAAAAAAIA="}'


def test_a_page_is_what_the_official_hooks_expect() -> None:
    page = Page([message()], is_done=False, cursor="c", split_cursor="s", status="SplitRecommended")
    assert codec(Page[Message]).encode(page) == (
        b'{"continueCursor":"c","isDone":false,"page":['
        + RAW
        + b'],"pageStatus":"SplitRecommended","splitCursor":"s"}'
    )
    bodies = page.map(lambda row: row.body)
    assert bodies == Page(["hi"], is_done=False, cursor="c", split_cursor="s", status="SplitRecommended")
    assert codec(Page[str]).encode(Page(["hi"], True, "end")) == (
        b'{"continueCursor":"end","isDone":true,"page":["hi"],"pageStatus":null,"splitCursor":null}'
    )
    assert codec(Page[str]).decode(codec(Page[str]).encode(bodies)) == bodies


REFUSED: list[tuple[Any, Any, str]] = [
    (int, "x", '`$`: expected int, got "x" (str)'),
    (None, 5, "`$`: expected None, got 5 (int)"),
    (list[Message], None, "`$`: expected list[Message], got None"),
    (list[Message], [message(), user()], "`$[1]`: expected Message, got a document of User"),
    (list[Message], [message(), None], "`$[1]`: expected Message, got None"),
    (
        Message,
        Message(channel="x", author=user_id(), body=""),
        "`$`: expected a stored Message, got one that was never stored",
    ),
    (Message | None, user(), "`$`: expected Message | None, got a document of User"),
    (Message | User, 5, "`$`: expected Message | User, got 5 (int)"),
    (Row, {"message": user()}, "`$.message`: expected Message, got a document of User"),
    (Row, {}, "`$.message`: expected Message, got nothing"),
    (Row, {"message": message(), "x": 1}, "`$.x`: expected no field `x`, got 1 (int)"),
    (Row, 5, "`$`: expected Row, got 5 (int)"),
    (
        Thread,
        Thread(message(), [Thread(cast("Message", user()))]),
        "`$.replies[0].root`: expected Message, got a document of User",
    ),
    (dict[str, Message], {"a b": 1}, "`$['a b']`: expected Message, got 1 (int)"),
    (
        dict[str, Message],
        {"$a": message()},
        "`$`: expected a name of printable ASCII that does not begin with $",
    ),
    (dict[str, Message], [], "`$`: expected dict[str, Message], got list of 0"),
    (Page[Message], [message()], "`$`: expected Page[Message], got list of 1"),
    (Page[Message], Page([user()], True, ""), "`$.items[0]`: expected Message, got a document of User"),
    (Page[int], Page(["x"], True, ""), '`$.items[0]`: expected int, got "x" (str)'),
    (Id[User], message_id(), f'`$`: expected Id[User], got the id "{message_id()}" of the table messages'),
    (Any, {"x": object}, "`$.x`: expected a value, got type is not a value"),
]


@pytest.mark.parametrize(("hint", "value", "text"), REFUSED, ids=range(len(REFUSED)))
def test_a_result_that_does_not_fit_its_hint_is_refused(hint: Any, value: Any, text: str) -> None:
    with pytest.raises(ResultError) as caught:
        codec(hint).encode(value)
    first, *_, last = str(caught.value).split("\n")
    assert first.startswith("ReturnsValidationError: ")
    assert last.startswith(text)


def test_a_wrong_result_is_shown_with_its_validator() -> None:
    with pytest.raises(ResultError) as caught:
        codec(list[int | None]).encode([1, "x"])
    assert str(caught.value) == (
        'ReturnsValidationError: Value does not match validator.\nPath: [1]\nValue: "x"\n'
        'Validator: v.array(v.union(v.number(), v.null()))\n`$[1]`: expected int | None, got "x" (str)'
    )


def test_an_encoded_result_is_checked_when_it_is_decoded() -> None:
    with pytest.raises(ResultError, match=r"^the result: `\$\[0\]`: expected int, got \"x\" \(str\)$"):
        codec(list[int]).decode(b'["x"]')
    with pytest.raises(ResultError, match=r"^the result: "):
        codec(list[int]).decode(b"[")
    with pytest.raises(ResultError, match=r"^the result: `\$\.channel`: expected str, got nothing$"):
        codec(Message).decode(b'{"_id":"%b","_creationTime":1.0}' % message_id().encode())
    with pytest.raises(ResultError, match=r"^the result: `\$`: expected Message, got list of 0$"):
        codec(Message).decode(b"[]")


def test_limits_on_arrays_and_objects_hold_for_results() -> None:
    limits = Limits(array_items=3, object_fields=2)
    with pytest.raises(LimitError, match=r"Array length is too long \(4 > maximum length 3\)"):
        ResultCodec(list[Message]).bind(TABLES, limits).encode([message()] * 4)
    with pytest.raises(LimitError, match=r"Array length is too long \(4 > maximum length 3\)"):
        ResultCodec(list[str]).bind(TABLES, limits).encode(["a"] * 4)
    with pytest.raises(LimitError, match=r"Object has too many fields \(3 > maximum number 2\)"):
        ResultCodec(dict[str, int]).bind(TABLES, limits).encode({"a": 1, "b": 2, "c": 3})


def test_a_value_that_is_too_nested_is_refused() -> None:
    nested: Any = 1
    for _ in range(70):
        nested = [nested]
    with pytest.raises(ResultError, match="too nested"):
        codec(Any).encode(nested)


def test_types_that_cannot_be_results_are_refused() -> None:
    with pytest.raises(
        SetupError, match=r"^the result: set\[int\] cannot be a result\n  help: use list\[...\]$"
    ):
        ResultCodec(set[int])
    with pytest.raises(SetupError, match=r"^messages:list, its result: PaginationOptions cannot be a result"):
        ResultCodec(PaginationOptions, where="messages:list, its result")
    with pytest.raises(SetupError, match="cannot be told apart on the wire"):
        ResultCodec(Message | dict[str, Any])


def test_the_validator_of_a_result_has_all_fields_of_a_document() -> None:
    cls = document_class({"name": str, "likes": int, "at": Point}, {"likes": 0})
    assert codec(cls).to_json_spec() == {
        "type": "object",
        "value": {
            "_id": {"fieldType": {"type": "id", "tableName": "samples"}, "optional": False},
            "_creationTime": {"fieldType": {"type": "number"}, "optional": False},
            "name": {"fieldType": {"type": "string"}, "optional": False},
            "likes": {"fieldType": {"type": "number"}, "optional": False},
            "at": {
                "fieldType": {
                    "type": "object",
                    "value": {
                        "x": {"fieldType": {"type": "number"}, "optional": False},
                        "y": {"fieldType": {"type": "number"}, "optional": False},
                        "labels": {
                            "fieldType": {"type": "array", "value": {"type": "string"}},
                            "optional": False,
                        },
                    },
                },
                "optional": False,
            },
        },
    }


def test_a_type_within_itself_has_a_validator() -> None:
    spec = codec(Thread).to_json_spec()
    assert "'replies': {'fieldType': {'type': 'array', 'value': {'type': 'any'}}, 'optional': False}" in str(
        spec
    )


def test_tagged_structs_tell_themselves_apart() -> None:
    assert codec(Circle | Square).encode(Square(1)) == b'{"side":1.0,"type":"Square"}'
    assert codec(Circle | Square).decode(b'{"side":1.0,"type":"Square"}') == Square(1)
