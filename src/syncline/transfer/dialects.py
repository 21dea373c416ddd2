"""Values of files in the types of the schema.

JSON alone does not say what a value was: whether 5 is a number or a 64-bit integer, a text an id. The schema does,
and where it leaves a choice (Any, unions), the dialect of the file decides.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, TypeAlias, cast

from syncline.schema import TypeNode
from syncline.schema.containers import ConstrainedNode, DictNode, ListNode, UnionNode
from syncline.schema.nodes import AnyNode
from syncline.schema.objects import RecordNode
from syncline.schema.scalars import IdNode
from syncline.values import (
    INT64_MAX,
    INT64_MIN,
    Int64,
    InvalidValueError,
    Json,
    Value,
    decode_id,
    decode_value,
    encode_id,
)

Restore: TypeAlias = Callable[[Json], Value]


class Dialect(Enum):
    """How a file writes what JSON does not have."""

    #: Exports of today, of Syncline and of Convex: 64-bit integers bare, other numbers with a point or an exponent.
    EXPORT = "export"
    #: JSON from anywhere: a number is a number.
    PLAIN = "plain"
    #: Exports of older versions of Convex: integers and bytes are strings.
    LEGACY = "legacy"


_SPECIAL_FLOATS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_FORMS: Final = ("$integer", "$bytes", "$float")


class Restorer:
    """Makes functions from JSON trees to values. `numbers` maps table numbers in ids to those that tables have here.

    A tree that fits no type is given as what it looks like, so that checking it afterwards says what is wrong. The
    functions raise InvalidValueError for what is no value at all.
    """

    def __init__(self, dialect: Dialect, numbers: Mapping[int, int]) -> None:
        self._dialect = dialect
        self._numbers = {old: new for old, new in numbers.items() if old != new}
        self._known: dict[int, Restore] = {}

    def id(self, text: str) -> str:
        """The id with the number that its table has here. A text that is no id stays as it is."""
        if not self._numbers:
            return text
        try:
            number, internal = decode_id(text)
        except ValueError:
            return text
        new = self._numbers.get(number)
        return text if new is None else encode_id(new, internal)

    def of(self, node: TypeNode) -> Restore:
        """The function for one type."""
        known = self._known.get(id(node))
        if known is None:
            # A type that contains itself meets this entry while its own function is being made.
            self._known[id(node)] = lambda tree: self._known[id(node)](tree)
            known = self._known[id(node)] = self._make(node)
        return known

    def _make(self, node: TypeNode) -> Restore:
        match node:
            case ConstrainedNode():
                return self.of(node.inner)
            case AnyNode():
                return self.anything
            case IdNode():
                return lambda tree: self.id(tree) if type(tree) is str else self.anything(tree)
            case ListNode():
                return self._list(self.of(node.item))
            case DictNode():
                item = self.of(node.item)
                return self._object(lambda name: item)
            case RecordNode():
                fields = {field.name: self.of(field.node) for field in node.fields}
                return self._object(lambda name: fields.get(name, self.anything))
            case UnionNode():
                return self._union(node)
            case _:
                return self._scalar(node)

    def anything(self, tree: Json) -> Value:
        """A value whose type the schema does not say."""
        match tree:
            case bool() | float() | str() | None:
                return tree
            case int():
                return _int64(tree) if self._dialect is Dialect.EXPORT else decode_value(tree)
            case list():
                return [self.anything(item) for item in tree]
            case _:
                if _is_form(tree):
                    return decode_value(tree)
                return {name: self.anything(item) for name, item in tree.items()}

    def _list(self, item: Restore) -> Restore:
        return lambda tree: [item(each) for each in tree] if type(tree) is list else self.anything(tree)

    def _object(self, of: Callable[[str], Restore]) -> Restore:
        def restore(tree: Json) -> Value:
            if type(tree) is not dict or _is_form(tree):
                return self.anything(tree)
            return {name: of(name)(item) for name, item in tree.items()}

        return restore

    def _union(self, node: UnionNode) -> Restore:
        members = [(member, self.of(member)) for member in node.members]
        if len(members) == 1:
            restore_one = members[0][1]
            return lambda tree: None if tree is None else restore_one(tree)
        scalar = self._scalar(node)

        def restore(tree: Json) -> Value:
            if type(tree) is int:
                return scalar(tree)
            for member, restore_member in members:
                value = restore_member(tree)
                if member.fits(value):
                    return value
            return scalar(tree)

        return restore

    def _scalar(self, node: TypeNode) -> Restore:
        kinds = node.kinds
        number, int64 = "number" in kinds, "int64" in kinds
        legacy = self._dialect is Dialect.LEGACY and "string" not in kinds

        def restore(tree: Json) -> Value:
            if type(tree) is int:
                if number and not int64:
                    return decode_value(tree)
                if int64 and not number:
                    return _int64(tree)
            elif legacy and type(tree) is str:
                return _legacy(tree, number=number, int64=int64, raw="bytes" in kinds)
            return self.anything(tree)

        return restore


def _int64(number: int) -> Value:
    if not INT64_MIN <= number <= INT64_MAX:
        raise InvalidValueError(f"{number} does not fit a 64-bit integer")
    return Int64(number)


def _is_form(tree: Mapping[str, Json]) -> bool:
    return len(tree) == 1 and next(iter(tree)) in _FORMS


def _legacy(text: str, *, number: bool, int64: bool, raw: bool) -> Value:
    """A string of an older export where the schema has no string."""
    if number and text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if int64 and text.removeprefix("-").isdecimal() and text.isascii():
        return _int64(int(text))
    if raw:
        try:
            return a2b_base64(text, strict_mode=True)
        except (Base64Error, ValueError):
            return text
    return text


def apply_hint(tree: Json, hint: Json) -> Json:
    """A tree of an older export with the `$` forms that a hint in its generated_schema.jsonl stands for."""
    match hint:
        case "int64" if isinstance(tree, str):
            return {"$integer": _base64_of(int(tree))}
        case "bytes" if isinstance(tree, str):
            return {"$bytes": tree}
        case "float64inf" if isinstance(tree, str):
            return cast("Json", _SPECIAL_FLOATS[tree])
        case {"$float64NaN": str()}:
            return cast("Json", _SPECIAL_FLOATS["NaN"])
        case list() if isinstance(tree, list) and len(tree) == len(hint):
            return [apply_hint(item, each) for item, each in zip(tree, hint, strict=True)]
        case dict() if isinstance(tree, dict):
            return {
                name: apply_hint(item, hint[name]) if name in hint else item for name, item in tree.items()
            }
        case _:
            return tree


def _base64_of(number: int) -> str:
    return b2a_base64(number.to_bytes(8, "little", signed=True), newline=False).decode("ascii")
