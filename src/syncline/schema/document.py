"""Documents: frozen, typed records. A stored one is its JSON until a field is looked at.

A stored document has three states, told apart by its slots:

    loaded     `_body` is its JSON, field slots are empty
    read       scalar fields are filled; `_row` holds what lists and objects are made from when they are looked at
    touched    a list or object was handed out and may have been changed: `_body` is None, results encode the fields

Loading must cost next to nothing, since most documents that a query returns are only passed on: their body is
spliced into the result. Measured per document with six fields (3.11): msgspec.Struct decoded at once 0.42 us, this class
0.3 us to load and 1.5 us for the first field; but with 50 documents per result what counts is that nothing is
encoded again. A Struct cannot be made without its fields, so it cannot be lazy.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self, cast, dataclass_transform, get_origin

from syncline.kernel.errors import DocumentError, SetupError

from .ids import Id
from .index import RESERVED_INDEX_NAMES, Index
from .mismatch import did_you_mean, show
from .naming import RESERVED_FIELDS, problem_with_name, table_name_of
from .scalars import EPOCH, microseconds

if sys.version_info >= (3, 14):
    import annotationlib


class Missing(Enum):
    """No default."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
_SHARED_DEFAULTS = (str, bytes, int, float, bool, type(None), Enum, frozenset, tuple)


@dataclass(frozen=True, slots=True)
class Definition:
    """A document class as written, before its hints are understood (they may refer to classes further down)."""

    table: str
    annotations: Mapping[str, object]
    defaults: Mapping[str, object]
    indexes: tuple[Index, ...]


class Reader(Protocol):
    """Fills the fields of loaded documents of one class. Set when the hints are understood (reading.py)."""

    def read(self, document: Document, name: str) -> object: ...


@dataclass_transform(kw_only_default=True, frozen_default=True)
class DocumentMeta(type):
    """Makes document classes: checks names, takes defaults and indexes out, gives every field a slot."""

    #: Absent on `Document` itself.
    __definition__: Definition
    __reader__: Reader | None

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, table: str | None = None
    ) -> DocumentMeta:
        if not any(isinstance(base, DocumentMeta) for base in bases):
            return super().__new__(mcs, name, bases, namespace)
        _refuse_inheritance(name, bases)
        annotations = _annotations_of(namespace)
        for field in annotations:
            _check_field_name(name, field)
        indexes = _indexes_of(name, namespace, annotations)
        defaults = {field: namespace.pop(field) for field in annotations if field in namespace}
        definition = Definition(
            table=_checked_table(name, table), annotations=annotations, defaults=defaults, indexes=indexes
        )
        namespace["__slots__"] = tuple(annotations)
        namespace["__init__"] = _no_init
        cls = super().__new__(mcs, name, bases, namespace)
        cls.__definition__ = definition
        cls.__reader__ = None
        type.__setattr__(cls, "__init__", _make_init(cls, definition))
        return cls


class Document(metaclass=DocumentMeta):
    """Base class of an application's documents.

        class Message(Document):
            channel: str
            likes: int = 0

            by_channel = Index("channel")

    Its table is the class name in snake_case plural, or `class Note(Document, table="notes")`. Documents are
    immutable; values are checked when they are stored.
    """

    __slots__ = ("_body", "_created_us", "_id", "_row")
    __match_args__ = ()

    if TYPE_CHECKING:
        __definition__: ClassVar[Definition]
        __reader__: ClassVar[Reader | None]

        # Properties, because a type checker would take annotated names for fields.
        @property
        def _body(self) -> bytes | None: ...

        @property
        def _id(self) -> str | None: ...

        @property
        def _created_us(self) -> int | None: ...
    else:

        def __getattr__(self, name: str) -> object:
            """Called for a slot that is empty: the first look at a field of a loaded document."""
            reader = type(self).__reader__
            if reader is None or name not in type(self).__definition__.annotations:
                raise AttributeError(_no_attribute(self, name), name=name, obj=self)
            return reader.read(self, name)

    @property
    def id(self) -> Id[Self]:
        """The document's id. Raises DocumentError on a document that was never stored."""
        text = self._id
        if text is None:
            text = _system_fields(self, "id")[0]
        return Id(text)

    @property
    def created_at(self) -> datetime:
        """When it was inserted, in UTC, to the microsecond. Raises DocumentError if it was never stored."""
        created_us = self._created_us
        if created_us is None:
            created_us = _system_fields(self, "created_at")[1]
        return EPOCH + timedelta(microseconds=created_us)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"documents are immutable: ctx.db.patch(document, {name}=...) changes the stored one"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"documents are immutable: {type(self).__name__}.{name} cannot be removed")

    def __eq__(self, other: object) -> bool:
        """The same class, the same id (or both never stored) and equal fields."""
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Document)
        if self._body is not None and self._body == other._body:
            return True
        return stored_id(self) == stored_id(other) and _values(self) == _values(other)

    def __hash__(self) -> int:
        """By id; a document that was never stored has a hash if all its values have one."""
        text = stored_id(self)
        return hash((type(self), text if text is not None else tuple(_values(self))))

    def __repr__(self) -> str:
        text = stored_id(self)
        parts = [] if text is None else [f"id={text!r}"]
        parts += [f"{name}={getattr(self, name)!r}" for name in field_names(type(self))]
        return f"{type(self).__name__}({', '.join(parts)})"

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        # For copy and pickle, whose own way would set attributes.
        if stored_id(self) is None:
            return _make, (type(self), dict(zip(field_names(type(self)), _values(self), strict=True)))
        stored = (self._body, stored_id(self), _system_fields(self, "id")[1])
        if self._body is not None:
            return _load, (type(self), *stored)
        return _make_stored, (
            type(self),
            dict(zip(field_names(type(self)), _values(self), strict=True)),
            *stored,
        )


# Slots are set through their descriptors: documents refuse assignment.
_set_body = cast("Callable[[Document, bytes | None], None]", Document.__dict__["_body"].__set__)
_set_id = cast("Callable[[Document, str | None], None]", Document.__dict__["_id"].__set__)
_set_created_us = cast("Callable[[Document, int | None], None]", Document.__dict__["_created_us"].__set__)
set_row = cast("Callable[[Document, object], None]", Document.__dict__["_row"].__set__)
_get_row = cast("Callable[[Document], object]", Document.__dict__["_row"].__get__)
_new = cast("Callable[[type[Document]], Document]", object.__new__)


def load_document(
    cls: type[Document], body: bytes, text: str | None = None, created_us: int | None = None
) -> Document:
    """The stored document with this body. Id and creation time are in the body too; give them if they are at hand."""
    document = _new(cls)
    _set_body(document, body)
    _set_id(document, text)
    _set_created_us(document, created_us)
    return document


def body_of(document: Document) -> bytes | None:
    """The JSON of a stored document whose fields are as they were stored; None if they may not be, or are new."""
    return document._body


def stored_id(document: Document) -> str | None:
    """The id of a stored document, None for one that was never stored."""
    text = document._id
    if text is None and document._body is not None:
        return _system_fields(document, "id")[0]
    return text


def created_us_of(document: Document) -> int:
    """Microseconds since the epoch at which a stored document was inserted."""
    return _system_fields(document, "created_at")[1]


def touch(document: Document) -> None:
    """From here on the fields count, not the body: a list or object of the document was handed out."""
    _system_fields(document, "id")
    _set_body(document, None)


def row_of(document: Document) -> object:
    """What its reader left for the fields that have not been looked at; None before anything was."""
    try:
        return _get_row(document)  # through the descriptor: an empty slot must not end in __getattr__
    except AttributeError:
        return None


def field_names(cls: type[Document]) -> tuple[str, ...]:
    return tuple(cls.__definition__.annotations)


def setter_of(cls: type[Document], name: str) -> Callable[[Document, object], None]:
    """What sets the slot of one field."""
    return cast("Callable[[Document, object], None]", cls.__dict__[name].__set__)


def fresh_default(value: object) -> object:
    """A default for one document: constants are shared, lists and dicts are not."""
    return value if isinstance(value, _SHARED_DEFAULTS) else copy.deepcopy(value)


def no_such_field(cls: type[Document], name: str) -> DocumentError:
    if name in ("id", "created_at", "_id", "_creationTime"):
        return DocumentError(
            f"`{cls.__definition__.table}.{name}` is set by the database and cannot be given"
        )
    suggestion = did_you_mean(name, field_names(cls))
    return DocumentError(f"`{cls.__definition__.table}` has no field `{name}`{suggestion}")


def _system_fields(document: Document, wanted: str) -> tuple[str, int]:
    """Id and creation time of a stored document, read from its body if they were not given with it."""
    text, created_us = document._id, document._created_us
    if text is not None and created_us is not None:
        return text, created_us
    body = document._body
    if body is None:
        raise DocumentError(
            f"this {type(document).__name__} was never stored, so it has no {wanted}: "
            "ctx.db.insert(...) returns the id, and ctx.db.get(id) the stored document"
        )
    # Bodies begin {"_creationTime":<number>,"_id":"<id>"
    head, _, rest = body.partition(b',"_id":"')
    text, created_us = rest[: rest.index(b'"')].decode("ascii"), microseconds(float(head[17:]))
    _set_id(document, text)
    _set_created_us(document, created_us)
    return text, created_us


def _values(document: Document) -> list[object]:
    return [getattr(document, name) for name in field_names(type(document))]


def _no_attribute(document: Document, name: str) -> str:
    cls = type(document)
    return f"{cls.__name__} has no attribute {name!r}{did_you_mean(name, field_names(cls))}"


def _load(cls: type[Document], body: bytes, text: str, created_us: int) -> Document:
    return load_document(cls, body, text, created_us)


def _make(cls: type[Document], values: dict[str, object]) -> Document:
    return cls(**values)


def _make_stored(
    cls: type[Document], values: dict[str, object], body: None, text: str, created_us: int
) -> Document:
    document = cls(**values)
    _set_id(document, text)
    _set_created_us(document, created_us)
    return document


def _no_init(self: Document, **values: object) -> None:
    """Replaced as soon as the class, and with it the slots, exist."""


def _make_init(cls: type[Document], definition: Definition) -> Callable[..., None]:
    required = [
        (name, setter_of(cls, name)) for name in definition.annotations if name not in definition.defaults
    ]
    optional = [
        (name, setter_of(cls, name), default, isinstance(default, _SHARED_DEFAULTS))
        for name, default in definition.defaults.items()
    ]

    def __init__(self: Document, **values: object) -> None:
        _set_body(self, None)
        _set_id(self, None)
        _set_created_us(self, None)
        take = values.pop
        try:
            for name, set_field in required:
                set_field(self, take(name))
        except KeyError as error:
            raise _missing_field(cls, error.args[0], values) from None
        for name, set_field, default, shared in optional:
            set_field(self, take(name) if name in values else default if shared else copy.deepcopy(default))
        if values:
            raise no_such_field(cls, next(iter(values)))

    return __init__


def _missing_field(cls: type[Document], name: str, left: Mapping[str, object]) -> DocumentError:
    unknown = [given for given in left if given not in cls.__definition__.annotations]
    if unknown:
        return no_such_field(cls, unknown[0])
    return DocumentError(f"`{cls.__definition__.table}.{name}` is missing: it has no default")


def _refuse_inheritance(name: str, bases: tuple[type, ...]) -> None:
    for base in bases:
        if isinstance(base, DocumentMeta) and hasattr(base, "__definition__"):
            raise SetupError(
                f"{name} inherits from {base.__name__}, which is a document with a table of its own",
                "inherit from Document, and share methods through a plain class beside it",
            )


def _annotations_of(namespace: dict[str, Any]) -> dict[str, object]:
    """The annotated fields of a class that is being made, unevaluated if they are strings."""
    if sys.version_info >= (3, 14):
        annotate = annotationlib.get_annotate_from_class_namespace(namespace)
        found = (
            annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF)
            if annotate
            else {}
        )
    else:
        found = cast("dict[str, object]", namespace.get("__annotations__", {}))
    return {name: hint for name, hint in found.items() if not _is_class_variable(hint)}


def _is_class_variable(hint: object) -> bool:
    if isinstance(hint, str):
        return hint.split("[")[0].rpartition(".")[2] == "ClassVar"
    return hint is ClassVar or get_origin(hint) is ClassVar


def _check_field_name(cls: str, name: str) -> None:
    if name in RESERVED_FIELDS or name.startswith("_"):
        raise SetupError(
            f"{cls}.{name}: this name is reserved",
            "every stored document has id and created_at; rename the field"
            if name in ("id", "created_at")
            else "rename the field",
        )
    if problem := problem_with_name(name):
        raise SetupError(f"{cls}.{name} cannot be a field: {problem}", "rename the field")
    if hasattr(Document, name):
        raise SetupError(
            f"{cls}.{name}: documents have an attribute of this name already", "rename the field"
        )


def _checked_table(cls: str, table: str | None) -> str:
    name = table_name_of(cls) if table is None else table
    if problem := problem_with_name(name):
        raise SetupError(
            f"{cls}: {show(name)} cannot name a table: {problem}", 'write class ...(Document, table="...")'
        )
    return name


def _indexes_of(cls: str, namespace: dict[str, Any], fields: Mapping[str, object]) -> tuple[Index, ...]:
    indexes: list[Index] = []
    for name, value in namespace.items():
        if name == "access":
            raise SetupError(f"{cls}.access: this name is reserved for access rules", "rename it")
        if name in ("id", "created_at"):
            raise SetupError(
                f"{cls}.{name}: this name is reserved", "every stored document has it; rename yours"
            )
        if not isinstance(value, Index):
            continue
        if name in fields:
            raise SetupError(
                f"{cls}.{name} has a type and is an index", f"write {name} = {value!r} without a type"
            )
        value.bind(cls, name)
        _check_index(cls, value, fields)
        for other in indexes:
            if other.fields == value.fields and other.each == value.each:
                raise SetupError(
                    f"{cls}.{name} is the same index as {cls}.{other.name}", "remove one of them"
                )
        indexes.append(value)
    return tuple(indexes)


def _check_index(cls: str, index: Index, fields: Mapping[str, object]) -> None:
    where = f"{cls}.{index.name}"
    if index.name in RESERVED_INDEX_NAMES or (problem := problem_with_name(index.name)):
        reason = problem if index.name not in RESERVED_INDEX_NAMES else "every table has this order already"
        raise SetupError(f"{where} cannot be an index: {reason}", "rename the index")
    if not index.fields:
        raise SetupError(f"{where}: an index needs a field", 'write Index("field")')
    for field in index.fields:
        if field in ("id", "created_at", "_id", "_creationTime"):
            raise SetupError(
                f"{where}: `{field}` cannot be named in an index",
                "every index ends with created_at and id anyway",
            )
        if field not in fields:
            raise SetupError(
                f"{where}: {cls} has no field `{field}`{did_you_mean(field, fields)}", "name its fields"
            )
    if len(set(index.fields)) != len(index.fields):
        raise SetupError(f"{where} names a field twice", "name each field once")
