"""Documents: frozen, typed records. A stored one is its JSON until a field is looked at.

A stored document has three states, told apart by its slots:

    loaded     `_body` is its JSON, field slots are empty
    read       scalar fields are filled; `_row` holds what lists and objects are made from when they are looked at
    touched    a list or object was handed out and may have been changed: `_body` is None, results encode the fields

`_head` has id and creation time once they were asked for (or, in a touched document, the body to read them from).

Most documents that a query loads are only passed on, so loading sets one slot, and the body is spliced into the
result. Measured with six fields (Python 3.11): 0.2 us to load and 1.7 us more for the first field. A msgspec.Struct
takes 0.4 us to decode, but cannot be made without its fields, and each document of a result is encoded again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, cast, dataclass_transform

from syncline.kernel.errors import DocumentError, SetupError

from .definition import MISSING as MISSING
from .definition import Definition, check_ttl, take_definition
from .ids import Id
from .mismatch import did_you_mean
from .scalars import EPOCH
from .writing import read_head

_SHARED_DEFAULTS = (str, bytes, int, float, bool, type(None), Enum, frozenset, tuple)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class DocumentMeta(type):
    """Makes document classes: takes the definition out of the class body and gives every field a slot."""

    #: On classes of applications, not on `Document` itself.
    __definition__: Definition
    #: What fills an empty slot; set when the hints are understood (reading.py).
    __reader__: FieldReader | None

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        table: str | None = None,
        ttl: timedelta | str | None = None,
    ) -> DocumentMeta:
        if not any(isinstance(base, DocumentMeta) for base in bases):
            return super().__new__(mcs, name, bases, namespace)
        for base in bases:
            if isinstance(base, DocumentMeta) and "__definition__" in vars(base):
                raise SetupError(
                    f"{name} inherits from {base.__name__}, which is a document with a table of its own",
                    "inherit from Document, and share methods through a plain class beside it",
                )
        definition = take_definition(name, namespace, table, taken=dir(Document))
        if ttl is not None:
            definition = replace(definition, ttl=check_ttl(name, definition, ttl))
        namespace["__slots__"] = tuple(definition.annotations)
        cls = super().__new__(mcs, name, bases, namespace)
        cls.__definition__ = definition
        cls.__reader__ = None
        # Made last, since it sets the slots.
        type.__setattr__(cls, "__init__", _make_init(cast("type[Document]", cls), definition))
        return cls


class Document(metaclass=DocumentMeta):
    """Base class of an application's documents.

        class Message(Document):
            channel: str
            likes: int = 0

            by_channel = Index("channel")

    The table is the class name in snake_case plural, or `class Note(Document, table="notes")`. Documents are
    immutable; values are checked when they are stored.

    With `ttl=timedelta(days=30)` documents are deleted so long after they were inserted, with `ttl="expires_at"` at the
    time in that field (of type `datetime`, or `datetime | None` for never), within about a minute.
    """

    __slots__ = ("_body", "_head", "_row")
    __match_args__ = ()

    if TYPE_CHECKING:
        __definition__: ClassVar[Definition]
        __reader__: ClassVar[FieldReader | None]
    else:

        def __getattr__(self, name: str) -> object:
            """Called for a slot that is empty: the first look at a field of a loaded document."""
            read = type(self).__reader__
            if read is None or name[:1] == "_":
                raise no_such_attribute(self, name)
            return read(self, name)

    @property
    def id(self) -> Id[Self]:
        """The document's id. Raises DocumentError on a document that was never stored."""
        return Id(_head_of(self, "id")[0])

    @property
    def created_at(self) -> datetime:
        """When it was inserted, in UTC, to the microsecond. Raises DocumentError if it was never stored."""
        return EPOCH + timedelta(microseconds=_head_of(self, "created_at")[1])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"documents are immutable: ctx.db.patch(document, {name}=...) changes the stored one"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"documents are immutable: {type(self).__name__}.{name} cannot be removed")

    def __eq__(self, other: object) -> bool:
        """The same class, the same id (or both never stored), and equal fields."""
        if not isinstance(other, Document) or type(self) is not type(other):
            return NotImplemented
        if (body := body_of(self)) is not None and body == body_of(other):
            return True
        return stored_id(self) == stored_id(other) and _values(self) == _values(other)

    def __hash__(self) -> int:
        """By id; a document that was never stored has a hash if all its values have one."""
        text = stored_id(self)
        return hash((type(self), text if text is not None else tuple(_values(self).values())))

    def __repr__(self) -> str:
        text = stored_id(self)
        parts = [] if text is None else [f"id={text!r}"]
        parts += [f"{name}={value!r}" for name, value in _values(self).items()]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        # For copy and pickle, whose own way would be to set attributes.
        if (body := body_of(self)) is not None:
            return load_document, (type(self), body)
        return _make, (type(self), _values(self), None if stored_id(self) is None else _head_of(self, "id"))


#: Gives the value of one field whose slot is empty, and fills what slots it can.
FieldReader: TypeAlias = Callable[[Document, str], object]
#: Id and creation time (us).
_Head: TypeAlias = tuple[str, int]

# Slots are set through their descriptors, since documents refuse assignment, and those that may be empty are read
# through them, since an empty slot would end in __getattr__.
_new = cast("Callable[[type[Document]], Document]", object.__new__)
_set_body = cast("Callable[[Document, bytes | None], None]", Document.__dict__["_body"].__set__)
_set_head = cast("Callable[[Document, _Head | bytes], None]", Document.__dict__["_head"].__set__)
_get_head = cast("Callable[[Document], _Head | bytes]", Document.__dict__["_head"].__get__)
_get_row = cast("Callable[[Document], object]", Document.__dict__["_row"].__get__)
set_row = cast("Callable[[Document, object], None]", Document.__dict__["_row"].__set__)
#: The JSON of a stored document whose fields are as they were stored; None if they may not be, or are new.
body_of = cast("Callable[[Document], bytes | None]", Document.__dict__["_body"].__get__)


def load_document(cls: type[Document], body: bytes) -> Document:
    """The stored document with this (current) body."""
    document = _new(cls)
    _set_body(document, body)
    return document


def loader_of(cls: type[Document]) -> Callable[[bytes], Document]:
    """`load_document` for one class, with nothing to look up."""

    def load(
        body: bytes, new: Callable[..., Document] = _new, set_body: Callable[..., None] = _set_body
    ) -> Document:
        document = new(cls)
        set_body(document, body)
        return document

    return load


def stored_id(document: Document) -> str | None:
    """The id of a stored document, None for one that was never stored."""
    return None if _head(document) is None else _head_of(document, "id")[0]


def created_us_of(document: Document) -> int:
    """Microseconds since the epoch at which a stored document was inserted. Raises DocumentError if it never was."""
    return _head_of(document, "created_at")[1]


def touch(document: Document) -> None:
    """From here on the fields count, not the body: a list or object of the document was handed out."""
    head = _head(document)
    if head is not None:
        _set_head(document, head)  # not read yet if it is the body
    _set_body(document, None)


def row_of(document: Document) -> object:
    """What its reader left for the fields that have not been looked at; None before anything was."""
    try:
        return _get_row(document)
    except AttributeError:
        return None


def field_names(cls: type[Document]) -> tuple[str, ...]:
    return tuple(cls.__definition__.annotations)


def setter_of(cls: type[Document], name: str) -> Callable[[Document, object], None]:
    """What sets the slot of one field."""
    return cast("Callable[[Document, object], None]", cls.__dict__[name].__set__)


def default_factory(value: object) -> Callable[[], object] | None:
    """What makes a default for each document that needs one; None if all can share it."""
    if isinstance(value, _SHARED_DEFAULTS):
        return None
    if value == [] or value == {}:
        return cast("Callable[[], object]", type(value))
    return partial(copy.deepcopy, value)


def no_such_field(cls: type[Document], name: str) -> DocumentError:
    table = cls.__definition__.table
    if name in ("id", "created_at", "_id", "_creationTime"):
        return DocumentError(f"`{table}.{name}` is set by the database and cannot be given")
    return DocumentError(f"`{table}` has no field `{name}`{did_you_mean(name, field_names(cls))}")


def no_such_attribute(document: Document, name: str) -> AttributeError:
    cls = type(document)
    suggestion = did_you_mean(name, [*field_names(cls), "id", "created_at"])
    return AttributeError(f"{cls.__name__} has no attribute {name!r}{suggestion}", name=name, obj=document)


def _head_of(document: Document, wanted: str) -> _Head:
    """Id and creation time (us) of a stored document."""
    head = _head(document)
    if isinstance(head, tuple):
        return head
    if head is None:
        raise DocumentError(
            f"this {type(document).__name__} was never stored, so it has no {wanted}: "
            "ctx.db.insert(...) returns the id, and ctx.db.get(id) the stored document"
        )
    parsed = read_head(head)
    _set_head(document, parsed)
    return parsed


def _head(document: Document) -> _Head | bytes | None:
    try:
        return _get_head(document)
    except AttributeError:
        return body_of(document)


def _values(document: Document) -> dict[str, object]:
    return {name: getattr(document, name) for name in type(document).__definition__.annotations}


def _make(cls: type[Document], values: dict[str, Any], head: _Head | None) -> Document:
    document = cls(**values)
    if head is not None:
        _set_head(document, head)
    return document


def _make_init(cls: type[Document], definition: Definition) -> Callable[..., None]:
    defaults = definition.defaults
    required = [(name, setter_of(cls, name)) for name in definition.annotations if name not in defaults]
    optional = [
        (name, setter_of(cls, name), value, default_factory(value)) for name, value in defaults.items()
    ]

    def __init__(self: Document, /, **values: object) -> None:
        _set_body(self, None)
        take = values.pop
        try:
            for name, set_field in required:
                set_field(self, take(name))
        except KeyError as error:
            raise _missing_field(cls, error.args[0], values) from None
        for name, set_field, default, make in optional:
            if name in values:
                set_field(self, take(name))
            else:
                set_field(self, default if make is None else make())
        if values:
            raise no_such_field(cls, next(iter(values)))

    return __init__


def _missing_field(cls: type[Document], name: str, left: Mapping[str, object]) -> DocumentError:
    for given in left:
        if given not in cls.__definition__.annotations:
            return no_such_field(cls, given)
    return DocumentError(f"`{cls.__definition__.table}.{name}` is missing: it has no default")
