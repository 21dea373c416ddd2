"""Results to JSON without encoding documents again: the bodies of stored ones are passed on as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

from syncline.kernel.errors import LimitError
from syncline.kernel.limits import Limits
from syncline.values import Value, check_value, encode_json

from .binding import Binding
from .containers import DictNode, ListNode, UnionNode, check_name, entry_step
from .document import Document, body_of, created_us_of
from .mismatch import Mismatch, item_step
from .nodes import TypeNode
from .objects import TAG, RecordNode
from .signature_nodes import PageNode, StoredNode, page_frame
from .sizes import least_large_json
from .writing import body_writer

JsonEncoder: TypeAlias = Callable[[object], bytes]


class JsonEncoders:
    """Makes the encoders of one result type. They raise Mismatch, and LimitError for what is too large."""

    def __init__(self, binding: Binding, limits: Limits) -> None:
        self._binding = binding
        self._limits = limits
        self._suspicious = least_large_json(limits)
        self._made: dict[int, JsonEncoder] = {}

    def make(self, node: TypeNode) -> JsonEncoder:
        """From a Python value to its canonical JSON."""
        if not holds_documents(node):
            return self._plain(node)
        match node:
            case StoredNode():
                return self._document(node)
            case ListNode():
                return self._list(node)
            case DictNode():
                return self._dict(node)
            case UnionNode():
                return self._union(node)
            case PageNode():
                return self._page(node)
            case RecordNode():
                return self._record(node)
            case _:
                return self._plain(node)

    def _plain(self, node: TypeNode) -> JsonEncoder:
        encode = node.encoder(self._binding)
        limits, suspicious = self._limits, self._suspicious

        def encode_plain(value: object) -> bytes:
            encoded = encode(value)
            raw = encode_json(encoded)
            if len(raw) > suspicious:
                check_value(encoded, limits)
            return raw

        return encode_plain

    def _document(self, node: StoredNode) -> JsonEncoder:
        cls = node.document
        encode = node.encoder(self._binding)
        write = body_writer([(field.name, field.node) for field in node.fields[2:]])

        def encode_document(value: object) -> bytes:
            if type(value) is cls:
                body = body_of(value)
                if body is not None:
                    return body
            fields = cast("dict[str, Value]", encode(value))
            del fields["_creationTime"]
            return write(fields, cast("str", fields.pop("_id")), created_us_of(cast("Document", value)))

        return encode_document

    def _list(self, node: ListNode) -> JsonEncoder:
        encode_item = self.make(node.item)
        documents_of = node.item.document if isinstance(node.item, StoredNode) else None
        limit = self._limits.array_items

        def encode_list(value: object) -> bytes:
            if not isinstance(value, list | tuple):
                raise Mismatch(node.describe(), value)
            items = cast("list[object]", value)
            if len(items) > limit:
                raise LimitError(
                    f"Array length is too long ({len(items)} > maximum length {limit}). "
                    "Return a page of them, or raise the limit array_items."
                )
            if documents_of is not None and set(map(type, items)) == {documents_of}:
                try:
                    return b"[%b]" % b",".join(
                        cast("Iterable[bytes]", map(body_of, cast("list[Document]", items)))
                    )
                except TypeError:
                    pass  # One has no body to pass on.
            parts: list[bytes] = []
            try:
                for item in items:
                    parts.append(encode_item(item))
            except Mismatch as mismatch:
                raise mismatch.within(item_step(len(parts))) from None
            return b"[%b]" % b",".join(parts)

        return encode_list

    def _dict(self, node: DictNode) -> JsonEncoder:
        encode_item = self.make(node.item)

        def encode_dict(value: object) -> bytes:
            if not isinstance(value, Mapping):
                raise Mismatch(node.describe(), value)
            parts: list[bytes] = []
            for name, item in sorted(cast("Mapping[str, object]", value).items()):
                check_name(name)
                try:
                    parts.append(b"%b:%b" % (encode_json(name), encode_item(item)))
                except Mismatch as mismatch:
                    raise mismatch.within(entry_step(name)) from None
            return b"{%b}" % b",".join(parts)

        return encode_dict

    def _union(self, node: UnionNode) -> JsonEncoder:
        members = [self.make(member) for member in node.members]
        reference = node.encoder(self._binding)

        def encode_union(value: object) -> bytes:
            if value is None and node.nullable:
                return b"null"
            for encode in members:
                try:
                    return encode(value)
                except Mismatch:
                    continue
            return encode_json(reference(value))  # Raises: it knows what to say.

        return encode_union

    def _page(self, node: PageNode) -> JsonEncoder:
        encode_items = self.make(node.items)

        def encode_page(value: object) -> bytes:
            page = node.checked(value)
            try:
                items = encode_items(page.items)
            except Mismatch as mismatch:
                raise mismatch.within(".items") from None
            # "page" sorts between "isDone" and "pageStatus".
            head, middle, tail = encode_json(page_frame(page)).partition(b',"pageStatus":')
            return b'%b,"page":%b%b%b' % (head, items, middle, tail)

        return encode_page

    def _record(self, node: RecordNode) -> JsonEncoder:
        if (known := self._made.get(id(node))) is not None:
            return known
        # A class that contains itself meets this entry while its own encoder is being made.
        self._made[id(node)] = lambda value: self._made[id(node)](value)
        reference = node.encoder(self._binding)
        steps = [
            (encode_json(field.name) + b":", field.name, self.make(field.node))
            for field in sorted(node.fields, key=lambda field: field.name)
        ]
        items_of = _items_reader(node)

        def encode_record(value: object) -> bytes:
            items = items_of(value)
            if items is None:
                return encode_json(reference(value))
            parts: list[bytes] = []
            for prefix, name, encode in steps:
                if name in items:
                    try:
                        parts.append(prefix + encode(items[name]))
                    except Mismatch as mismatch:
                        raise mismatch.within(f".{name}") from None
            return b"{%b}" % b",".join(parts)

        self._made[id(node)] = encode_record
        return encode_record


def _items_reader(node: RecordNode) -> Callable[[object], Mapping[str, object] | None]:
    """What takes an object apart into its fields; None if it is no such object, or has a field too many or too few."""
    names = frozenset(field.name for field in node.fields)
    required = frozenset(field.name for field in node.fields if field.required)
    attributes = [(field.name, field.attribute) for field in node.fields]

    def items_of_mapping(value: object) -> Mapping[str, object] | None:
        if not isinstance(value, Mapping):
            return None
        items = cast("Mapping[str, object]", value)
        return items if required <= items.keys() <= names else None

    def items_of_instance(value: object) -> Mapping[str, object] | None:
        if not isinstance(value, node.cls):
            return None
        return {name: getattr(value, attribute) for name, attribute in attributes}

    if any(field.attribute == TAG for field in node.fields):
        return lambda value: None  # Rare, and the tag is no attribute: left to the node's own encoder.
    return items_of_mapping if node.form == "TypedDict" else items_of_instance


def holds_documents(node: TypeNode, within: tuple[TypeNode, ...] = ()) -> bool:
    """Whether a value of this type can have documents in it."""
    if isinstance(node, StoredNode):
        return True
    return node not in within and any(holds_documents(child, (*within, node)) for child in node.children())
