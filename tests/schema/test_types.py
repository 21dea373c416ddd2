"""Every type: what it takes, what it gives, and what it says when a value does not fit."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from support.schemas import (
    Address,
    Circle,
    Colour,
    Message,
    Mood,
    Person,
    Point,
    Size,
    Square,
    Tree,
    User,
    codec_of,
    document_class,
    message_id,
    user_id,
)
from syncline.kernel.errors import DocumentError
from syncline.schema import Id
from syncline.values import Int64

Shape = Circle | Square
Age = Annotated[int, msgspec.Meta(ge=0, lt=150)]


def stored_form(hint: Any, value: object) -> object:
    return codec_of(cls := document_class({"a": hint})).to_fields(cls(a=value))["a"]


ACCEPTED: list[tuple[Any, object, object]] = [
    (int, 5, 5.0),
    (int, 5.0, 5.0),
    (int, -(2**53), -(2.0**53)),
    (int, Size.LARGE, 2.0),
    (float, 5, 5.0),
    (float, -0.0, 0.0),
    (str, Mood.GOOD, "good"),
    (str, user_id(), str(user_id())),
    (bytes, bytearray(b"ab"), b"ab"),
    (Int64, 5, Int64(5)),
    (list[int], (1, 2), [1.0, 2.0]),
    (dict[str, int], OrderedDict(a=1), {"a": 1.0}),
    (Colour, Colour.RED, "red"),
    (Size, Size.LARGE, 2.0),
    (Literal[1, "a", True], 1, 1.0),
    (Literal[1, "a", True], True, True),
    (datetime, datetime(1970, 1, 1, 0, 0, 1, 500, tzinfo=UTC), 1000.5),
    (datetime, datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 0.0),
    (date, date(2024, 2, 29), "2024-02-29"),
    (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Decimal, Decimal("1.50"), "1.50"),
    (Point, Point(1, labels=["a"]), {"x": 1.0, "y": 0.5, "labels": ["a"]}),
    (Tree, Tree("a", [Tree("b")]), {"name": "a", "children": [{"name": "b", "children": []}]}),
    (Address, {"street": "x"}, {"street": "x"}),
    (Person, Person(name="x"), {"name": "x", "age": 7.0}),
    (Shape, Square(2), {"type": "Square", "side": 2.0}),
    (Any, {"a": [1, (True, None)], "b": -0.0}, {"a": [1.0, [True, None]], "b": 0.0}),
    (int | None, None, None),
]


@pytest.mark.parametrize(("hint", "value", "expected"), ACCEPTED)
def test_a_value_is_stored_in_one_form(hint: Any, value: object, expected: object) -> None:
    form = stored_form(hint, value)
    assert form == expected
    assert type(form) is type(expected)
    assert repr(form) == repr(expected)


REFUSED: list[tuple[Any, object, str]] = [
    (str, 5, "`samples.a`: expected str, got 5 (int)"),
    (str, None, "`samples.a`: expected str, got None"),
    (str, "\ud800", "`samples.a`: expected str, got '\\ud800', which holds half of a surrogate pair"),
    (bool, 1, "`samples.a`: expected bool, got 1 (int)"),
    (int, "five", '`samples.a`: expected int, got "five" (str)'),
    (int, True, "`samples.a`: expected int, got True"),
    (int, 1.5, "`samples.a`: expected int, got 1.5 (float), which is not integral"),
    (int, float("nan"), "`samples.a`: expected int within ±2**53 (use Int64 for more), got nan (float)"),
    (
        int,
        2**53 + 1,
        "`samples.a`: expected int within ±2**53 (use Int64 for more), got 9007199254740993 (int)",
    ),
    (int, 10**5000, "`samples.a`: expected int within ±2**53 (use Int64 for more), got an int of 16610 bits"),
    (float, "1", '`samples.a`: expected float, got "1" (str)'),
    (
        float,
        2**53 + 1,
        "`samples.a`: expected float (this int has no exact one; write float(...) to round it), got 9007199254740993 (int)",
    ),
    (Int64, 1.0, "`samples.a`: expected Int64, got 1.0 (float)"),
    (Int64, 2**63, "`samples.a`: expected Int64 (-2**63 to 2**63 - 1), got 9223372036854775808 (int)"),
    (bytes, "x", '`samples.a`: expected bytes, got "x" (str)'),
    (None, 0, "`samples.a`: expected None, got 0 (int)"),
    (list[int], "ab", '`samples.a`: expected list[int], got "ab" (str)'),
    (list[int], [1, "2"], '`samples.a[1]`: expected int, got "2" (str)'),
    (list[list[int]], [[], [1, None]], "`samples.a[1][1]`: expected int, got None"),
    (dict[str, int], [], "`samples.a`: expected dict[str, int], got list of 0"),
    (dict[str, int], {"x": "y"}, '`samples.a.x`: expected int, got "y" (str)'),
    (dict[str, int], {"x y": "y"}, "`samples.a['x y']`: expected int, got \"y\" (str)"),
    (
        dict[str, int],
        {"$x": 1},
        "`samples.a`: expected a name of printable ASCII that does not begin with $, got a field's name must not start with '$': '$x'",
    ),
    (
        dict[str, int],
        {3: 1},
        "`samples.a`: expected a name of printable ASCII that does not begin with $, got a field's name must be a string, got int",
    ),
    (Literal["a", 3], "b", '`samples.a`: expected Literal["a", 3], got "b" (str)'),
    (Literal["a", 3], True, '`samples.a`: expected Literal["a", 3], got True'),
    (Literal["a", 3], [], '`samples.a`: expected Literal["a", 3], got list of 0'),
    (Colour, "red", '`samples.a`: expected Colour ("red", "green"), got "red" (str)'),
    (Size, 1, "`samples.a`: expected Size (1, 2), got 1 (int)"),
    (int | str, None, "`samples.a`: expected int | str, got None"),
    (int | None, "x", '`samples.a`: expected int | None, got "x" (str)'),
    (list[int] | None, ["x"], '`samples.a[0]`: expected int, got "x" (str)'),
    (int | list[str], [1], "`samples.a[0]`: expected str, got 1 (int)"),
    (Id[User], 5, "`samples.a`: expected Id[User], got 5 (int)"),
    (
        Id[User],
        "x",
        "`samples.a`: expected Id[User], got 'x' is not an id: ids have 31, 32, 34, 36 or 37 characters, got 1",
    ),
    (
        Id[User],
        message_id(),
        f'`samples.a`: expected Id[User], got the id "{message_id()}" of the table messages',
    ),
    (
        Id[User],
        "040020g30g2gc1r81450p30d1r7qke8",
        '`samples.a`: expected Id[User], got the id "040020g30g2gc1r81450p30d1r7qke8" of a table that does not exist',
    ),
    (datetime, 5, "`samples.a`: expected datetime, got 5 (int)"),
    (
        datetime,
        datetime(2024, 1, 1),
        "`samples.a`: expected an aware datetime, such as ctx.now or datetime.now(UTC), got 2024-01-01T00:00:00 without a time zone",
    ),
    (
        datetime,
        datetime(9000, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        "`samples.a`: expected a datetime in whole milliseconds (finer ones are exact up to 2248 only), got 9000-01-01T00:00:00.000001+00:00 (datetime)",
    ),
    (date, datetime(2024, 1, 1), "`samples.a`: expected date, got 2024-01-01T00:00:00 (datetime)"),
    (UUID, "x", '`samples.a`: expected UUID, got "x" (str)'),
    (Decimal, 1.5, "`samples.a`: expected Decimal, got 1.5 (float)"),
    (Decimal, Decimal("NaN"), "`samples.a`: expected a finite Decimal, got Decimal('NaN') (Decimal)"),
    (Point, {"x": 1}, "`samples.a`: expected Point, got dict with x"),
    (Point, Point("1"), '`samples.a.x`: expected float, got "1" (str)'),  # type: ignore[arg-type]  # that is the point
    (Tree, Tree("a", [Tree("b"), Tree(3)]), "`samples.a.children[1].name`: expected str, got 3 (int)"),  # type: ignore[arg-type]  # that is the point
    (Address, {}, "`samples.a.street`: expected str, got nothing"),
    (Address, {"street": "x", "zip": 1}, "`samples.a.zip`: expected no field `zip`, got 1 (int)"),
    (
        Address,
        {"street": "x", "nummer": 1},
        "`samples.a.nummer`: expected no field `nummer` (did you mean `number`?), got 1 (int)",
    ),
    (Address, Point(1), "`samples.a`: expected Address, got Point(x=1, y=0.5, labels=[]) (Point)"),
    (Shape, Point(1), "`samples.a`: expected Circle | Square, got Point(x=1, y=0.5, labels=[]) (Point)"),
    (Age, -1, "`samples.a`: expected int (ge=0, lt=150), got -1 (int)"),
    (
        Any,
        {"x": {1}},
        "`samples.a.x`: expected a value, got set is not a value: use None, bool, int, float, Int64, str, bytes, list or dict",
    ),
    (
        Any,
        ["\ud800"],
        "`samples.a[0]`: expected a value, got a string holds U+D800, one half of a surrogate pair, which is no character",
    ),
]


@pytest.mark.parametrize(("hint", "value", "text"), REFUSED, ids=[text for _, _, text in REFUSED])
def test_a_value_that_does_not_fit_is_refused_with_its_place(hint: Any, value: object, text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        stored_form(hint, value)
    assert str(caught.value) == text
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_patch_names_the_field_and_suggests_the_nearest() -> None:
    codec = codec_of(Message)
    fields = codec.to_fields(Message(channel="x", author=user_id(), body="y"))
    with pytest.raises(DocumentError, match=r'^`messages.likes`: expected int, got "many" \(str\)$'):
        codec.patched(fields, {"likes": "many"})
    with pytest.raises(DocumentError, match=r"^`messages` has no field `like` \(did you mean `likes`\?\)$"):
        codec.patched(fields, {"like": 3})
    with pytest.raises(DocumentError, match=r"^`messages._id` is set by the database and cannot be given$"):
        codec.patched(fields, {"_id": "x"})
    with pytest.raises(DocumentError, match=r"^`messages.body` has no default to set it back to$"):
        codec.patched(fields, {"body": msgspec.UNSET})


def test_a_union_of_objects_explains_the_member_that_was_meant() -> None:
    with pytest.raises(DocumentError, match=r'^`samples.a.side`: expected float, got "x" \(str\)$'):
        stored_form(Shape, Square("x"))  # type: ignore[arg-type]  # that is the point
