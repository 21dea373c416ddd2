"""Filling an index with the entries of stored documents, and removing one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from .side import Side
from .writing import add_entries

Progress = Callable[[int], None]

_DROP = (
    "DELETE FROM entries WHERE idx = ?1 AND key <= coalesce("
    "(SELECT key FROM entries WHERE idx = ?1 ORDER BY key LIMIT 1 OFFSET ?2), "
    "(SELECT max(key) FROM entries WHERE idx = ?1))"
)
_NEXT_INDEX = "SELECT idx FROM entries WHERE idx > ? ORDER BY idx LIMIT 1"

_ADDED_AT_ONCE = 10_000
_DROPPED_AT_ONCE = 5_000


def fill(side: Side, index: int, keys: Iterable[bytes], progress: Progress | None) -> int:
    """Add keys in durable steps; returns how many."""
    count = 0
    keys = iter(keys)
    # Sorted, so that neighbours go to the same page while it is at hand.
    while chunk := sorted(islice(keys, _ADDED_AT_ONCE)):
        with side.writing() as connection:
            add_entries(connection, [(index, key) for key in chunk])
        count += len(chunk)
        if progress is not None:
            progress(count)
    return count


def drop_some(side: Side, index: int) -> int:
    """Remove a step's worth of an index's entries; returns how many, 0 when none are left."""
    with side.writing() as connection:
        connection.execute(_DROP, (index, _DROPPED_AT_ONCE - 1))
        return connection.changes()


def stored_indexes(side: Side) -> set[int]:
    """The indexes that have entries. A step through the B-tree per index."""
    found: set[int] = set()
    with side.reading() as connection:
        rows = connection.execute(_NEXT_INDEX, (0,)).fetchall()
        while rows:
            found.add(rows[0][0])
            rows = connection.execute(_NEXT_INDEX, rows[0]).fetchall()
    return found
