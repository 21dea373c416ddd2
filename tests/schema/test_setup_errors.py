"""What is refused when a schema loads, with the class, the field, the type and what to write instead."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar

import annotated_types
import msgspec
import pydantic
import pytest

from support.schemas import Colour, Message, Point, User, document_class
from syncline.kernel.errors import SetupError
from syncline.schema import Document, Id, Index, Page, PaginationOptions, collect, table_of
from syncline.values import Int64

T = TypeVar("T")


class Empty(Enum):
    pass


class Pairs(Enum):
    ONE = (1, 1)


class Huge(Enum):
    BIG = 2**60


class Plain:
    pass


class Box(TypedDict, Generic[T]):
    item: T


class Aliased(pydantic.BaseModel):
    name: str = pydantic.Field(alias="fullName")


class Row(msgspec.Struct, array_like=True):
    name: str


@dataclass
class Derived:
    name: str
    length: int = dataclasses.field(init=False)


@dataclass
class Lost:
    at: Nowhere  # type: ignore[name-defined]  # noqa: F821  # that is the point


@dataclass
class Holder:
    inner: set[str]


SEVERAL = (
    "use str, bool, int, float, Int64, bytes, list[T], dict[str, T], Literal, Enum, A | B, Id[T], "
    "datetime, date, UUID, Decimal, Any, a TypedDict, dataclass or msgspec.Struct"
)

TYPES: list[tuple[Any, str, str]] = [
    (set[str], "Sample.a: set[str] cannot be stored in a document", "use list[...]"),
    (
        tuple[int, int],
        "Sample.a: tuple[int, int] cannot be stored in a document",
        "use list[...], or a dataclass if the positions have meanings",
    ),
    (list, "Sample.a: list cannot be stored in a document", "say what is in it: list[str]"),
    (dict, "Sample.a: dict cannot be stored in a document", "say what is in it: dict[str, int]"),
    (
        dict[int, str],
        "Sample.a: dict[int, str] cannot be stored in a document",
        "names are strings on the wire: use dict[str, ...]",
    ),
    (Sequence[str], "Sample.a: Sequence[str] cannot be stored in a document", "use list[...]"),
    (Mapping[str, int], "Sample.a: Mapping[str, int] cannot be stored in a document", "use dict[str, ...]"),
    (object, "Sample.a: object cannot be stored in a document", "use Any"),
    (timedelta, "Sample.a: timedelta cannot be stored in a document", "use float, in seconds"),
    (time, "Sample.a: time cannot be stored in a document", "use str"),
    (Path, "Sample.a: Path cannot be stored in a document", "use str"),
    (Plain, "Sample.a: Plain cannot be stored in a document", SEVERAL),
    (list[Plain], "Sample.a: Plain cannot be stored in a document", SEVERAL),
    (T, "Sample.a: ~T cannot be stored in a document", SEVERAL),
    (3, "Sample.a: 3 cannot be stored in a document", SEVERAL),
    (User, "Sample.a: User cannot be stored in a document", "use Id[User]"),
    (
        Page[User],
        "Sample.a: Page[User] cannot be stored in a document",
        "Page[...] is a result and PaginationOptions an argument of its own, nothing else",
    ),
    (
        PaginationOptions,
        "Sample.a: PaginationOptions cannot be stored in a document",
        "Page[...] is a result and PaginationOptions an argument of its own, nothing else",
    ),
    (Id, "Sample.a: Id cannot be stored in a document", "say which document it names: Id[Message]"),
    (Id[Any], "Sample.a: Id[Any] names no document", "say which document it names: Id[Message]"),
    (Box[int], "Sample.a: ", "write a class without type parameters"),
    (
        Literal[Colour.RED],
        "Sample.a: Literal[<Colour.RED: 'red'>] cannot be stored",
        "a Literal holds strings, ints, bools and None",
    ),
    (
        Literal[b"x"],
        "Sample.a: Literal[b'x'] cannot be stored",
        "a Literal holds strings, ints, bools and None",
    ),
    (
        Literal[2**60],
        "Sample.a: the constant 1152921504606846976 is beyond 2**53",
        "use a smaller one, or a string",
    ),
    (Empty, "Sample.a: Empty cannot be stored in a document", "give it members"),
    (
        Pairs,
        "Sample.a: the enum Pairs with a tuple as value of ONE cannot be stored",
        "the values of an Enum are strings, ints, floats or bools",
    ),
    (Huge, "Sample.a: the constant 1152921504606846976 is beyond 2**53", "use a smaller one, or a string"),
    (
        Annotated[datetime, msgspec.Meta(ge=1)],
        "Sample.a: datetime cannot have constraints",
        "msgspec.Meta goes with int, float, Int64, str, bytes, list and dict; put it on a member of the union",
    ),
    (Annotated[int, msgspec.Meta(max_length=1)], "Sample.a: ", "correct the constraint"),
    (
        Annotated[int, annotated_types.Gt(1)],
        "Sample.a: Gt(gt=1) is not understood here",
        "write constraints as msgspec.Meta(ge=..., max_length=...)",
    ),
    (
        Aliased,
        "Sample.a: Aliased.name has an alias, and names are the same on the wire as in Python",
        "remove the alias",
    ),
    (Row, "Sample.a: Row is array_like, and objects have named fields", "remove array_like=True"),
    (
        Derived,
        "Sample.a: Derived.length is not an argument of its class (init=False)",
        "use a property, or leave init on",
    ),
    (
        Lost,
        "Sample.a: the name 'Nowhere' in a type of Lost is not defined",
        "import it at the top of the module",
    ),
    (Holder, "Sample.a, in Holder.inner: set[str] cannot be stored in a document", "use list[...]"),
    (
        "Nowhere | None",
        "Sample.a: the name 'Nowhere' in its type is not defined",
        "import it at the top of the module",
    ),
    ("list[", "Sample.a: its type 'list[' cannot be read", "correct the type"),
]


@pytest.mark.parametrize(("hint", "problem", "instead"), TYPES, ids=[problem for _, problem, _ in TYPES])
def test_a_type_that_cannot_be_stored_is_refused(hint: Any, problem: str, instead: str) -> None:
    with pytest.raises(SetupError) as caught:
        _ = table_of(document_class({"a": hint})).fields
    first, _, rest = str(caught.value).partition("\n  help: ")
    assert first.startswith(problem)
    assert rest.startswith(instead)


@pytest.mark.parametrize(
    ("hint", "default", "text"),
    [
        (int, "x", 'Sample.a: its default does not fit: expected int, got "x" (str)'),
        (str, None, "Sample.a: its default does not fit: expected str, got None"),
        (list[int], [1, "2"], 'Sample.a: its default does not fit: expected int, got "2" (str)'),
        (
            Point,
            dataclasses.field(default_factory=lambda: Point(1)),
            "Sample.a: its default does not fit: expected Point",
        ),
    ],
)
def test_a_default_is_of_the_type_of_its_field(hint: Any, default: object, text: str) -> None:
    with pytest.raises(SetupError) as caught:
        _ = table_of(document_class({"a": hint}, {"a": default})).fields
    assert str(caught.value).startswith(text)
    assert str(caught.value).endswith("defaults are constants of the field's type; for None write ... | None")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("id", "Sample.id: this name is reserved\n  help: every stored document has it; rename yours"),
        (
            "created_at",
            "Sample.created_at: this name is reserved\n  help: every stored document has it; rename yours",
        ),
        ("access", "Sample.access: this name is reserved\n  help: rename the field"),
        (
            "_id",
            "Sample._id cannot be a field: names that begin with _ are reserved\n  help: rename the field",
        ),
        (
            "größe",
            "Sample.größe cannot be a field: names are letters, digits and _, do not begin with a digit, "
            "and have at most 64 characters\n  help: rename the field",
        ),
    ],
)
def test_field_names_that_are_taken_are_refused(name: str, text: str) -> None:
    with pytest.raises(SetupError) as caught:
        document_class({name: str})
    assert str(caught.value) == text


@pytest.mark.parametrize("name", ["id", "created_at"])
def test_reserved_names_are_refused_as_other_members_too(name: str) -> None:
    with pytest.raises(SetupError, match=f"^Sample.{name}: this name is reserved"):
        document_class({"a": str}, members={name: "x"})


INDEXES: list[tuple[str, Index, str, str]] = [
    ("by_x", Index(), "Sample.by_x has no field", 'write Index("field")'),
    (
        "by_x",
        Index("nme"),
        "Sample.by_x: Sample has no field `nme` (did you mean `name`?)",
        "an index names fields of its class",
    ),
    ("by_x", Index("name", "name"), "Sample.by_x names a field twice", "name each field once"),
    (
        "by_x",
        Index("name", "created_at"),
        "Sample.by_x names `created_at`",
        "every index ends with created_at and id anyway: leave it out",
    ),
    (
        "by_id",
        Index("name"),
        "Sample.by_id: every table has this order already",
        "remove the index, or rename it",
    ),
    (
        "_by_x",
        Index("name"),
        "Sample._by_x cannot be an index: names that begin with _ are reserved",
        "rename the index",
    ),
    (
        "by_x",
        Index("name", each=True),
        "Sample.by_x: each=True needs one field that is a list, but none of its fields is a list",
        "index one list at a time",
    ),
    (
        "by_x",
        Index("tags", "more", each=True),
        "Sample.by_x: each=True needs one field that is a list, but tags and more are lists",
        "index one list at a time",
    ),
]


@pytest.mark.parametrize(
    ("name", "index", "problem", "instead"), INDEXES, ids=[problem for *_, problem, _ in INDEXES]
)
def test_an_index_that_cannot_be_is_refused(name: str, index: Index, problem: str, instead: str) -> None:
    with pytest.raises(SetupError) as caught:
        fields = {"name": str, "tags": list[str], "more": list[str] | None}
        _ = table_of(document_class(fields, members={name: index})).fields
    assert str(caught.value) == f"{problem}\n  help: {instead}"


def test_two_equal_indexes_are_refused() -> None:
    with pytest.raises(
        SetupError, match=r"^Sample.b is the same index as Sample.a\n  help: remove one of them$"
    ):
        document_class({"name": str}, members={"a": Index("name"), "b": Index("name", unique=True)})


def test_an_index_has_no_type() -> None:
    with pytest.raises(SetupError) as caught:
        document_class({"name": str, "by_name": Index}, {"by_name": Index("name")})
    assert str(caught.value) == (
        "Sample.by_name has a type and is an index\n  help: write by_name = Index('name') without a type"
    )


def test_a_document_does_not_inherit_from_another() -> None:
    with pytest.raises(SetupError) as caught:
        document_class({}, bases=(User,))
    assert str(caught.value) == (
        "Sample inherits from User, which is a document with a table of its own\n"
        "  help: inherit from Document, and share methods through a plain class beside it"
    )


def test_a_table_needs_a_name_that_can_be_one() -> None:
    with pytest.raises(
        SetupError, match=r'^Sample: "my notes" \(str\) cannot name a table: names are letters'
    ):
        document_class({}, table="my notes")
    with pytest.raises(
        SetupError, match=r'^Sample: "_notes" \(str\) cannot name a table: names that begin with _'
    ):
        document_class({}, table="_notes")


def test_document_itself_is_no_table() -> None:
    with pytest.raises(SetupError, match=r"is not a document class\n  help: write class ...\(Document\)$"):
        table_of(Document)


UNIONS: list[tuple[Any, str, str]] = [
    (int | float, "int and float in int | float", "keep one of them"),
    (str | Id[User], "str and Id[User] in str | Id[User]", "keep one of them"),
    (str | Colour | None, "str and Colour in str | Colour | None", "keep one of them"),
    (
        list[int] | list[float],
        "list[int] and list[float] in list[int] | list[float]",
        "give each a field of its own",
    ),
    (
        Point | dict[str, float],
        "Point and dict[str, float] in Point | dict[str, float]",
        "give each a field of its own",
    ),
    (int | Any, "int and Any in int | Any", "keep one of them"),
]


@pytest.mark.parametrize(("hint", "problem", "instead"), UNIONS, ids=[problem for _, problem, _ in UNIONS])
def test_members_that_cannot_be_told_apart_are_refused(hint: Any, problem: str, instead: str) -> None:
    with pytest.raises(SetupError) as caught:
        _ = table_of(document_class({"a": hint})).fields
    assert str(caught.value).startswith(
        f"Sample.a: {problem} cannot be told apart on the wire\n  help: {instead}"
    )


def module(**members: object) -> types.ModuleType:
    made = types.ModuleType("app")
    vars(made).update(members)
    return made


def test_tables_are_collected_from_modules_by_name() -> None:
    first, second = module(User=User, Int64=Int64, Document=Document), module(Message=Message, Author=User)
    assert [spec.name for spec in collect([first, second])] == ["messages", "users"]


def test_two_classes_cannot_have_one_table() -> None:
    with pytest.raises(SetupError) as caught:
        collect([module(a=document_class({"a": str}), b=document_class({"b": str}))])
    assert str(caught.value) == (
        "two documents have the table 'samples': support.schemas.Sample and support.schemas.Sample\n"
        '  help: give one of them another name: class ...(Document, table="...")'
    )


def test_collecting_reads_every_hint() -> None:
    with pytest.raises(SetupError, match=r"^Sample.a: set\[str\] cannot be stored in a document"):
        collect([module(a=document_class({"a": set[str]}))])
