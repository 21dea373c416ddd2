"""Read sets and commit records, and the one question about them: does this write touch this read set?

That question is asked at three places: when a batch is validated against commits of other nodes, when a cached
result is used, and when a commit looks for the live queries that it changed. All three use `ReadSet.overlaps`
or its indexed form, `RangeIndex`.

Ranges record what was *asked*, never what was returned: "no user has this name" must be invalidated by the
insert of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from syncline.store import Commit

#: Above every index key. Keys of the built-in orders start with a creation time or an id of 16 bytes, keys of
#: other indexes with a type tag below 0xFF.
END = b"\xff" * 33


class KeyTest(Protocol):
    """Which keys of a derived index a read depends on. Hashable: equal tests are asked once."""

    def includes(self, key: bytes) -> bool: ...


class Terms(NamedTuple):
    """Keys that contain one byte string of each group."""

    groups: tuple[tuple[bytes, ...], ...]

    def includes(self, key: bytes) -> bool:
        return all(any(term in key for term in group) for group in self.groups)


class ReadRange(NamedTuple):
    """Keys in ``[start, stop)`` of one index.

    `prefix` is the longest run of leading fields that the range fixes by equality, encoded, or ``b""``. All keys
    of the range start with it.

    `test` narrows a read of a full-text or vector index, whose keys hold what the index keeps of a document.
    """

    index_id: int
    prefix: bytes
    start: bytes
    stop: bytes
    test: KeyTest | None = None

    def includes(self, key: bytes) -> bool:
        """Whether a written key is one that was read."""
        return self.start <= key < self.stop and (self.test is None or self.test.includes(key))


class EntryChange(NamedTuple):
    """An index entry that a commit added, removed or whose document it changed.

    `offsets` are the lengths of `key` after each indexed field, so that equality prefixes are found by slicing.
    """

    index_id: int
    key: bytes
    offsets: tuple[int, ...]


class CommitRecord(NamedTuple):
    """What a commit touched, as invalidation sees it."""

    ts: int
    entries: tuple[EntryChange, ...]


def commit_record(commit: Commit) -> CommitRecord:
    """What invalidation needs to know of a commit."""
    changes = [EntryChange(-write.table, write.id, (16,)) for write in commit.documents]
    changes += [EntryChange(write.index, write.key, write.offsets) for write in commit.entries]
    return CommitRecord(commit.ts, tuple(changes))


def document_index(table: int) -> int:
    """The pseudo index of a table's documents by id: its keys are the 16 bytes of the internal id."""
    return -table


def document_range(table: int, internal_id: bytes) -> ReadRange:
    """The range that reading one document by its id covers."""
    return ReadRange(-table, internal_id, internal_id, internal_id + b"\x00")


class ReadSet:
    """Every range that a transaction looked at, including those in which it found nothing."""

    __slots__ = ("_by_index", "ranges")

    def __init__(self, ranges: Iterable[ReadRange] = ()) -> None:
        self.ranges: tuple[ReadRange, ...] = tuple(dict.fromkeys(ranges))
        self._by_index: dict[int, list[ReadRange]] | None = None

    def overlaps(self, record: CommitRecord) -> bool:
        """Whether `record` touched anything that was read."""
        by_index = self._by_index
        if by_index is None:
            by_index = self._by_index = {}
            for item in self.ranges:
                by_index.setdefault(item.index_id, []).append(item)
        for index, key, _offsets in record.entries:
            for item in by_index.get(index, ()):
                if item.includes(key):
                    return True
        return False

    def __or__(self, other: ReadSet) -> ReadSet:
        return ReadSet((*self.ranges, *other.ranges))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReadSet) and set(self.ranges) == set(other.ranges)

    def __hash__(self) -> int:
        return hash(frozenset(self.ranges))

    def __repr__(self) -> str:
        return f"ReadSet({list(self.ranges)!r})"
