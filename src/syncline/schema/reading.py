"""Filling the fields of a stored document from its body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from syncline.values import Value, decode_canonical

from .binding import Binding, Decoder
from .document import Document, FieldReader, body_of, no_such_attribute, row_of, set_row, setter_of, touch
from .native import is_lax, is_ready, native_type
from .nodes import TypeNode

_astuple = msgspec.structs.astuple


@dataclass(frozen=True, slots=True)
class _Step:
    """How one field gets from the row into its slot: decoded as `native`, then converted if need be."""

    name: str
    native: Any
    convert: Callable[[Any], object] | None
    set_field: Callable[[Document, object], None]
    frozen: bool


def field_reader(cls: type[Document], fields: Sequence[tuple[str, TypeNode]]) -> FieldReader:
    """The reader of a class whose bodies are current. Nothing is checked: we wrote them.

    The first look decodes the body with a typed decoder and fills all scalars. What can be changed in place is made
    when it is looked at, so that a document of which only scalars were read can still be spliced.
    """
    ints = all(is_lax(node) for _, node in fields if native_type(node) is not None)
    steps = [_step(cls, name, node, ints) for name, node in fields]
    plain = [step for step in steps if step.frozen and step.convert is None]
    converted = [step for step in steps if step.frozen and step.convert is not None]
    later = {step.name: step for step in steps if not step.frozen}
    row_type = msgspec.defstruct(
        "Row", [(step.name, step.native) for step in (*plain, *converted, *later.values())]
    )
    decode_row = msgspec.json.Decoder(row_type, strict=not ints).decode
    set_plain = [step.set_field for step in plain]
    set_converted = [
        (position, step.convert, step.set_field)
        for position, step in enumerate(converted, len(plain))
        if step.convert is not None
    ]
    fill_whole = _whole_filler(cls, fields)
    scalars = frozenset(step.name for step in (*plain, *converted))

    def fill(document: Document) -> Any:
        """Set all scalars; gives what the other fields are made from, or None if they are set too."""
        body = body_of(document)
        assert body is not None
        try:
            row = decode_row(body)
        except msgspec.ValidationError:
            # NaN and the infinities have a form that the typed decoder does not know.
            fill_whole(document, body)
            return None
        values = _astuple(row)
        for set_field, value in zip(set_plain, values, strict=False):
            set_field(document, value)
        for position, convert, set_field in set_converted:
            set_field(document, convert(values[position]))
        if later:
            set_row(document, row)
        return row

    def read(document: Document, name: str) -> object:
        if name in scalars:
            fill(document)
            return getattr(document, name)
        step = later.get(name)
        if step is None:
            raise no_such_attribute(document, name)
        row = row_of(document) or fill(document)
        if row is None:
            return getattr(document, name)
        value: object = getattr(row, name)
        if step.convert is not None:
            value = step.convert(value)
        touch(document)
        step.set_field(document, value)
        return value

    return read


def _whole_filler(
    cls: type[Document], fields: Sequence[tuple[str, TypeNode]]
) -> Callable[[Document, bytes], None]:
    """Fills all fields by way of the whole tree: slower, and knows every form of a value."""
    binding = Binding(trusted=True)
    plan = [(name, node.decoder(binding), setter_of(cls, name)) for name, node in fields]

    def fill_whole(document: Document, body: bytes) -> None:
        tree = cast("dict[str, Value]", decode_canonical(body))
        touch(document)
        for name, decode, set_field in plan:
            set_field(document, decode(tree[name]))

    return fill_whole


def _step(cls: type[Document], name: str, node: TypeNode, ints: bool) -> _Step:
    native = native_type(node, ints=ints)
    decode = node.decoder(Binding(trusted=True))
    convert: Callable[[Any], object] | None = decode
    if native is None:
        native, convert = msgspec.Raw, _raw_decoder(decode)
    elif is_ready(node, trusted=True, ints=ints):
        convert = None
    return _Step(name, native, convert, setter_of(cls, name), node.frozen)


def _raw_decoder(decode: Decoder) -> Callable[[Any], object]:
    return lambda raw: decode(decode_canonical(bytes(raw)))
