"""Lists, dicts, unions, and types narrowed by constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, TypeVar, cast

import msgspec

from syncline.values import Int64, InvalidValueError, Json, Value, encode_value

from .binding import Binding, Decoder, Encoder
from .mismatch import Mismatch, item_step
from .nodes import Kind, NullNode, Side, TypeNode, Within

_NULL = NullNode()
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class ListNode(TypeNode):
    kinds = frozenset({"array"})
    frozen = False

    def __init__(self, item: TypeNode) -> None:
        self.item = item
        self.identity = item.identity

    def describe(self) -> str:
        return f"list[{self.item.describe()}]"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "array", "value": self.item.spec(side, within)}

    def shape(self, within: Within = ()) -> Json:
        return {"list": self.item.shape(within)}

    def children(self) -> tuple[TypeNode, ...]:
        return (self.item,)

    def bare(self) -> TypeNode:
        return ListNode(self.item.bare())

    def encoder(self, binding: Binding) -> Encoder:
        encode_item = self.item.encoder(binding)

        def encode(value: object) -> Value:
            if type(value) is not list and not isinstance(value, list | tuple):
                raise Mismatch(self.describe(), value)
            items = cast("list[object]", value)
            try:
                return [encode_item(item) for item in items]
            except Mismatch:
                raise _first_in_items(encode_item, items) from None

        return encode

    def decoder(self, binding: Binding) -> Decoder:
        decode_item = self.item.decoder(binding)

        def decode(value: Value) -> object:
            if type(value) is not list:
                raise Mismatch(self.describe(), value)
            try:
                return [decode_item(item) for item in value]
            except Mismatch:
                raise _first_in_items(decode_item, value) from None

        return decode


class DictNode(TypeNode):
    """Names to values. Names are printable ASCII and do not begin with `$`, as in all values."""

    kinds = frozenset({"object"})
    frozen = False

    def __init__(self, item: TypeNode) -> None:
        self.item = item
        self.identity = item.identity

    def describe(self) -> str:
        return f"dict[str, {self.item.describe()}]"

    def spec(self, side: Side, within: Within = ()) -> Json:
        values: Json = {"fieldType": self.item.spec(side, within), "optional": False}
        return {"type": "record", "keys": {"type": "string"}, "values": values}

    def shape(self, within: Within = ()) -> Json:
        return {"dict": self.item.shape(within)}

    def children(self) -> tuple[TypeNode, ...]:
        return (self.item,)

    def bare(self) -> TypeNode:
        return DictNode(self.item.bare())

    def encoder(self, binding: Binding) -> Encoder:
        encode_item = self.item.encoder(binding)

        def encode(value: object) -> Value:
            if not isinstance(value, Mapping):
                raise Mismatch(self.describe(), value)
            items = cast("Mapping[str, object]", value)
            encoded: dict[str, Value] = {}
            for name, item in items.items():
                check_name(name)
                try:
                    encoded[name] = encode_item(item)
                except Mismatch as mismatch:
                    raise mismatch.within(entry_step(name)) from None
            return encoded

        return encode

    def decoder(self, binding: Binding) -> Decoder:
        decode_item = self.item.decoder(binding)

        def decode(value: Value) -> object:
            if type(value) is not dict:
                raise Mismatch(self.describe(), value)
            decoded: dict[str, object] = {}
            for name, item in value.items():
                try:
                    decoded[name] = decode_item(item)
                except Mismatch as mismatch:
                    raise mismatch.within(entry_step(name)) from None
            return decoded

        return decode


class UnionNode(TypeNode):
    """One of several types, told apart by what is on the wire (unions.py checks that they can be).

    `nullable` stands for a member None; `members` are the others.
    """

    def __init__(self, members: tuple[TypeNode, ...], nullable: bool) -> None:
        self.members = members
        self.nullable = nullable
        null: frozenset[Kind] = frozenset({"null"}) if nullable else frozenset()
        self.kinds = reduce(frozenset[Kind].union, (member.kinds for member in members), null)
        self.frozen = all(member.frozen for member in members)
        self.identity = all(member.identity for member in members)

    def describe(self) -> str:
        return " | ".join(member.describe() for member in self.children())

    def spec(self, side: Side, within: Within = ()) -> Json:
        return {"type": "union", "value": [member.spec(side, within) for member in self.children()]}

    def shape(self, within: Within = ()) -> Json:
        return {"union": sorted((member.shape(within) for member in self.children()), key=repr)}

    def children(self) -> tuple[TypeNode, ...]:
        return (*self.members, _NULL) if self.nullable else self.members

    def bare(self) -> TypeNode:
        return UnionNode(tuple(member.bare() for member in self.members), self.nullable)

    def encoder(self, binding: Binding) -> Encoder:
        encoders = [member.encoder(binding) for member in self.members]
        if self.nullable and len(encoders) == 1:
            return self._optional(encoders[0])
        return self._first_fitting(encoders)

    def decoder(self, binding: Binding) -> Decoder:
        if self.nullable and len(self.members) == 1:
            return self._optional(self.members[0].decoder(binding))
        if self.identity and binding.trusted:
            return _same
        return self._decoder_by_kind(binding)

    def _decoder_by_kind(self, binding: Binding) -> Decoder:
        # A member is chosen by trial, so members must check even where values are trusted.
        checked = Binding(tables=binding.tables, decoders={} if binding.trusted else binding.decoders)
        by_type: dict[type, list[Decoder]] = {}
        for member in self.members:
            decode = member.decoder(checked)
            for kind in member.kinds:
                by_type.setdefault(_PYTHON_TYPES[kind], []).append(decode)
        fitting: dict[type, Decoder] = {
            kind: self._first_fitting(decoders) for kind, decoders in by_type.items()
        }
        if self.nullable:
            fitting[type(None)] = _same

        def decode_member(value: Value) -> object:
            decode = fitting.get(type(value))
            if decode is None:
                raise Mismatch(self.describe(), value)
            return decode(value)

        return decode_member

    def _optional(self, convert: Callable[[_In], _Out]) -> Callable[[_In], _Out | None]:
        def convert_optional(value: _In) -> _Out | None:
            if value is None:
                return None
            try:
                return convert(value)
            except Mismatch as mismatch:
                if not mismatch.full_path:
                    mismatch.expected += " | None"
                raise

        return convert_optional

    def _first_fitting(self, conversions: list[Callable[[_In], _Out]]) -> Callable[[_In], _Out | None]:
        nullable = self.nullable

        def convert(value: _In) -> _Out | None:
            if value is None and nullable:
                return None
            mismatches: list[Mismatch] = []
            for conversion in conversions:
                try:
                    return conversion(value)
                except Mismatch as mismatch:
                    mismatches.append(mismatch)
            raise self._most_telling(mismatches, value)

        return convert

    def _most_telling(self, mismatches: list[Mismatch], value: object) -> Mismatch:
        """The mismatch of the one member that got into the value, else that none fits."""
        deep = [mismatch for mismatch in mismatches if mismatch.full_path]
        return deep[0] if len(deep) == 1 else Mismatch(self.describe(), value)


class ConstrainedNode(TypeNode):
    """A type narrowed by `Annotated[int, msgspec.Meta(ge=1)]`. The check is msgspec's."""

    def __init__(self, inner: TypeNode, base: type, metas: tuple[msgspec.Meta, ...]) -> None:
        self.inner = inner
        self.kinds = inner.kinds
        self.frozen = inner.frozen
        self.metas = metas
        annotated: Any = base
        for meta in metas:
            annotated = Annotated[annotated, meta]
        # Building the decoder refuses, with a TypeError, constraints that do not go with the type.
        msgspec.json.Decoder(annotated)
        self._annotated = annotated

    def describe(self) -> str:
        return f"{self.inner.describe()} {self._constraints()}"

    def _constraints(self) -> str:
        named = ", ".join(
            f"{name}={value!r}"
            for meta in self.metas
            for name in _CONSTRAINTS
            if (value := getattr(meta, name)) is not None
        )
        return f"({named})"

    def spec(self, side: Side, within: Within = ()) -> Json:
        return self.inner.spec(side, within)

    def shape(self, within: Within = ()) -> Json:
        return {"type": self.inner.shape(within), "where": self._constraints()}

    def children(self) -> tuple[TypeNode, ...]:
        return (self.inner,)

    def bare(self) -> TypeNode:
        return self.inner.bare()

    def encoder(self, binding: Binding) -> Encoder:
        encode = self.inner.encoder(binding)
        check = self._check

        def encode_checked(value: object) -> Value:
            encoded = encode(value)
            check(value)
            return encoded

        return encode_checked

    def decoder(self, binding: Binding) -> Decoder:
        decode = self.inner.decoder(binding)
        if binding.trusted:
            return decode
        check = self._check

        def decode_checked(value: Value) -> object:
            decoded = decode(value)
            check(decoded)
            return decoded

        return decode_checked

    def _check(self, value: object) -> None:
        try:
            msgspec.convert(value, self._annotated, strict=False)
        except msgspec.ValidationError:
            raise Mismatch(self.describe(), value) from None


_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
_PYTHON_TYPES: dict[Kind, type] = {
    "null": type(None),
    "int64": Int64,
    "number": float,
    "boolean": bool,
    "string": str,
    "bytes": bytes,
    "array": list,
    "object": dict,
}


def has_constraints(meta: msgspec.Meta) -> bool:
    return any(getattr(meta, name) is not None for name in _CONSTRAINTS)


def entry_step(name: object) -> str:
    """The step of a path into an entry of a dict."""
    return f".{name}" if isinstance(name, str) and name.isidentifier() else f"[{name!r}]"


def _same(value: Value) -> object:
    return value


def check_name(name: object) -> None:
    if (
        isinstance(name, str)
        and name.isascii()
        and name.isprintable()
        and name[:1] != "$"
        and len(name) <= 1024
    ):
        return
    try:
        encode_value({name: None})
    except InvalidValueError as error:
        raise Mismatch(
            "a name of printable ASCII that does not begin with $", name, got=error.problem
        ) from None


def _first_in_items(convert: Callable[[_In], object], items: Sequence[_In]) -> Mismatch:
    """The mismatch of the first item that has one. Found by going again, so that the good case costs nothing."""
    for position, item in enumerate(items):
        try:
            convert(item)
        except Mismatch as mismatch:
            return mismatch.within(item_step(position))
    raise AssertionError("an item failed to convert once and not again")
