"""Classes for fields, and Hypothesis strategies that build document classes and documents of them."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast
from uuid import UUID

import msgspec
import pydantic
from hypothesis import strategies as st

from support.values import int64s, names, texts
from syncline.schema import Document, Id, Index, TableCodec, TableNumbers, table_of
from syncline.schema.document import DocumentMeta
from syncline.values import Int64, encode_id


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


@dataclass
class Point:
    x: float
    y: float = 0.5
    labels: list[str] = field(default_factory=list[str])


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list["Tree"])


class Address(TypedDict):
    street: str
    number: NotRequired[int]


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


class Person(pydantic.BaseModel):
    name: str
    age: int = 7


class User(Document):
    name: str


class Message(Document):
    channel: str
    author: Id[User]
    body: str
    likes: int = 0
    reply_to: Id[Message] | None = None
    tags: list[str] = []

    by_channel = Index("channel")
    by_author = Index("author", "channel")
    by_tag = Index("tags", each=True)


TABLES = TableNumbers({"users": 10001, "messages": 10002, "samples": 10003})
CREATED_US = 1_800_000_000_000_123


def user_id(number: int = 1) -> Id[User]:
    return Id(encode_id(10001, number.to_bytes(16, "big")))


def message_id(number: int = 1) -> Id[Message]:
    return Id(encode_id(10002, number.to_bytes(16, "big")))


def codec_of(cls: type[Document]) -> TableCodec:
    return TableCodec(table_of(cls), TABLES)


def stored(codec: TableCodec, document: Document, number: int = 1, created_us: int = CREATED_US) -> Document:
    """`document` as it comes back from the store."""
    return codec.load(body(codec, document, number, created_us))


def body(codec: TableCodec, document: Document, number: int = 1, created_us: int = CREATED_US) -> bytes:
    table = codec.tables.number(codec.spec.name) or 9999
    return codec.encode_body(
        codec.to_fields(document), encode_id(table, number.to_bytes(16, "big")), created_us
    )


def values_of(document: Document) -> dict[str, object]:
    """The fields of a document, without id and creation time."""
    return {field.name: getattr(document, field.name) for field in table_of(type(document)).fields}


def document_class(
    hints: dict[str, Any],
    defaults: dict[str, Any] | None = None,
    *,
    name: str = "Sample",
    bases: tuple[type, ...] = (Document,),
    table: str | None = None,
    members: dict[str, Any] | None = None,
) -> Any:
    """A class made on the spot: `class Sample(Document)` with these fields, and indexes and methods as `members`."""
    namespace = {"__annotations__": hints, "__module__": __name__, **(defaults or {}), **(members or {})}
    return DocumentMeta(name, bases, namespace, table=table)


_WHOLE = st.integers(-(2**53), 2**53)
_FINITE = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
_FLOATS = st.floats(allow_nan=False).map(lambda number: number + 0.0)
_MOMENTS = st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
_USER_IDS = st.integers(0, 2**128 - 1).map(user_id)
_PLAIN = st.recursive(
    st.none() | st.booleans() | _FLOATS | int64s | texts | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
_POINTS = st.builds(Point, x=_FINITE, y=_FINITE, labels=st.lists(texts, max_size=2))
_ADDRESSES = cast(
    "st.SearchStrategy[Any]",
    st.fixed_dictionaries({"street": texts}, optional={"number": _WHOLE}),
)
_TREES: st.SearchStrategy[Tree] = st.recursive(
    st.builds(Tree, name=texts),
    lambda inner: st.builds(Tree, name=texts, children=st.lists(inner, max_size=2)),
    max_leaves=4,
)
_PEOPLE = st.builds(Person, name=texts, age=_WHOLE)
_SHAPES = st.builds(Circle, radius=_FINITE) | st.builds(Square, side=_FINITE)
_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)

#: A hint, and values of its type that come back from the store as they went in.
Case = tuple[Any, st.SearchStrategy[Any]]

SCALARS: tuple[Case, ...] = (
    (str, texts),
    (bool, st.booleans()),
    (int, _WHOLE),
    (float, _FLOATS),
    (Int64, int64s),
    (bytes, st.binary(max_size=10)),
    (None, st.none()),
    (Literal["a", "b", 3, True, None], st.sampled_from(["a", "b", 3, True, None])),
    (Colour, st.sampled_from(Colour)),
    (Size, st.sampled_from(Size)),
    (Mood, st.sampled_from(Mood)),
    (Id[User], _USER_IDS),
    (datetime, _MOMENTS),
    (date, st.dates()),
    (UUID, st.uuids()),
    (Decimal, _DECIMALS),
    (Annotated[int, msgspec.Meta(ge=0, le=100)], st.integers(0, 100)),
    (Annotated[str, msgspec.Meta(max_length=3)], st.text(string.ascii_letters, max_size=3)),
)

OBJECTS: tuple[Case, ...] = (
    (Point, _POINTS),
    (Tree, _TREES),
    (Address, _ADDRESSES),
    (Person, _PEOPLE),
    (Circle | Square, _SHAPES),
    (Any, _PLAIN),
)

UNIONS: tuple[Case, ...] = (
    (str | int, texts | _WHOLE),
    (Id[User] | Id[Message], _USER_IDS | st.integers(0, 9).map(message_id)),
    (int | list[str] | None, _WHOLE | st.lists(texts, max_size=2) | st.none()),
    (date | UUID | bool, st.dates() | st.uuids() | st.booleans()),
    (Int64 | float | bytes, int64s | _FLOATS | st.binary(max_size=4)),
)


def _containers(case: Case) -> st.SearchStrategy[Case]:
    hint, values = case
    cases: list[Case] = [
        (list.__class_getitem__(hint), st.lists(values, max_size=3)),
        (dict.__class_getitem__((str, hint)), st.dictionaries(names, values, max_size=3)),
    ]
    if hint is not None and hint is not Any:
        cases.append((hint | None, values | st.none()))
    return st.sampled_from(cases)


types: st.SearchStrategy[Case] = st.one_of(
    st.sampled_from(SCALARS + OBJECTS + UNIONS),
    st.sampled_from(SCALARS + OBJECTS + UNIONS).flatmap(_containers),
    st.sampled_from(SCALARS).flatmap(_containers).flatmap(_containers),
)

_field_names = st.text(string.ascii_letters + "_0123456789", min_size=1, max_size=6).filter(
    lambda name: name[0] not in "_0123456789" and name not in ("id", "created_at", "access")
)


@st.composite
def schemas(draw: st.DrawFn) -> tuple[Any, st.SearchStrategy[Any]]:
    """A document class, and its documents. Some fields have defaults, and documents that leave those out."""
    fields = draw(st.dictionaries(_field_names, types, max_size=5))
    defaults = {name: draw(values) for name, (_, values) in fields.items() if draw(st.booleans())}
    cls = document_class({name: hint for name, (hint, _) in fields.items()}, defaults)
    required = {name: values for name, (_, values) in fields.items() if name not in defaults}
    optional = {name: values for name, (_, values) in fields.items() if name in defaults}
    given = st.fixed_dictionaries(required, optional=optional)
    return cls, given.map(lambda values: cls(**values))
