"""Vector indexes: in memory, beside the documents, possibly behind them, and saved when the store closes.

As with full-text indexes, what changed since the index's commit is known, and whoever searches looks at it by himself.
All vectors are in one matrix, which answers exactly; above some thousands of rows a graph (usearch, HNSW) answers
approximately and much faster. The graph is filled behind the matrix, so that a store is of use while it grows.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from syncline.kernel.errors import SetupError

from .changes import ChangeLog
from .errors import LogTrimmedError
from .reader import Reader
from .types import Commit, Timestamp
from .vectors import Declared, VectorCut, Vectors

Progress = Callable[[int], None]

_BATCH: Final = 500
_REMEMBERED_NS: Final = 90 * 10**9


class Found(NamedTuple):
    """What an index knows: the nearest ids, and what changed between its commit and the snapshot."""

    #: With their similarities.
    nearest: list[tuple[bytes, float]]
    unknown: list[bytes]


class VectorIndexes:
    """All vector indexes of a store. Thread-safe: one lock, held for the milliseconds of a search or a step of work."""

    def __init__(self, folder: Path, *, save: bool) -> None:
        """`save`: keep what there is in files when the store closes. Not where data are encrypted: files would not be."""
        self._folder = folder
        self._save = save
        self._lock = threading.RLock()
        self._indexes: dict[int, Vectors] = {}
        self._source: Reader | None = None
        self._news = threading.Event()
        self.changes = ChangeLog()

    # What the store tells

    def follow(self, commits: Iterable[Commit]) -> None:
        """Hear of commits, in order, just before they are written."""
        self.changes.follow(commits)

    def written(self) -> None:
        """What was followed is durable."""
        if self._indexes:
            self._news.set()

    def restart(self, ts: Timestamp) -> None:
        """Everything was replaced up to `ts`: the indexes are of no use until they are declared again."""
        with self._lock:
            self.changes.restart(ts)
            self._indexes.clear()

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
        table = vectors.declared.table
        if self.changes.watches(table):
            return self.changes.between(table, watermark, watermark) is not None
        try:
            # One commit earlier, to see that this history has the commit that the index was saved at.
            commits = commits_after(watermark - 1)
        except LogTrimmedError:
            return False
        if not commits or commits[0].ts != watermark:
            return False
        self.changes.watch(table, watermark)
        self.changes.follow(commits[1:])
        return True

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

    def wait(self, seconds: float) -> bool:
        """Until there is something to do, or so long; whether there is."""
        return self._news.wait(seconds)

    def wake(self) -> None:
        """End a `wait`."""
        self._news.set()

    def work(self) -> bool:
        """Bring one index a step nearer to the newest commit, or its graph to its matrix; whether there is more to do."""
        with self._lock:
            self._news.clear()
            source = self._source
            if source is None or not self._indexes:
                return False
            head = source.begin()
            try:
                vectors = min(self._indexes.values(), key=lambda each: each.watermark)
                if vectors.watermark < head:
                    self._catch_up(vectors, head, source)
            finally:
                source.end()
            growing = [each for each in self._indexes.values() if each.grow(_BATCH)]
            return bool(growing) or any(each.watermark < head for each in self._indexes.values())

    def _catch_up(self, vectors: Vectors, head: Timestamp, source: Reader) -> None:
        table = vectors.declared.table
        changed = self.changes.between(table, vectors.watermark, head)
        if changed is None:
            return
        upto = head
        if len(changed) > _BATCH:
            upto = self.changes.moment(table, vectors.watermark, _BATCH)
            changed = self.changes.between(table, vectors.watermark, upto) or []
        for id in dict.fromkeys(changed):
            found = source.get(table, id)
            tokens, vector = ([], b"") if found is None else vectors.declared.cut(found[1], found[2])
            vectors.put(id, tokens, vector)
        vectors.watermark = upto
        oldest = min(each.watermark for each in self._indexes.values() if each.declared.table == table)
        self.changes.trim(table, oldest - _REMEMBERED_NS)

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
            self._indexes.clear()
            if self._source is not None:
                self._source.close()
                self._source = None
