"""Arguments: by name on the wire, checked against the hints, with what to say when they do not fit."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.schemas import TABLES, Circle, Colour, Message, Point, Square, User, message_id, types, user_id
from support.values import same, values
from syncline.kernel.errors import ArgumentError, LimitError, SetupError
from syncline.kernel.limits import Limits
from syncline.schema import ArgumentsCodec, Id, PaginationOptions
from syncline.values import encode_json

if TYPE_CHECKING:
    # Not there when the signature is read, as in many applications: the type of ctx is nobody's business.
    from syncline import MutationCtx


def send(
    ctx: MutationCtx,
    channel: str,
    author: Id[User],
    limit: int = 50,
    tags: list[str] = [],  # noqa: B006  # defaults like this are part of the public interface
    colour: Colour | None = None,
) -> None:
    pass


SEND = ArgumentsCodec.from_signature(send, path="messages:send").bind(TABLES)
VALIDATOR = (
    'Validator: v.object({channel: v.string(), author: v.id("users"), limit: v.optional(v.number()), '
    'tags: v.optional(v.array(v.string())), colour: v.optional(v.union(v.union(v.literal("red"), v.literal("green")), v.null()))})'
)


def wire(**arguments: object) -> bytes:
    return json.dumps(arguments).encode()


def codec_of(**hints: Any) -> ArgumentsCodec:
    def fn(ctx: object) -> None:
        pass

    parameters = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint)
        for name, hint in hints.items()
    ]
    fn.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect looks at
    return ArgumentsCodec.from_signature(fn, path="m:f").bind(TABLES)


def test_arguments_are_decoded_with_defaults() -> None:
    decoded = SEND.decode(wire(channel="general", author=user_id(), limit=5.0, colour="red"))
    assert decoded == {
        "channel": "general",
        "author": user_id(),
        "limit": 5,
        "tags": [],
        "colour": Colour.RED,
    }
    assert type(decoded["limit"]) is int and type(decoded["author"]) is Id


def test_defaults_that_can_be_changed_are_not_shared() -> None:
    first = SEND.decode(wire(channel="x", author=user_id()))
    cast("list[str]", first["tags"]).append("x")
    assert SEND.decode(wire(channel="x", author=user_id()))["tags"] == []
    assert SEND.check({"channel": "x", "author": user_id()})["tags"] == []


def text_of(codec: ArgumentsCodec, raw: bytes) -> str:
    with pytest.raises(ArgumentError) as caught:
        codec.decode(raw)
    return str(caught.value)


REFUSED: list[tuple[bytes, str]] = [
    (
        wire(author=user_id()),
        "ArgumentValidationError: Object is missing the required field `channel`. "
        "Consider wrapping the field validator in `v.optional(...)` if this is expected.\n"
        f'Path: \nObject: {{"author":"{user_id()}"}}\n{VALIDATOR}\n`$.channel`: expected str, got nothing',
    ),
    (
        wire(chanel="x", author=user_id()),
        "ArgumentValidationError: Object contains extra field `chanel` that is not in the validator.\n"
        f'Path: \nObject: {{"author":"{user_id()}","chanel":"x"}}\n{VALIDATOR}\n'
        '`$.chanel`: expected no field `chanel` (did you mean `channel`?), got "x" (str)',
    ),
    (
        wire(channel="x", author=user_id(), limit=1.5),
        f"ArgumentValidationError: Value does not match validator.\nPath: .limit\nValue: 1.5\n{VALIDATOR}\n"
        "`$.limit`: expected int, got 1.5 (float), which is not integral",
    ),
    (
        wire(channel="x", author=user_id(), tags=["a", 5]),
        f"ArgumentValidationError: Value does not match validator.\nPath: .tags[1]\nValue: 5.0\n{VALIDATOR}\n"
        "`$.tags[1]`: expected str, got 5.0 (float)",
    ),
    (
        wire(channel="x", author=message_id()),
        f'ArgumentValidationError: Found ID "{message_id()}" from table `messages`, which does not match the table name '
        f'in validator `v.id("users")`.\nPath: .author\nValue: "{message_id()}"\n{VALIDATOR}\n'
        f'`$.author`: expected Id[User], got the id "{message_id()}" of the table messages',
    ),
    (
        wire(channel="x", author=user_id(), colour="blue"),
        f'ArgumentValidationError: Value does not match validator.\nPath: .colour\nValue: "blue"\n{VALIDATOR}\n'
        '`$.colour`: expected Colour ("red", "green") | None, got "blue" (str)',
    ),
    (b"[]", "Invalid arguments for messages.js:send: the arguments are one object by name, got list of 0"),
    (b"null", "Invalid arguments for messages.js:send: the arguments are one object by name, got None"),
    (b"{", "Invalid arguments for messages.js:send: Input data was truncated"),
    (
        b'{"a": {"$what": 1}}',
        "Invalid arguments for messages.js:send: a field's name must not start with '$'",
    ),
    (b"\xff", "Invalid arguments for messages.js:send: "),
    (b"[" * 10_000, "Invalid arguments for messages.js:send: "),
]


@pytest.mark.parametrize(("raw", "text"), REFUSED, ids=range(len(REFUSED)))
def test_arguments_that_do_not_fit_are_refused(raw: bytes, text: str) -> None:
    assert text_of(SEND, raw).startswith(text)


def test_a_single_literal_is_named() -> None:
    assert text_of(codec_of(kind=Literal["a"]), wire(kind="b")) == (
        'ArgumentValidationError: `"b"` does not match literal validator `v.literal("a")`.\n'
        'Path: .kind\nValue: "b"\nValidator: v.object({kind: v.literal("a")})\n'
        '`$.kind`: expected Literal["a"], got "b" (str)'
    )


def test_long_values_are_cut_in_errors() -> None:
    text = text_of(codec_of(a=int), wire(a="x" * 100_000))
    assert len(text) < 1000
    assert "x…" in text


@given(st.data(), types, types)
@settings(max_examples=100, deadline=None)
def test_what_a_caller_encodes_the_function_gets(data: st.DataObject, first: Any, second: Any) -> None:
    codec = codec_of(a=first[0], b=second[0])
    arguments = {"a": data.draw(first[1]), "b": data.draw(second[1])}
    assert codec.decode(codec.encode(arguments)) == arguments
    assert codec.check(arguments) == arguments


@given(st.lists(types, max_size=3), st.data())
@settings(max_examples=300, deadline=None)
def test_the_typed_decoder_agrees_with_the_reference(cases: list[Any], data: st.DataObject) -> None:
    """Whatever arrives, the fast path accepts and gives exactly what the whole tree would."""
    codec = codec_of(**{f"a{position}": hint for position, (hint, _) in enumerate(cases)})
    arguments: dict[str, Any] = {}
    for position, (hint, fitting) in enumerate(cases):
        if data.draw(st.booleans()):
            right = codec_of(a=hint).encode({"a": data.draw(fitting)})
            arguments[f"a{position}"] = json.loads(right)["a"]
        else:
            arguments[f"a{position}"] = json.loads(encode_json(data.draw(values)))
    if data.draw(st.integers(0, 9)) == 0:
        arguments["more"] = 1
    # Both spellings of a number: 5 and 5.0.
    raw = json.dumps(arguments).encode()
    if data.draw(st.booleans()):
        raw = raw.replace(b".0", b"")
    assert outcome(codec.decode, raw) == outcome(codec.decode_by_reference, raw)


def outcome(decode: Callable[[bytes], dict[str, object]], raw: bytes) -> str:
    try:
        return repr(decode(raw))
    except ArgumentError as error:
        return str(error)


@pytest.mark.parametrize(
    ("hint", "raw"),
    [
        (float, b"5"),
        (float, b"-0"),
        (float, b"-0.0"),
        (float, b"1e400"),
        (float, b"123456789012345678901234567890"),
        (float, b'{"$float":"AAAAAAAA8H8="}'),
        (int, b"5"),
        (int, b"9007199254740993"),
        (int, b'"5"'),
        (int, b"true"),
        (bool, b"1"),
        (bool, b'"true"'),
        (str, b"5"),
        (str, b'"\\ud800"'),
        (str | None, b'"null"'),
        (list[int], b'["1"]'),
        (dict[str, int], b'{"$integer":"AAAAAAAAAAA="}'),
        (Literal[1, True], b"1"),
        (Literal[1, True], b"true"),
        (Literal["1"] | int, b'"1"'),
        (Annotated[int, msgspec.Meta(ge=1)], b"0"),
        (Annotated[str, msgspec.Meta(max_length=2)], b'"abc"'),
        (Optional[Annotated[str, msgspec.Meta(pattern="^a")]], b'"b"'),  # noqa: UP045 - outside of hints pyright knows no | of Annotated
        (list[Annotated[float, msgspec.Meta(lt=1)]], b"[0.5,1.5]"),
        (datetime, b"NaN"),
        (datetime, b"1e300"),
        (Any, b"[1, 2]"),
        (Circle | Square, b'{"type":"Circle","radius":1}'),
        (Circle | Square, b'{"radius":1}'),
        (Point, b'{"x":1,"x":2}'),
    ],
)
def test_corner_cases_agree_with_the_reference(hint: Any, raw: bytes) -> None:
    codec = codec_of(a=hint)
    for arguments in (b'{"a":' + raw + b"}", b'{"a":0,"a":' + raw + b"}"):
        assert outcome(codec.decode, arguments) == outcome(codec.decode_by_reference, arguments)


def test_callers_in_python_are_told_in_python_terms() -> None:
    good = {"channel": "x", "author": user_id()}
    for call in (SEND.check, SEND.encode):
        with pytest.raises(
            ArgumentError,
            match=r"^messages:send: there is no argument `chanel` \(did you mean `channel`\?\)$",
        ):
            call({"chanel": "x"})
        with pytest.raises(
            ArgumentError, match=r"^messages:send: the argument `author` is missing: expected Id\[User\]$"
        ):
            call({"channel": "x"})
        with pytest.raises(
            ArgumentError, match=r'^messages:send: `\$\.limit`: expected int, got "5" \(str\)$'
        ):
            call(good | {"limit": "5"})
    checked = SEND.check(good | {"limit": 5.0, "tags": ("a",)})
    assert same(checked["limit"], 5.0) or type(checked["limit"]) is int
    assert checked["tags"] == ["a"]


def test_a_checked_argument_is_a_copy() -> None:
    tags = ["a"]
    checked = SEND.check({"channel": "x", "author": user_id(), "tags": tags})
    assert checked["tags"] == tags and checked["tags"] is not tags


def page(ctx: object, channel: str, options: PaginationOptions) -> None:
    pass


PAGE = ArgumentsCodec.from_signature(page)


def test_pagination_options_have_their_own_name_on_the_wire() -> None:
    assert PAGE.has_pagination == "options"
    assert SEND.has_pagination is None
    raw = wire(channel="x", paginationOpts={"numItems": 10.0, "cursor": None, "id": 1234567})
    assert PAGE.decode(raw) == {"channel": "x", "options": PaginationOptions(10, None)}
    full = PaginationOptions(10, "a", "b", maximum_rows_read=5, maximum_bytes_read=6)
    assert PAGE.decode(PAGE.encode({"channel": "x", "options": full}))["options"] == full
    assert PAGE.encode({"channel": "x", "options": PaginationOptions(10)}) == (
        b'{"channel":"x","paginationOpts":{"cursor":null,"numItems":10.0}}'
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "`$.paginationOpts.numItems`: expected int, got nothing"),
        ({"numItems": -1, "cursor": None}, "got what it refuses: numItems must not be negative"),
        (
            {"numItems": 1.5, "cursor": None},
            "`$.paginationOpts.numItems`: expected int, got 1.5 (float), which is not integral",
        ),
        ({"numItems": 1, "cursor": 5}, "`$.paginationOpts.cursor`: expected str | None, got 5.0 (float)"),
    ],
)
def test_pagination_options_are_checked(options: object, text: str) -> None:
    assert text_of(PAGE, wire(channel="x", paginationOpts=options)).endswith(text)


def test_limits_on_arrays_and_objects_hold_for_arguments() -> None:
    codec = codec_of(a=list[int] | dict[str, int]).bind(TABLES, Limits(array_items=10, object_fields=5))
    codec.decode(wire(a=[1] * 10))
    with pytest.raises(LimitError, match=r"Array length is too long \(11 > maximum length 10\)"):
        codec.decode(wire(a=[1] * 11))
    with pytest.raises(LimitError, match=r"Object has too many fields \(6 > maximum number 5\)"):
        codec.decode(wire(a={f"a{number}": 1 for number in range(6)}))


def test_the_validator_of_the_arguments_is_exported() -> None:
    assert SEND.to_json_spec() == {
        "type": "object",
        "value": {
            "channel": {"fieldType": {"type": "string"}, "optional": False},
            "author": {"fieldType": {"type": "id", "tableName": "users"}, "optional": False},
            "limit": {"fieldType": {"type": "number"}, "optional": True},
            "tags": {"fieldType": {"type": "array", "value": {"type": "string"}}, "optional": True},
            "colour": {
                "fieldType": {
                    "type": "union",
                    "value": [
                        {
                            "type": "union",
                            "value": [
                                {"type": "literal", "value": "red"},
                                {"type": "literal", "value": "green"},
                            ],
                        },
                        {"type": "null"},
                    ],
                },
                "optional": True,
            },
        },
    }


def no_parameters() -> None: ...
def untyped(ctx: object, a) -> None: ...  # type: ignore[no-untyped-def]  # that is the point
def starred(ctx: object, *rest: int) -> None: ...
def double_starred(ctx: object, **rest: int) -> None: ...
def positional(ctx: object, a: int, /) -> None: ...
def wrong_type(ctx: object, a: set[int]) -> None: ...
def whole_document(ctx: object, a: Message) -> None: ...
def wrong_default(ctx: object, a: int = "x") -> None: ...  # type: ignore[assignment]  # that is the point
def unknown_name(ctx: object, a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821  # that is the point


SIGNATURES: list[tuple[Callable[..., None], str]] = [
    (
        no_parameters,
        "() has no first parameter\n  help: functions take ctx first: def send(ctx: MutationCtx, ...)",
    ),
    (untyped, "(), argument a has no type\n  help: write a: str, or what it is"),
    (starred, "() takes *rest\n  help: arguments have names and types: list them"),
    (double_starred, "() takes **rest\n  help: arguments have names and types: list them"),
    (positional, "(), argument a is positional-only, and arguments are passed by name\n  help: remove the /"),
    (wrong_type, "(), argument a: set[int] cannot be an argument\n  help: use list[...]"),
    (whole_document, "(), argument a: Message cannot be an argument\n  help: use Id[Message]"),
    (
        wrong_default,
        '(), argument a: its default does not fit: expected int, got "x" (str)\n'
        "  help: give a default of its type; for None write ... | None",
    ),
    (
        unknown_name,
        "(), argument a: the name 'Nowhere' in its type is not defined\n"
        "  help: import it at the top of the module (not under TYPE_CHECKING), or correct it",
    ),
]


@pytest.mark.parametrize(("fn", "text"), SIGNATURES, ids=[fn.__name__ for fn, _ in SIGNATURES])
def test_signatures_that_cannot_be_called_are_refused(fn: Callable[..., None], text: str) -> None:
    with pytest.raises(SetupError) as caught:
        ArgumentsCodec.from_signature(fn)
    assert str(caught.value) == f"{__name__}.{fn.__name__}{text}"
