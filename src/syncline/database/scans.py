"""What a transaction reads from, and how much of a range it has read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from syncline.store import FoundNearest, Row, TextReader

from .read_set import ReadRange


class Snapshot(Protocol):
    """All data as of one timestamp. Belongs to one thread."""

    def get(self, table: int, internal_id: bytes, /) -> tuple[int, int, bytes] | None:
        """(ts, shape, body) of a document, or None."""
        ...

    def rows(
        self,
        table: int,
        index_id: int,
        prefix: bytes,
        start: bytes,
        stop: bytes,
        reverse: bool,
        limit: int | None,
        /,
    ) -> Iterator[Row]:
        """(key, ts, shape, body) for the keys in ``[start, stop)`` of an index, in order, read as consumed.

        All keys start with `prefix`. No more than `limit` rows will be taken.
        """
        ...

    def keys(
        self, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool = False, /
    ) -> Iterator[bytes]:
        """The keys alone, in order, read as consumed."""
        ...

    def known_keys(self, index_id: int, prefix: bytes, start: bytes, stop: bytes, /) -> list[bytes] | None:
        """The keys if there are few and they are at hand, ascending."""
        ...

    def count(self, index_id: int, start: bytes, stop: bytes, /) -> int:
        """How many keys there are in ``[start, stop)``."""
        ...

    @property
    def ts(self) -> int:
        """The commit that this is the state after."""
        ...

    def nearest(
        self, index_id: int, table: int, vector: bytes, count: int, groups: Sequence[Sequence[str]], /
    ) -> FoundNearest | None:
        """What a vector index knows; None where there is none."""
        ...

    def text(self) -> TextReader | None:
        """The full-text indexes; None where there are none."""
        ...


class Scan:
    """A range being read. Only what was consumed is in the read set: up to and with the last key, or all of it."""

    __slots__ = ("exhausted", "index_id", "last", "prefix", "reverse", "start", "stop")

    def __init__(self, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool) -> None:
        self.index_id = index_id
        self.prefix = prefix
        self.start = start
        self.stop = stop
        self.reverse = reverse
        self.last: bytes | None = None  # None -> the key last consumed: rows()
        self.exhausted = False  # False -> True: rows(), when the range ended

    def read_range(self) -> ReadRange | None:
        if self.exhausted:
            return ReadRange(self.index_id, self.prefix, self.start, self.stop)
        if self.last is None:
            return None
        if self.reverse:
            return ReadRange(self.index_id, self.prefix, self.last, self.stop)
        return ReadRange(self.index_id, self.prefix, self.start, self.last + b"\x00")
