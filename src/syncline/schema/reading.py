"""Filling the fields of a stored document from its body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from syncline.values import Value, decode_canonical

from .document import Document, row_of, set_row, setter_of, touch
from .native import is_lax, is_ready, native_type
from .nodes import Binding, TypeNode

_astuple = msgspec.structs.astuple


@dataclass(frozen=True, slots=True)
class _Step:
    """How one field gets from the row into its slot."""

    name: str
    native: Any
    convert: Callable[[Any], object] | None
    set_field: Callable[[Document, object], None]
    frozen: bool


class DocumentReader:
    """Reads documents of one class whose bodies are current. Nothing is checked: we wrote them."""

    def __init__(self, cls: type[Document], fields: Sequence[tuple[str, TypeNode]]) -> None:
        binding = Binding(trusted=True)
        ints = all(is_lax(node) for _, node in fields if native_type(node) is not None)
        steps = [_step(cls, name, node, binding, ints) for name, node in fields]
        # Scalars that come out of the decoder ready, scalars to convert, and what is made when it is looked at.
        plain = [step for step in steps if step.frozen and step.convert is None]
        converted = [step for step in steps if step.frozen and step.convert is not None]
        later = [step for step in steps if not step.frozen]
        row = msgspec.defstruct("Row", [(step.name, step.native) for step in (*plain, *converted, *later)])
        self._decode_row = msgspec.json.Decoder(row, strict=not ints).decode
        self._set_plain = [step.set_field for step in plain]
        self._set_converted = [
            (position, step.convert, step.set_field)
            for position, step in enumerate(converted, len(plain))
            if step.convert is not None
        ]
        self._later = {step.name: step for step in later}
        self._whole = [(name, node.decoder(binding), setter_of(cls, name)) for name, node in fields]

    def fill(self, document: Document) -> object:
        """Set the scalar fields. Gives, and remembers, what the others are made from; None if all fields are set."""
        body = document._body
        assert body is not None
        try:
            row = self._decode_row(body)
        except msgspec.ValidationError:
            # NaN and the infinities have a form that the typed decoder does not know.
            self._fill_whole(document, body)
            return None
        values = _astuple(row)
        for set_field, value in zip(self._set_plain, values, strict=False):
            set_field(document, value)
        for position, convert, set_field in self._set_converted:
            set_field(document, convert(values[position]))
        if self._later:
            set_row(document, row)
        return row

    def read(self, document: Document, name: str) -> object:
        """The value of a field whose slot is empty."""
        step = self._later.get(name)
        if step is None:
            self.fill(document)
            return getattr(document, name)
        row = row_of(document) or self.fill(document)
        if row is None:  # It had to be decoded as a whole.
            return getattr(document, name)
        value = getattr(row, name)
        if step.convert is not None:
            value = step.convert(value)
        touch(document)
        step.set_field(document, value)
        return value

    def _fill_whole(self, document: Document, body: bytes) -> None:
        tree = cast("dict[str, Value]", decode_canonical(body))
        touch(document)
        for name, decode, set_field in self._whole:
            set_field(document, decode(tree[name]))


def _step(cls: type[Document], name: str, node: TypeNode, binding: Binding, ints: bool) -> _Step:
    native = native_type(node, ints=ints)
    decode = node.decoder(binding)
    convert: Callable[[Any], object] | None
    if native is None:
        native, convert = msgspec.Raw, lambda raw: decode(decode_canonical(bytes(raw)))
    else:
        convert = None if is_ready(node, ints=ints) else decode
    return _Step(name, native, convert, setter_of(cls, name), node.frozen)
