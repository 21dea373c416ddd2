"""Reads of a transaction for what Syncline keeps itself: neither recorded in the read set nor counted against limits."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from .transaction import Transaction


def peek(transaction: Transaction, table: int, internal_id: bytes) -> tuple[int, bytes] | None:
    """(shape, body) of a document with the transaction's own writes, or None."""
    if transaction.writes is not None:
        written = transaction.writes.documents.get((table, internal_id))
        if written is not None:
            return None if written.body is None else (written.shape, written.body)
    found = transaction.snapshot.get(table, internal_id)
    return None if found is None else (found[1], found[2])


def peek_keys(
    transaction: Transaction,
    index_id: int,
    prefix: bytes,
    start: bytes,
    stop: bytes,
    *,
    reverse: bool = False,
) -> Iterator[bytes]:
    """The keys of a range with the transaction's own writes, in order, read as consumed."""
    if start >= stop:
        return iter(())
    stored = transaction.snapshot.keys(index_id, prefix, start, stop, reverse)
    overlay = transaction.writes.overlays.get(index_id) if transaction.writes is not None else None
    changed = overlay.between(start, stop) if overlay is not None else ()
    if overlay is None or not changed:
        return stored
    present = {key: overlay.present[key] for key in changed}
    mine = sorted((key for key, there in present.items() if there), reverse=reverse)
    return merge((key for key in stored if key not in present), mine, reverse=reverse)
