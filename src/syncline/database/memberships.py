"""Which groups a caller is a member of: what `members(...)` compares rows with."""

from __future__ import annotations

from typing import Final

from syncline.schema import Members
from syncline.values import decode_id, encode_key_part, parts_end

from .catalog import Catalog
from .transaction import Transaction

_NULL: Final = encode_key_part(None)


def memberships_of(
    subject: str, access: Members, transaction: Transaction, catalog: Catalog
) -> frozenset[bytes]:
    """The groups of `subject`: as parts of index keys, or as internal ids where rows are compared by their id.

    Reads all memberships of the subject, and no others, so that the read set says when the answer changes.
    """
    table, index = catalog.by_via(access.via)
    prefix = table.codec.key_part(index.fields[0], subject)
    most = transaction.limits.read_documents + 1
    rows = transaction.first_rows(table.number, index.id, prefix, prefix, parts_end(prefix), False, most)
    key_part = table.codec.key_part
    groups = [getattr(table.load(row[2], row[3]), access.field) for row in rows]
    if access.group == "id":
        return frozenset([decode_id(group)[1] for group in groups if group is not None])
    return frozenset([key_part(access.field, group) for group in groups]) - {_NULL}
