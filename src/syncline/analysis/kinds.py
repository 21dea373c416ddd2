"""What an expression is, as far as the analysis needs to know. None, elsewhere, stands for "anything"."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, Union, cast, get_args, get_origin

from syncline.database import Query as DatabaseQuery
from syncline.schema import Document, Id, Index, Page
from syncline.schema.document import DocumentMeta


@dataclass(frozen=True, slots=True)
class Object:
    """An object of the loaded application that a name stands for: a class, a function, an index, a module."""

    value: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Object) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True, slots=True)
class Doc:
    """A document of the class."""

    cls: type[Document]


@dataclass(frozen=True, slots=True)
class IdOf:
    """The id of a document of the class."""

    cls: type[Document]


@dataclass(frozen=True, slots=True)
class Many:
    """A list, or anything else to iterate over."""

    item: Shown


@dataclass(frozen=True, slots=True)
class PageOf:
    item: Shown


@dataclass(frozen=True, slots=True)
class Rows:
    """A query on the table of a class, with its conditions as far as they are written out."""

    cls: type[Document]
    conditions: tuple[tuple[str, str], ...] = ()  # (field, "equal", "range" or "contains")
    index: Index | None = None
    filtered: bool = False
    #: Whether these are all of its conditions; not if there are others on other ways through the code.
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Condition:
    """A bound such as gt(3), or contains("x")."""

    kind: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Nothing: None, or what is being found out just now."""


PENDING = Pending()
Shown: TypeAlias = Object | Doc | IdOf | Many | PageOf | Rows | Condition | Pending | None


def joined(kinds: Iterable[Shown]) -> Shown:
    """What an expression is that may be any of these; None if they do not agree."""
    found: Shown = PENDING
    for kind in kinds:
        if isinstance(kind, Pending) or kind == found:
            continue
        if isinstance(found, Pending):
            found = kind
        elif isinstance(found, Rows) and isinstance(kind, Rows) and found.cls is kind.cls:
            found = replace(found, exact=False)
        else:
            return None
    return found


def element(kind: Shown) -> Shown:
    """What iterating gives."""
    match kind:
        case Rows(cls):
            return Doc(cls)
        case Many(item):
            return item
        case Pending():
            return kind
        case _:
            return None


def of_hint(hint: object) -> Shown:
    """What a value is of which the hint is known."""
    if isinstance(hint, DocumentMeta) and hint is not Document:
        return Doc(cast("type[Document]", hint))
    origin, args = get_origin(hint), get_args(hint)
    if origin is typing.Annotated:
        return of_hint(args[0])
    if origin is Union or origin is types.UnionType:
        return joined(of_hint(each) for each in args if each is not type(None))
    if not args:
        return None
    if origin is Id:
        return IdOf(cast("type[Document]", args[0])) if isinstance(args[0], DocumentMeta) else None
    if origin in (list, set, frozenset, Sequence, Iterable, Iterator):
        return Many(of_hint(args[0]))
    if origin is Page:
        return PageOf(of_hint(args[0]))
    if origin is DatabaseQuery and isinstance(args[0], DocumentMeta):
        return Rows(cast("type[Document]", args[0]), exact=False)
    return None
