"""Documents to bodies, keys and back, for one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

import msgspec

from syncline.kernel.errors import DocumentError
from syncline.values import (
    Json,
    Value,
    decode_canonical,
    decode_key_part,
    encode_key_part,
    encode_value,
)

from .binding import Binding, Decoder, Encoder, TableNumbers
from .definition import MISSING
from .document import Document, loader_of, no_such_field
from .index import Index
from .mismatch import Mismatch, Problem, did_you_mean, show
from .nodes import TypeNode
from .objects import RecordNode
from .scalars import DatetimeNode, DecimalNode, UuidNode, microseconds
from .tables import FieldSpec, TableSpec, element_of
from .writing import BodyWriter, body_writer

#: An index entry: the encoded fields, and the offset behind each of them.
IndexKey = tuple[bytes, tuple[int, ...]]

#: Types that read more than they write: a UUID in upper case, an object from before one of its defaults.
_REWRITTEN: Final = (UuidNode, DecimalNode, DatetimeNode, RecordNode)


class TableCodec:
    """Everything between a document in Python and its bytes in the store.

    `fields` below always means the stored fields by name in wire form: complete, defaults written out, without
    `_id` and `_creationTime`. Made once per table and set of table numbers.
    """

    def __init__(self, spec: TableSpec, tables: TableNumbers) -> None:
        self.spec = spec
        self.tables = tables
        self._cls = spec.cls
        #: The document with this (current) body, decoded when a field is looked at.
        self.load: Callable[[bytes], Document] = loader_of(spec.cls)
        #: `encode_body(fields, id, created_us)`: the document as it is stored and goes to clients.
        self.encode_body: BodyWriter = body_writer([(field.name, field.node) for field in spec.fields])
        stored = Binding(tables=tables, stored=True)
        self._encoders: dict[str, Encoder] = {field.name: field.node.encoder(stored) for field in spec.fields}
        self._sorted = sorted(self._encoders.items())
        checked = Binding(tables=tables)
        self._decoders: dict[str, Decoder] = {
            field.name: field.node.decoder(checked) for field in spec.fields
        }
        self._parts: dict[str, Encoder] = {
            field.name: field.node.bare().encoder(stored) for field in spec.fields
        }
        self._elements: dict[str, Encoder] = {
            field.name: element.encoder(stored)
            for field in spec.fields
            if (element := element_of(field.node)) is not None
        }
        self._rewritten = frozenset(field.name for field in spec.fields if _is_rewritten(field.node, ()))
        self._each = {index.name: spec.each_field(index) for index in spec.indexes}

    # Writing

    def to_fields(self, document: Document) -> dict[str, Value]:
        """The fields of a document, checked. Raises DocumentError: `messages.likes`: expected int, got ..."""
        if type(document) is not self._cls:
            raise DocumentError(
                f"`{self.spec.name}` holds documents of {self._cls.__name__}, got {show(document)}"
            )
        fields: dict[str, Value] = {}
        name = ""
        try:
            for name, encode in self._sorted:
                fields[name] = encode(getattr(document, name))
        except Mismatch as mismatch:
            raise self._error(mismatch.within(f".{name}")) from None
        return fields

    def patched(self, fields: Mapping[str, Value], changes: Mapping[str, object]) -> dict[str, Value]:
        """`fields` with `changes` made; UNSET sets a field back to its default. Raises DocumentError."""
        result = dict(fields)
        for name, value in changes.items():
            encode = self._encoders.get(name)
            if encode is None:
                raise no_such_field(self._cls, name)
            if value is msgspec.UNSET:
                result[name] = self._default_of(name)
                continue
            try:
                result[name] = encode(value)
            except Mismatch as mismatch:
                raise self._error(mismatch.within(f".{name}")) from None
        return result

    # Reading

    def decode_body(self, body: bytes) -> dict[str, Value]:
        """The fields in a (current) body."""
        fields = cast("dict[str, Value]", decode_canonical(body))
        del fields["_id"], fields["_creationTime"]
        return fields

    def upgrade(self, body: bytes) -> bytes:
        """A body written under an older shape of the table as one of the current shape: defaults filled in.

        The body must be one that `check_body` has no problem with; otherwise DocumentError.
        """
        tree, text, created = self._opened(body)
        fields: dict[str, Value] = {}
        try:
            for field in self.spec.fields:
                name = field.name
                # Most values are the same under every type that they fit.
                if name in tree and name not in self._rewritten:
                    fields[name] = tree[name]
                else:
                    fields[name] = self._rewrite(field, tree)
        except Mismatch as mismatch:
            raise self._error(mismatch) from None
        if surplus := tree.keys() - fields.keys():
            raise no_such_field(self._cls, min(surplus))
        return self.encode_body(fields, text, created)

    def check_body(self, body: bytes) -> list[Problem]:
        """What keeps a stored body from being a document of this table; empty if it is one."""
        return self.fitted(self._opened(body)[0])[1]

    def fitted(self, tree: Mapping[str, Value]) -> tuple[dict[str, Value], list[Problem]]:
        """The fields of a document from elsewhere, complete and in the form that is stored; and what does not fit.

        `tree` is without `_id` and `_creationTime`. With problems the fields are not complete.
        """
        problems: list[Problem] = []
        fields: dict[str, Value] = {}
        for field in self.spec.fields:
            try:
                fields[field.name] = self._rewrite(field, tree)
            except Mismatch as mismatch:
                problems.append(Problem(self.spec.name + mismatch.full_path, mismatch.expected, mismatch.got))
        for name in sorted(tree.keys() - self._encoders.keys()):
            expected = f"no field `{name}`{did_you_mean(name, self._encoders)}"
            problems.append(Problem(f"{self.spec.name}.{name}", expected, show(tree[name])))
        return fields, problems

    def _opened(self, body: bytes) -> tuple[dict[str, Value], str, int]:
        """The fields in a body of any shape, the id and the creation time (us)."""
        tree = cast("dict[str, Value]", decode_canonical(body))
        created, text = cast("float", tree.pop("_creationTime")), cast("str", tree.pop("_id"))
        return tree, text, microseconds(created)

    def _rewrite(self, field: FieldSpec, tree: Mapping[str, Value]) -> Value:
        """A field of a stored body, checked and in the form that it is written in today."""
        name = field.name
        if name not in tree:
            if field.default is MISSING:
                raise Mismatch.missing(name, field.node.describe(), tree)
            return field.default
        try:
            return self._encoders[name](self._decoders[name](tree[name]))
        except Mismatch as mismatch:
            raise mismatch.within(f".{name}")

    # Indexes

    def index_keys(self, index: Index, fields: Mapping[str, Value]) -> list[IndexKey]:
        """The entries of a document in an index, without creation time and id; one per element if `each`."""
        each = self._each[index.name]
        if each is not None:
            return self._each_keys(index, each, fields)
        parts = [encode_key_part(fields[name]) for name in index.fields]
        return [_joined(parts)]

    def _each_keys(self, index: Index, each: str, fields: Mapping[str, Value]) -> list[IndexKey]:
        elements = cast("list[Value] | None", fields[each])
        if not elements:
            return []
        position = index.fields.index(each)
        parts = [b"" if name == each else encode_key_part(fields[name]) for name in index.fields]
        keys: list[IndexKey] = []
        # An element that is there twice has one entry: it is about which documents hold it.
        for part in dict.fromkeys(map(encode_key_part, elements)):
            parts[position] = part
            keys.append(_joined(parts))
        return keys

    def key_part(self, field: str, value: object, *, element: bool = False) -> bytes:
        """A value to compare `field` with, as a part of an index key. Raises DocumentError if it has another type.

        `element`: the value is compared with the elements of the field, which is a list.
        """
        encode = (self._elements if element else self._parts).get(field)
        if encode is None:
            if element and field in self._parts:
                raise DocumentError(
                    f"`{self.spec.name}.{field}` is not a list, so it contains nothing: compare it itself"
                )
            raise no_such_field(self._cls, field)
        try:
            return encode_key_part(encode(value))
        except Mismatch as mismatch:
            raise self._error(mismatch.within(f".{field}[]" if element else f".{field}")) from None

    def is_list(self, field: str) -> bool:
        """Whether a field holds a list (or None), whose elements can be indexed."""
        return field in self._elements

    def value_of_part(self, field: str, part: bytes) -> object:
        """The value of a field, in Python, that is a part of an index key."""
        return self._decoders[field](cast("Value", decode_key_part(part)[0]))

    # Schema

    def shape(self) -> str:
        """A description of fields, types and defaults. Bodies written under the same text need no upgrade."""
        fields: dict[str, Json] = {}
        for field in self.spec.fields:
            fields[field.name] = [field.node.shape()]
            if field.default is not MISSING:
                fields[field.name] = [field.node.shape(), encode_value(field.default)]
        return msgspec.json.encode(fields, order="sorted").decode()

    def _default_of(self, name: str) -> Value:
        field = self.spec.by_name[name]
        if field.default is MISSING:
            raise DocumentError(f"`{self.spec.name}.{name}` has no default to set it back to")
        return field.default

    def _error(self, mismatch: Mismatch) -> DocumentError:
        return DocumentError(mismatch.sentence(self.spec.name))


def _is_rewritten(node: TypeNode, within: tuple[TypeNode, ...]) -> bool:
    if node in within:
        return False
    return isinstance(node, _REWRITTEN) or any(
        _is_rewritten(child, (*within, node)) for child in node.children()
    )


def _joined(parts: list[bytes]) -> IndexKey:
    offsets: list[int] = []
    end = 0
    for part in parts:
        end += len(part)
        offsets.append(end)
    return b"".join(parts), tuple(offsets)
