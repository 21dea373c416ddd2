"""Which read sets does a commit touch? Answered at the cost of what is hit, not of what is registered.

Ranges are filed under (index, equality prefix). A written key looks up one bucket per field of its index, by
hash; inside a bucket, ranges that cover the whole prefix are a set and the others an ordered structure. A
thousand channels with one live query each therefore cost a commit two dictionary look-ups.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from typing import Generic, TypeVar

from syncline.values import parts_end

from .read_set import END, CommitRecord, KeyTest, ReadRange, ReadSet

T = TypeVar("T", bound=Hashable)

_BLOCK = 64
_NOTHING = ReadSet()


class _Ranges(Generic[T]):
    """Ranges ordered by start, in blocks that know their greatest stop, so that whole blocks are passed over.

    Rejected: elementary segments with a set of tokens each. A look-up is faster, but n ranges that all reach to
    the end of the index (every "since then" query) take n*n/2 set members.
    """

    __slots__ = ("_blocks", "_starts", "_stops")

    def __init__(self) -> None:
        self._blocks: list[list[tuple[bytes, bytes, T]]] = []
        self._starts: list[bytes] = []  # The first start of each block; never empty blocks.
        self._stops: list[bytes] = []  # The greatest stop of each block.

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def add(self, start: bytes, stop: bytes, token: T) -> None:
        if not self._blocks:
            self._blocks, self._starts, self._stops = [[(start, stop, token)]], [start], [stop]
            return
        at = max(0, bisect_right(self._starts, start) - 1)
        block = self._blocks[at]
        position = bisect_right([item[0] for item in block], start)
        block.insert(position, (start, stop, token))
        if len(block) > _BLOCK:
            half = len(block) // 2
            self._blocks[at : at + 1] = [block[:half], block[half:]]
            self._starts[at : at + 1] = [block[0][0], block[half][0]]
            self._stops[at : at + 1] = [max(i[1] for i in block[:half]), max(i[1] for i in block[half:])]
        else:
            self._starts[at] = block[0][0]
            if stop > self._stops[at]:
                self._stops[at] = stop

    def remove(self, start: bytes, stop: bytes, token: T) -> None:
        # Equal starts may straddle a block boundary, so begin at the first block that can hold this one.
        at = max(0, bisect_left(self._starts, start) - 1)
        while at < len(self._blocks) and self._starts[at] <= start:
            block = self._blocks[at]
            for position, item in enumerate(block):
                if item[0] == start and item[1] == stop and item[2] == token:
                    del block[position]
                    if block:
                        self._starts[at] = block[0][0]
                        self._stops[at] = max(i[1] for i in block)
                    else:
                        del self._blocks[at], self._starts[at], self._stops[at]
                    return
            at += 1
        raise KeyError((start, stop, token))

    def collect(self, key: bytes, hits: set[T]) -> None:
        last = bisect_right(self._starts, key)
        stops = self._stops
        for at in range(last):
            if stops[at] > key:
                for start, stop, token in self._blocks[at]:
                    if start > key:
                        break
                    if key < stop:
                        hits.add(token)


class _Bucket(Generic[T]):
    __slots__ = ("partial", "tests", "whole")

    def __init__(self) -> None:
        self.whole: set[T] = set()
        self.partial: _Ranges[T] | None = None
        #: Searches: those who look for the same share an entry.
        self.tests: dict[KeyTest, set[T]] = {}


def _covers_prefix(item: ReadRange) -> bool:
    prefix, start, stop = item.prefix, item.start, item.stop
    if not prefix:
        return start == b"" and stop == END
    # Every key under the prefix lies in the range: it starts at the prefix and stops above the last of them.
    return start == prefix and stop >= parts_end(prefix)


class RangeIndex(Generic[T]):
    """Read sets by token, asked for all tokens that a commit touches."""

    __slots__ = ("_buckets", "_read_sets")

    def __init__(self) -> None:
        self._buckets: dict[int, dict[bytes, _Bucket[T]]] = {}
        self._read_sets: dict[T, ReadSet] = {}

    def __len__(self) -> int:
        return len(self._read_sets)

    def __contains__(self, token: T) -> bool:
        return token in self._read_sets

    def read_set(self, token: T) -> ReadSet:
        """What was registered for `token`; nothing if it is not registered."""
        return self._read_sets.get(token, _NOTHING)

    def add(self, token: T, read_set: ReadSet) -> None:
        """Register `read_set` for `token`, in place of the one it had."""
        old = self._read_sets.get(token)
        if old is not None:
            if old is read_set or old.ranges == read_set.ranges:
                return
            self.remove(token)
        self._read_sets[token] = read_set
        for item in read_set.ranges:
            buckets = self._buckets.setdefault(item.index_id, {})
            bucket = buckets.get(item.prefix)
            if bucket is None:
                bucket = buckets[item.prefix] = _Bucket()
            if item.test is not None:
                bucket.tests.setdefault(item.test, set()).add(token)
            elif _covers_prefix(item):
                bucket.whole.add(token)
            else:
                if bucket.partial is None:
                    bucket.partial = _Ranges()
                bucket.partial.add(item.start, item.stop, token)

    def remove(self, token: T) -> None:
        """Forget `token`; nothing happens when it is not registered."""
        read_set = self._read_sets.pop(token, None)
        if read_set is None:
            return
        for item in read_set.ranges:
            # Two ranges may share a bucket's set of whole prefixes: the first one removed takes the token out.
            buckets = self._buckets.get(item.index_id, {})
            bucket = buckets.get(item.prefix)
            if bucket is None:
                continue
            if item.test is not None:
                sharing = bucket.tests.get(item.test, set())
                sharing.discard(token)
                if not sharing:
                    bucket.tests.pop(item.test, None)
            elif _covers_prefix(item):
                bucket.whole.discard(token)
            elif bucket.partial is not None:
                bucket.partial.remove(item.start, item.stop, token)
                if not bucket.partial:
                    bucket.partial = None
            if not bucket.whole and bucket.partial is None and not bucket.tests:
                del buckets[item.prefix]
                if not buckets:
                    del self._buckets[item.index_id]

    def hits(self, record: CommitRecord) -> set[T]:
        """The tokens whose read sets `record` touches."""
        found: set[T] = set()
        all_buckets = self._buckets
        for index, key, offsets in record.entries:
            buckets = all_buckets.get(index)
            if buckets is None:
                continue
            bucket = buckets.get(b"")
            if bucket is not None:
                found |= bucket.whole
                if bucket.partial is not None:
                    bucket.partial.collect(key, found)
                for test, tokens in bucket.tests.items():
                    if test.includes(key):
                        found |= tokens
            for offset in offsets:
                bucket = buckets.get(key[:offset])
                if bucket is not None:
                    found |= bucket.whole
                    if bucket.partial is not None:
                        bucket.partial.collect(key, found)
        return found
