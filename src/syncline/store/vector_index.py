"""Vector indexes: in memory, beside the documents, possibly behind them, and saved when the store closes.

As with full-text indexes, what changed since the index's commit is known, and whoever searches looks at it by himself.
All vectors are in one matrix, which answers exactly; above some thousands of rows a graph (usearch, HNSW) answers
approximately and much faster. The graph is filled behind the matrix, so that a store is of use while it grows.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from syncline.kernel.errors import SetupError

from .lagging import LaggingIndexes
from .reader import Reader
from .types import Commit, Timestamp
from .vectors import Declared, VectorCut, Vectors

Progress = Callable[[int], None]

#: So many rows are added to a graph while the lock is held: a search waits no longer for it than 20 ms.
_GRAPH_BATCH: Final = 25


class Found(NamedTuple):
    """What an index knows: the nearest ids, and what changed between its commit and the snapshot."""

    #: With their similarities.
    nearest: list[tuple[bytes, float]]
    unknown: list[bytes]


class VectorIndexes(LaggingIndexes[Vectors]):
    """All vector indexes of a store. The lock is held for the milliseconds of a search, too."""

    _batch = 500

    def __init__(self, folder: Path, *, save: bool) -> None:
        """`save`: keep what there is in files when the store closes. Not where data are encrypted: files would not be."""
        super().__init__()
        self._folder = folder
        self._save = save

    # Making

    def declare(
        self,
        index: tuple[int, int, int, int, VectorCut],
        open_reader: Callable[[], Reader],
        commits_after: Callable[[Timestamp], list[Commit]],
        progress: Progress,
    ) -> None:
        """Put an index in service: (number, table, index by creation, dimensions, cut). Raises SetupError."""
        declared = Declared(*index)
        if importlib.util.find_spec("numpy") is None or importlib.util.find_spec("usearch") is None:
            raise SetupError(
                "a vector index needs two libraries that are not installed",
                'pip install "syncline[vectors]"',
            )
        with self._lock:
            known = self._indexes.get(declared.number)
            if known is not None:
                known.declared = declared
                return
            if self._source is None:
                self._source = open_reader()
            vectors = Vectors(declared)
            if not self._resume(vectors, commits_after):
                vectors = Vectors(declared)
                self._build(vectors, self._source, progress)
            self._indexes[declared.number] = vectors
            self._news.set()

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Drop all other indexes."""
        wanted = set(numbers)
        with self._lock:
            for number in set(self._indexes) - wanted:
                del self._indexes[number]
            for file in self._folder.glob("vectors-*"):
                if int(file.stem.split("-")[1]) not in wanted:
                    file.unlink(missing_ok=True)

    def _resume(self, vectors: Vectors, commits_after: Callable[[Timestamp], list[Commit]]) -> bool:
        """Whether a saved index fits the data, with what the commit log tells of the time since."""
        watermark = vectors.load(self._folder)
        if watermark is None:
            return False
        return self._fits(vectors.table, watermark, commits_after)

    def _build(self, vectors: Vectors, reader: Reader, progress: Progress) -> None:
        declared = vectors.declared
        snapshot = reader.begin()
        try:
            self.changes.watch(declared.table, snapshot)
            for done, (key, _ts, shape, body) in enumerate(reader.scan(declared.by_creation, b"", None), 1):
                vectors.put(key[-16:], *declared.cut(shape, body))
                if done % 10_000 == 0:
                    progress(done)
            vectors.watermark = snapshot
        finally:
            reader.end()

    # Keeping up

    def _catch_up(self, index: Vectors, changed: Sequence[bytes], upto: Timestamp, source: Reader) -> None:
        for id in changed:
            found = source.get(index.table, id)
            tokens, vector = ([], b"") if found is None else index.declared.cut(found[1], found[2])
            index.put(id, tokens, vector)

    def _tidy(self) -> bool:
        """Bring the graphs nearer to their matrices."""
        return any(index.grow(_GRAPH_BATCH) for index in self._indexes.values())

    # Reading, and the end

    def nearest(
        self,
        number: int,
        table: int,
        ts: Timestamp,
        vector: bytes,
        count: int,
        groups: Sequence[Sequence[str]],
    ) -> Found | None:
        """Ids whose vectors are nearest as far as the index knows, about `count` and what was changed besides, and what it
        does not know as it is at `ts`. None if the index is of no use."""
        with self._lock:
            vectors = self._indexes.get(number)
            if vectors is None:
                return None
            mark = vectors.watermark
            unknown = self.changes.between(table, min(mark, ts), max(mark, ts))
            if unknown is None:
                return None
            return Found(vectors.nearest(vector, count + len(unknown), groups), unknown)

    def close(self) -> None:
        """Save what there is, as of the commit that it knows. Nothing can be used afterwards."""
        with self._lock:
            for vectors in self._indexes.values() if self._save else ():
                vectors.save(self._folder)
            super().close()
