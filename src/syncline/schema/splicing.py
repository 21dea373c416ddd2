"""Results to JSON without encoding documents again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from syncline.values import encode_json

from .containers import DictNode, ListNode, UnionNode
from .document import body_of
from .mismatch import Mismatch, item_step
from .nodes import Binding, TypeNode
from .objects import RecordNode
from .signature_nodes import PageNode, StoredNode, page_frame

JsonEncoder: TypeAlias = Callable[[object], bytes]


def json_encoder(node: TypeNode, binding: Binding) -> JsonEncoder:
    """From a Python value to its canonical JSON. Raises Mismatch."""
    match node:
        case StoredNode():
            return _document(node, binding)
        case ListNode() if _holds_documents(node):
            return _list(node, binding)
        case UnionNode() if node.nullable and len(node.members) == 1 and _holds_documents(node):
            return _optional(node, binding)
        case PageNode() if _holds_documents(node):
            return _page(node, binding)
        case _:
            encode = node.encoder(binding)
            return lambda value: encode_json(encode(value))


def _document(node: StoredNode, binding: Binding) -> JsonEncoder:
    cls = node.document
    encode = node.encoder(binding)

    def encode_document(value: object) -> bytes:
        if type(value) is cls:
            body = body_of(value)
            if body is not None:
                return body
        return encode_json(encode(value))

    return encode_document


def _list(node: ListNode, binding: Binding) -> JsonEncoder:
    encode_item = json_encoder(node.item, binding)

    def encode_list(value: object) -> bytes:
        if not isinstance(value, list | tuple):
            raise Mismatch(node.describe(), value)
        items = cast("list[object]", value)
        parts: list[bytes] = []
        try:
            for item in items:
                parts.append(encode_item(item))
        except Mismatch as mismatch:
            raise mismatch.within(item_step(len(parts))) from None
        return b"[%b]" % b",".join(parts)

    return encode_list


def _optional(node: UnionNode, binding: Binding) -> JsonEncoder:
    encode = json_encoder(node.members[0], binding)
    return lambda value: b"null" if value is None else encode(value)


def _page(node: PageNode, binding: Binding) -> JsonEncoder:
    encode_items = json_encoder(node.items, binding)

    def encode_page(value: object) -> bytes:
        page = node.checked(value)
        try:
            items = encode_items(page.items)
        except Mismatch as mismatch:
            raise mismatch.within(".items") from None
        frame = encode_json(page_frame(page))
        # "page" sorts between "isDone" and "pageStatus".
        head, middle, tail = frame.partition(b',"pageStatus":')
        return b'%b,"page":%b%b%b' % (head, items, middle, tail)

    return encode_page


def _holds_documents(node: TypeNode) -> bool:
    return isinstance(node, StoredNode) or (
        not isinstance(node, RecordNode | DictNode) and any(map(_holds_documents, node.children()))
    )
