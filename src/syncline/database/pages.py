"""Pages: parts of an ordered result that stay gap-free as data changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from syncline.kernel.errors import ArgumentError, CursorError
from syncline.schema import Document, Page, PaginationOptions

from .cursors import CursorCodec
from .transaction import Transaction

D = TypeVar("D", bound=Document)

#: Documents with their positions in (after, until]. `until` is b"" without a pinned end, None at the end of everything.
Found = Callable[[bytes, bytes | None], Iterator[tuple[bytes, D]]]


def begin_page(transaction: Transaction, options: PaginationOptions) -> None:
    """Refuse a second page in one function, and a page of nothing."""
    if transaction.paginated:
        raise ArgumentError("a function paginates once: it called .paginate(...) a second time")
    transaction.paginated = True
    if options.num_items < 1 and options.end_cursor is None:
        raise ArgumentError("Must request at least 1 document while paginating")


def make_page(
    transaction: Transaction, options: PaginationOptions, description: bytes, found: Found[D]
) -> Page[D]:
    """One page. `description` is what its cursors are bound to."""
    cursors = CursorCodec(transaction.cursor_key, description)
    after = b"" if options.cursor is None else cursors.read(options.cursor)
    pinned = options.end_cursor if options.end_cursor is not None else _journaled(transaction, cursors)
    until = cursors.read(pinned) if pinned is not None else b""
    if after is None:  # Behind the end: the empty page, for ever.
        transaction.journal = cursors.end()
        return Page([], True, cursors.end())
    limit = None if pinned is not None else options.num_items
    positions: list[bytes] = []
    items: list[D] = []
    for position, document in islice(found(after, until), limit):
        positions.append(position)
        items.append(document)
    if pinned is not None:
        end = pinned
        done = until is None
    elif len(items) == limit:
        end, done = cursors.position(positions[-1]), False
    else:
        end, done = cursors.end(), True
    transaction.journal = end
    split = cursors.position(positions[(len(positions) - 1) // 2]) if len(positions) > 2 else None
    crowded = transaction.documents_read * 4 > transaction.limits.read_documents * 3
    return Page(items, done, end, split, "SplitRecommended" if crowded and split else None)


def _journaled(transaction: Transaction, cursors: CursorCodec) -> str | None:
    """The end that the page had when it was read before; None if that was a page of other rows.

    Somebody else has signed in, or the function asks for something else now: the client sent no cursor that could be
    wrong, so there is nothing to refuse.
    """
    journal = transaction.previous_journal
    if journal is not None:
        try:
            cursors.read(journal)
        except CursorError:
            return None
    return journal
