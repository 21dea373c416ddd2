"""From Python type hints to type nodes. Refusals say where the hint stands and what to write instead."""

from __future__ import annotations

import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from inspect import isclass
from typing import Annotated, Any, Literal, NewType, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec

from syncline.kernel.errors import SetupError
from syncline.values import SAFE_INTEGER, Int64

from .classes import form_of
from .containers import ConstrainedNode, DictNode, ListNode, UnionNode, has_constraints
from .document import Document, DocumentMeta
from .ids import Id
from .nodes import AnyNode, BoolNode, BytesNode, FloatNode, Int64Node, IntNode, NullNode, StrNode, TypeNode
from .objects import RecordField, RecordNode
from .pagination import Page, PaginationOptions
from .reading import field_reader
from .scalars import (
    Constant,
    DateNode,
    DatetimeNode,
    DecimalNode,
    EnumNode,
    IdNode,
    LiteralNode,
    UuidNode,
    is_constant,
)
from .signature_nodes import PageNode, PaginationNode, StoredNode
from .unions import first_confusion

#: Where a type stands. Documents and pages can be results, pagination options arguments; the rest goes anywhere.
Role = Literal["field", "argument", "result"]

_LEAVES: dict[object, Callable[[], TypeNode]] = {
    None: NullNode,
    type(None): NullNode,
    bool: BoolNode,
    int: IntNode,
    float: FloatNode,
    Int64: Int64Node,
    str: StrNode,
    bytes: BytesNode,
    Any: AnyNode,
    datetime: DatetimeNode,
    date: DateNode,
    UUID: UuidNode,
    Decimal: DecimalNode,
}
_INSTEAD: dict[str, str] = {
    "list": "say what is in it: list[str]",
    "List": "say what is in it: list[str]",
    "dict": "say what is in it: dict[str, int]",
    "Dict": "say what is in it: dict[str, int]",
    "Id": "say which document it names: Id[Message]",
    "tuple": "use list[...], or a dataclass if the positions have meanings",
    "set": "use list[...]",
    "frozenset": "use list[...]",
    "Sequence": "use list[...]",
    "Iterable": "use list[...]",
    "Mapping": "use dict[str, ...]",
    "object": "use Any",
    "bytearray": "use bytes",
    "complex": "use list[float]",
    "timedelta": "use float, in seconds",
    "time": "use str",
    "Fraction": "use Decimal",
    "Path": "use str",
}
_SEVERAL = "use str, bool, int, float, Int64, bytes, list[T], dict[str, T], Literal, Enum, A | B, Id[T], datetime, date, UUID, Decimal, Any, a TypedDict, dataclass or msgspec.Struct"
_OF_SIGNATURES = "Page[...] is a result and PaginationOptions an argument of its own, nothing else"
#: `typing.` and the modules of classes, in the repr of a hint.
_QUALIFIERS = re.compile(r"\b(?:\w+\.)+(?=\w)")
_AS = {"field": "stored in a document", "argument": "an argument", "result": "a result"}


def evaluate(
    annotation: object, where: str, names: Mapping[str, object], own: Mapping[str, object]
) -> object:
    """The hint that an annotation stands for, with all strings in it resolved among `names` (a module's) and `own`."""
    holder = types.SimpleNamespace(__annotations__={"hint": annotation})
    try:
        return typing.get_type_hints(holder, dict(names), dict(own), include_extras=True)["hint"]
    except NameError as error:
        raise SetupError(
            f"{where}: the name {error.name!r} in its type is not defined",
            "import it at the top of the module (not under TYPE_CHECKING), or correct it",
        ) from None
    except (SyntaxError, TypeError, AttributeError) as error:
        raise SetupError(
            f"{where}: its type {annotation!r} cannot be read: {error}", "correct the type"
        ) from None


class HintReader:
    """Reads hints that stand in one role. Classes met twice give one node, so they may contain themselves."""

    def __init__(self, role: Role) -> None:
        self._role: Role = role
        self._records: dict[type, RecordNode] = {}
        self._unions: list[tuple[UnionNode, str]] = []

    def read(self, hint: object, where: str) -> TypeNode:
        """The node of an evaluated hint. `where` is for refusals: `Message.likes`. Raises SetupError."""
        node = self._read(hint, where)
        # Unions are checked at the end, when the fields of the classes in them are known.
        unions, self._unions = self._unions, []
        for union, place in unions:
            if confusion := first_confusion(union.children()):
                self._refuse_union(union, place, *confusion)
        return node

    def _read(self, hint: object, where: str) -> TypeNode:
        try:
            leaf = _LEAVES.get(hint)
        except TypeError:  # not hashable, so certainly no type
            leaf = None
        if leaf is not None:
            return leaf()
        origin = get_origin(hint)
        if origin is not None:
            return self._read_generic(hint, origin, get_args(hint), where)
        if isinstance(hint, NewType):
            return self._read(hint.__supertype__, where)
        if type(hint).__name__ == "TypeAliasType":  # `type X = ...`, Python 3.12
            return self._read(hint.__value__, where)  # type: ignore[attr-defined]  # unknown to 3.11
        if isclass(hint):
            return self._read_class(hint, where)
        raise self._refusal(hint, where)

    def _read_generic(self, hint: object, origin: object, args: tuple[Any, ...], where: str) -> TypeNode:
        if origin is Annotated:
            return self._read_annotated(args[0], args[1:], where)
        if origin is Union or origin is types.UnionType:
            return self._read_union(args, where)
        if origin is Literal:
            return self._read_literal(args, where)
        if origin is list:
            return ListNode(self._read(args[0], where))
        if origin is dict:
            key = args[0]
            if key is not str:
                raise self._refusal(hint, where, "names are strings on the wire: use dict[str, ...]")
            return DictNode(self._read(args[1], where))
        if origin is Id:
            return self._read_id(args[0], where)
        if origin is Page:
            if self._role != "result":
                raise self._refusal(hint, where, _OF_SIGNATURES)
            return PageNode(self._read(args[0], where))
        if typing.is_typeddict(cast("Any", origin)):
            raise self._refusal(hint, where, "write a class without type parameters")
        raise self._refusal(hint, where)

    def _read_class(self, hint: type[object], where: str) -> TypeNode:
        if issubclass(hint, Enum):
            return self._read_enum(hint, where)
        if issubclass(hint, Document):
            if self._role == "result" and hint is not Document:
                return self._read_document(hint)
            raise self._refusal(hint, where, f"use Id[{hint.__name__}]")
        if hint == PaginationOptions and self._role == "argument":
            return PaginationNode()
        if hint in (Page, PaginationOptions):
            raise self._refusal(hint, where, _OF_SIGNATURES)
        if (known := self._records.get(hint)) is not None:
            return known
        found = form_of(hint, where)
        if found is None:
            raise self._refusal(hint, where)
        node = self._records[hint] = RecordNode(hint, found.form, found.build)
        node.fields = tuple(
            RecordField(
                field.name,
                field.attribute,
                self._read(field.hint, f"{where}, in {hint.__name__}.{field.name}"),
                field.required,
                field.present,
            )
            for field in found.fields
        )
        return node

    def _read_document(self, cls: type[Document]) -> TypeNode:
        if (known := self._records.get(cls)) is not None:
            return known
        node = self._records[cls] = StoredNode(cls)
        # Fields are stored values, whatever the role of the document.
        fields = document_fields(cls)
        node.set_fields(fields)
        return node

    def _read_annotated(self, inner: object, extras: tuple[object, ...], where: str) -> TypeNode:
        node = self._read(inner, where)
        for extra in extras:
            if type(extra).__module__.partition(".")[0] == "annotated_types":
                raise SetupError(
                    f"{where}: {extra!r} is not understood here",
                    "write constraints as msgspec.Meta(ge=..., max_length=...)",
                )
        metas = tuple(extra for extra in extras if isinstance(extra, msgspec.Meta) and has_constraints(extra))
        if not metas:
            return node
        base = _BASES.get(type(node))
        if base is None:
            raise SetupError(
                f"{where}: {node.describe()} cannot have constraints",
                "msgspec.Meta goes with int, float, Int64, str, bytes, list and dict; put it on a member of the union",
            )
        try:
            return ConstrainedNode(node, base, metas)
        except TypeError as error:
            raise SetupError(f"{where}: {error}", "correct the constraint") from None

    def _read_union(self, args: tuple[Any, ...], where: str) -> TypeNode:
        members: list[TypeNode] = []
        nullable = False
        for arg in args:
            if arg is type(None):
                nullable = True
            else:
                members.append(self._read(arg, where))
        node = UnionNode(tuple(members), nullable)
        self._unions.append((node, where))
        return node

    def _read_literal(self, args: tuple[object, ...], where: str) -> TypeNode:
        for arg in args:
            if isinstance(arg, Enum) or not is_constant(arg):
                raise self._refusal(
                    f"Literal[{arg!r}]", where, "a Literal holds strings, ints, bools and None"
                )
            _check_constant(arg, where)
        return LiteralNode(cast("tuple[Constant, ...]", args))

    def _read_enum(self, enum: type[Enum], where: str) -> TypeNode:
        members = list(enum)
        if not members:
            raise self._refusal(enum, where, "give it members")
        for member in members:
            if not is_constant(member.value):
                raise self._refusal(
                    f"the enum {enum.__name__} with a {type(member.value).__name__} as value of {member.name}",
                    where,
                    "the values of an Enum are strings, ints, floats or bools",
                )
            _check_constant(member.value, where)
        return EnumNode(enum)

    def _read_id(self, target: object, where: str) -> TypeNode:
        if not isinstance(target, DocumentMeta) or target is Document:
            raise SetupError(f"{where}: Id[{_name(target)}] names no document", _INSTEAD["Id"])
        return IdNode(target.__definition__.table, target.__name__)

    def _refuse_union(self, union: UnionNode, where: str, left: TypeNode, right: TypeNode) -> None:
        raise SetupError(
            f"{where}: {left.describe()} and {right.describe()} in {union.describe()} cannot be told apart on the wire",
            "keep one of them"
            if left.kinds <= {"number", "string"}
            else "give each a field of its own, such as kind: Literal[...]",
        )

    def _refusal(self, hint: object, where: str, instead: str = "") -> SetupError:
        name = _name(hint)
        plain = name.split("[")[0].rpartition(".")[2]
        return SetupError(
            f"{where}: {name} cannot be {_AS[self._role]}", instead or _INSTEAD.get(plain, _SEVERAL)
        )


def document_fields(cls: type[Document]) -> tuple[tuple[str, TypeNode], ...]:
    """The fields of a document class with their types, read once. Raises SetupError naming class, field and type."""
    known = cast("tuple[tuple[str, TypeNode], ...] | None", vars(cls).get("__fields__"))
    if known is not None:
        return known
    reader = HintReader("field")
    module = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    fields: list[tuple[str, TypeNode]] = []
    for name, annotation in cls.__definition__.annotations.items():
        where = f"{cls.__name__}.{name}"
        fields.append((name, reader.read(evaluate(annotation, where, module, {cls.__name__: cls}), where)))
    type.__setattr__(cls, "__fields__", tuple(fields))
    type.__setattr__(cls, "__reader__", field_reader(cls, fields))
    return tuple(fields)


_BASES: dict[type[TypeNode], type] = {
    IntNode: int,
    FloatNode: float,
    Int64Node: int,
    StrNode: str,
    BytesNode: bytes,
    ListNode: list,
    DictNode: dict,
}


def _check_constant(value: object, where: str) -> None:
    if isinstance(value, int) and not isinstance(value, Int64) and abs(value) > SAFE_INTEGER:
        raise SetupError(
            f"{where}: the constant {value} is beyond 2**53 and has no exact number in JavaScript",
            "use a smaller one, or a string",
        )


def _name(hint: object) -> str:
    if isinstance(hint, str):
        return hint
    if isclass(hint) and get_origin(hint) is None:
        return hint.__name__
    text = repr(hint)
    return text.replace("typing.", "") if "Literal" in text else _QUALIFIERS.sub("", text)
