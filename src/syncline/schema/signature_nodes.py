"""Types that stand in signatures only: stored documents and pages as results, pagination options as an argument."""

from __future__ import annotations

from typing import cast

from syncline.values import Json, Value, decode_canonical

from .binding import Binding, Decoder, Encoder
from .containers import ListNode, UnionNode
from .document import Document, body_of, created_us_of, load_document, stored_id
from .mismatch import Mismatch, show
from .nodes import AnyNode, BoolNode, FloatNode, IntNode, Side, StrNode, TypeNode, Within
from .objects import RecordField, RecordNode, convert_fields
from .pagination import Page, PaginationOptions
from .scalars import IdNode, LiteralNode, microseconds, milliseconds
from .writing import write_body

_OPTIONAL_TEXT = UnionNode((StrNode(),), nullable=True)


class StoredNode(RecordNode):
    """A stored document in a result: its fields with `_id` and `_creationTime`."""

    def __init__(self, cls: type[Document]) -> None:
        super().__init__(cls, "dataclass", dict)
        self.document = cls
        self.id_node = IdNode(cls.__definition__.table, cls.__name__)

    def set_fields(self, fields: tuple[tuple[str, TypeNode], ...]) -> None:
        system = (("_id", self.id_node), ("_creationTime", FloatNode()))
        self.fields = tuple(
            RecordField(name, name, node, required=True, present=True) for name, node in system + fields
        )

    def encoder(self, binding: Binding) -> Encoder:
        stored = Binding(tables=binding.tables, stored=True)
        fields = [(field.name, field.node.encoder(stored)) for field in self.fields[2:]]

        def encode(value: object) -> Value:
            if type(value) is not self.document:
                raise Mismatch(self.describe(), value, got=_type_name(value))
            body = body_of(value)
            if body is not None:
                return decode_canonical(body)
            text = stored_id(value)
            if text is None:
                raise Mismatch(f"a stored {self.describe()}", value, got="one that was never stored")
            encoded: dict[str, Value] = {"_id": text, "_creationTime": milliseconds(created_us_of(value))}
            for name, encode_field in fields:
                try:
                    encoded[name] = encode_field(getattr(value, name))
                except Mismatch as mismatch:
                    raise mismatch.within(f".{name}") from None
            return encoded

        return encode

    def decoder(self, binding: Binding) -> Decoder:
        plan = [(field, field.node.decoder(binding)) for field in self.fields]

        def decode(value: Value) -> object:
            if type(value) is not dict:
                raise Mismatch(self.describe(), value)
            convert_fields(plan, value)  # a check: documents are made from their bodies
            fields = value.copy()
            text, created = cast("str", fields.pop("_id")), cast("float", fields.pop("_creationTime"))
            return load_document(self.document, write_body(fields, text, microseconds(created)))

        return decode


class PageNode(TypeNode):
    """`Page[T]`, as the official React hook expects it."""

    kinds = frozenset({"object"})
    frozen = False

    def __init__(self, item: TypeNode) -> None:
        self.item = item
        self.items = ListNode(item)

    def describe(self) -> str:
        return f"Page[{self.item.describe()}]"

    def spec(self, side: Side, within: Within = ()) -> Json:
        status = LiteralNode(("SplitRecommended", "SplitRequired", None))
        fields: tuple[tuple[str, TypeNode, bool], ...] = (
            ("page", self.items, False),
            ("isDone", BoolNode(), False),
            ("continueCursor", StrNode(), False),
            ("splitCursor", _OPTIONAL_TEXT, True),
            ("pageStatus", status, True),
        )
        value: dict[str, Json] = {
            name: {"fieldType": node.spec(side, within), "optional": optional}
            for name, node, optional in fields
        }
        return {"type": "object", "value": value}

    def children(self) -> tuple[TypeNode, ...]:
        return (self.items,)

    def encoder(self, binding: Binding) -> Encoder:
        encode_items = self.items.encoder(binding)

        def encode(value: object) -> Value:
            page = self.checked(value)
            try:
                items = encode_items(page.items)
            except Mismatch as mismatch:
                raise mismatch.within(".items") from None
            return {**page_frame(page), "page": items}

        return encode

    def decoder(self, binding: Binding) -> Decoder:
        decode_items = self.items.decoder(binding)

        def decode(value: Value) -> object:
            if type(value) is not dict or "page" not in value:
                raise Mismatch(self.describe(), value)
            items = cast("list[object]", decode_items(value["page"]))
            get = cast("dict[str, object]", value).get
            return Page(
                items,
                is_done=bool(get("isDone")),
                cursor=cast("str", get("continueCursor")),
                split_cursor=cast("str | None", get("splitCursor")),
                status=cast("None", get("pageStatus")),
            )

        return decode

    def checked(self, value: object) -> Page[object]:
        if not isinstance(value, Page):
            raise Mismatch(self.describe(), value, got=_type_name(value))
        return cast("Page[object]", value)


class PaginationNode(RecordNode):
    """`PaginationOptions`. Clients add an `id` to tell their queries apart; it has no meaning here."""

    _NAMES = (
        ("numItems", "num_items", IntNode(), True),
        ("cursor", "cursor", _OPTIONAL_TEXT, True),
        ("endCursor", "end_cursor", _OPTIONAL_TEXT, False),
        ("maximumRowsRead", "maximum_rows_read", UnionNode((IntNode(),), nullable=True), False),
        ("maximumBytesRead", "maximum_bytes_read", UnionNode((IntNode(),), nullable=True), False),
        ("id", "id", AnyNode(), False),
    )

    def __init__(self) -> None:
        super().__init__(PaginationOptions, "dataclass", _options)
        self.fields = tuple(
            RecordField(name, attribute, node, required, present=required)
            for name, attribute, node, required in self._NAMES
        )

    def encoder(self, binding: Binding) -> Encoder:
        fields = [(name, attribute, node.encoder(binding)) for name, attribute, node, _ in self._NAMES[:-1]]

        def encode(value: object) -> Value:
            if not isinstance(value, PaginationOptions):
                raise Mismatch(self.describe(), value)
            encoded: dict[str, Value] = {}
            for name, attribute, encode_field in fields:
                option = getattr(value, attribute)
                if option is not None or name == "cursor":
                    try:
                        encoded[name] = encode_field(option)
                    except Mismatch as mismatch:
                        raise mismatch.within(f".{attribute}") from None
            return encoded

        return encode


def _options(fields: dict[str, object]) -> object:
    fields.pop("id", None)
    options = PaginationOptions(**fields)  # type: ignore[arg-type]  # the fields have been checked
    if options.num_items < 0:
        raise ValueError("numItems must not be negative")
    return options


def page_frame(page: Page[object]) -> dict[str, Value]:
    """A page without its items, on the wire."""
    return {
        "isDone": page.is_done,
        "continueCursor": page.cursor,
        "splitCursor": page.split_cursor,
        "pageStatus": page.status,
    }


def _type_name(value: object) -> str:
    return f"a document of {type(value).__name__}" if isinstance(value, Document) else show(value)
