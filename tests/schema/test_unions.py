"""Which types can stand side by side: those whose values can be told apart on the wire, and only those."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.schemas import (
    OBJECTS,
    SCALARS,
    Circle,
    Colour,
    Message,
    Mood,
    Point,
    Size,
    Square,
    User,
    codec_of,
    document_class,
)
from syncline.kernel.errors import SetupError
from syncline.schema import Id, table_of
from syncline.values import Int64


class Text(TypedDict):
    kind: Literal["text"]
    body: str


class Image(TypedDict):
    kind: Literal["image"]
    body: str


class Loose(TypedDict):
    kind: NotRequired[Literal["loose"]]
    body: str


class Named(TypedDict):
    name: str
    note: NotRequired[str]


class Titled(TypedDict):
    title: str
    note: NotRequired[str]


class Note(TypedDict, total=False):
    note: str


class Counted(TypedDict):
    count: int
    inner: NotRequired[list[Counted | Counter]]


class Counter(TypedDict):
    count: str


class Ints(TypedDict):
    items: list[int]


class Strs(TypedDict):
    items: list[str]


@dataclass
class Leaf:
    value: int


@dataclass
class Branch:
    parts: list[Leaf | Branch] = field(default_factory=list["Leaf | Branch"])
    name: str = ""


@dataclass
class OtherBranch:
    parts: list[Leaf | OtherBranch] = field(default_factory=list["Leaf | OtherBranch"])


APART: list[Any] = [
    None | bool | float | Int64 | str | bytes | list[int] | dict[str, int],
    int | Int64,
    Literal["a"] | str,
    Literal[1] | int,
    Literal["a", 1] | Literal["a", "b"],
    Colour | Size,
    Colour | Mood,
    Colour | Literal["blue"],
    Id[User] | Id[Message],
    Id[User] | Literal["nobody"],
    Id[User] | date | None,
    date | UUID,
    UUID | Decimal,
    datetime | str,
    list[str] | list[int],
    list[str] | list[str | None],
    dict[str, int] | dict[str, str],
    Text | Image,
    Named | Titled,
    Note | Named,
    Named | Note,
    Counted | Counter,
    Circle | Square,
    Point | dict[str, str],
    Leaf | Branch,
    Annotated[int, msgspec.Meta(ge=1)] | str,
    Any | None,
]
CONFUSED: list[Any] = [
    int | float,
    int | datetime,
    Literal[1] | float,
    Colour | Literal["red"],
    Colour | str,
    Id[User] | str,
    str | UUID,
    date | str,
    Literal["2024-01-01"] | date,
    list[int] | list[datetime],
    dict[str, int] | dict[str, float],
    Text | Loose,
    Ints | Strs,
    Point | dict[str, Any],
    Named | dict[str, str],
    Branch | OtherBranch,
    Annotated[int, msgspec.Meta(ge=1)] | Annotated[float, msgspec.Meta(lt=1)],
    str | Any,
]


@pytest.mark.parametrize("hint", APART, ids=map(str, APART))
def test_types_that_can_be_told_apart_are_accepted(hint: Any) -> None:
    assert table_of(document_class({"a": hint})).fields


@pytest.mark.parametrize("hint", CONFUSED, ids=map(str, CONFUSED))
def test_types_that_cannot_be_told_apart_are_refused(hint: Any) -> None:
    with pytest.raises(SetupError, match="cannot be told apart on the wire"):
        _ = table_of(document_class({"a": hint})).fields


_ALL = st.sampled_from([case for case in SCALARS + OBJECTS if case[0] is not None])


@given(_ALL, _ALL, st.data())
@settings(max_examples=300, deadline=None)
def test_an_accepted_union_reads_every_value_as_what_it_was(
    left: Any, right: Any, data: st.DataObject
) -> None:
    """The check against a simpler oracle: if values of both types survive the store, the union was right to be."""
    try:
        codec = codec_of(cls := document_class({"a": left[0] | right[0]}))
    except (SetupError, TypeError):  # TypeError: Python itself has no such union
        return
    for values in (left[1], right[1]):
        value = data.draw(values)
        back: Any = codec.load(codec.encode_body(codec.to_fields(cls(a=value)), "x", 0))
        assert back.a == value


def test_members_are_told_apart_within_a_type_that_contains_itself() -> None:
    codec = codec_of(cls := document_class({"a": Counted}))
    inner: list[object] = [{"count": "5"}, {"count": 2}]
    value = {"count": 1, "inner": inner}
    back: Any = codec.load(codec.encode_body(codec.to_fields(cls(a=value)), "x", 0))
    assert back.a == value
