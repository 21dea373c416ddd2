"""Vector indexes: in memory, beside the documents, possibly behind them, and saved when the store closes.

As with full-text indexes, what changed since the index's commit is known, and whoever searches looks at it by himself.
All vectors are in one matrix, which answers exactly; above some thousands of rows a graph (usearch, HNSW) answers
approximately and much faster. The graph is filled behind the matrix, so that a store is of use while it grows.
"""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from syncline.kernel.errors import SetupError

from .changes import ChangeLog
from .errors import LogTrimmedError
from .reader import Reader
from .types import Commit, Timestamp

if TYPE_CHECKING:
    import numpy as np

    Matrix = np.ndarray[Any, np.dtype[np.float32]]

#: The filter tokens of a document and its vector (32 bit floats of length one, b"" for none).
VectorCut = Callable[[int, bytes], tuple[list[str], bytes]]
Progress = Callable[[int], None]

#: With fewer rows the matrix is as fast as the graph, and exact.
GRAPH_ROWS: Final = 10_000
#: So many rows that pass a filter are compared one by one.
_EXACT_ROWS: Final = 5_000
_BATCH: Final = 500
_REMEMBERED_NS: Final = 90 * 10**9


class _Declared(NamedTuple):
    number: int
    table: int
    by_creation: int
    dimensions: int
    cut: VectorCut


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
        self._indexes: dict[int, _Vectors] = {}
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
        declared = _Declared(*index)
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
            vectors = _Vectors(declared)
            if not self._resume(vectors, commits_after):
                vectors = _Vectors(declared)
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

    def _resume(self, vectors: _Vectors, commits_after: Callable[[Timestamp], list[Commit]]) -> bool:
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

    def _build(self, vectors: _Vectors, reader: Reader, progress: Progress) -> None:
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

    def _catch_up(self, vectors: _Vectors, head: Timestamp, source: Reader) -> None:
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


class _Vectors:
    """The vectors of one index, by row. The caller holds the lock."""

    def __init__(self, declared: _Declared) -> None:
        import numpy as np  # numpy takes 100 ms to import, and most applications have no vectors

        self.declared = declared
        self.watermark: Timestamp = 0
        self._np = np
        self._rows: dict[bytes, int] = {}
        self._ids: list[bytes] = []  # b"" for rows that are free
        self._free: list[int] = []
        self._tokens: list[list[str]] = []
        self._rows_by_token: dict[str, set[int]] = {}
        self._matrix: Matrix = np.zeros((256, declared.dimensions), dtype=np.float32)
        self._graph: Any = None  # usearch's Index; None while there are few rows
        #: Rows that the graph does not have as they are.
        self._pending: set[int] = set()
        self._saved: Timestamp = -1

    def put(self, id: bytes, tokens: list[str], vector: bytes) -> None:
        """Set, change or (with an empty vector) take out the vector of a document."""
        row = self._rows.get(id)
        if row is not None:
            for token in self._tokens[row]:
                self._rows_by_token[token].discard(row)
            self._tokens[row] = []
        if not vector:
            if row is not None:
                del self._rows[id]
                self._ids[row] = b""
                self._matrix[row] = 0
                self._free.append(row)
                self._pending.add(row)
            return
        if row is None:
            row = self._new_row(id)
        self._matrix[row] = self._np.frombuffer(vector, dtype=self._np.float32)
        self._tokens[row] = tokens
        for token in tokens:
            self._rows_by_token.setdefault(token, set()).add(row)
        self._pending.add(row)

    def _new_row(self, id: bytes) -> int:
        if self._free:
            row = self._free.pop()
            self._ids[row] = id
        else:
            row = len(self._ids)
            self._ids.append(id)
            self._tokens.append([])
            if row >= len(self._matrix):
                grown = self._np.zeros((len(self._matrix) * 2, self.declared.dimensions), self._np.float32)
                grown[:row] = self._matrix
                self._matrix = grown
        self._rows[id] = row
        return row

    def grow(self, count: int) -> bool:
        """Add rows to the graph; whether there are more."""
        if len(self._rows) < GRAPH_ROWS:
            return False
        if self._graph is None:
            self._graph = _new_graph(self.declared.dimensions)
            self._pending = set(self._rows.values())
        if not self._pending:
            return False
        batch = [self._pending.pop() for _ in range(min(count, len(self._pending)))]
        for row in batch:
            if row in self._graph:
                self._graph.remove(row)
        present = [row for row in batch if self._ids[row]]
        if present:
            keys = self._np.array(present, dtype=self._np.uint64)
            self._graph.add(keys, self._matrix[present], threads=1)
        return bool(self._pending)

    def nearest(
        self, vector: bytes, count: int, groups: Sequence[Sequence[str]]
    ) -> list[tuple[bytes, float]]:
        query = self._np.frombuffer(vector, dtype=self._np.float32)
        if not groups:
            return self._ids_of(self._unfiltered(query, count))
        allowed = self._allowed(groups)
        if len(allowed) > _EXACT_ROWS and self._graph is not None and not self._pending:
            # As many more as the filter will throw away, and a half on top.
            wanted = min(len(self._rows), int(1.5 * count * len(self._rows) / len(allowed)) + 50)
            found = [item for item in self._by_graph(query, wanted) if item[0] in allowed]
            if len(found) >= count:
                return self._ids_of(found[:count])
        rows = self._np.fromiter(allowed, dtype=self._np.int64, count=len(allowed))
        return self._ids_of(self._exact(query, count, rows))

    def _allowed(self, groups: Sequence[Sequence[str]]) -> set[int]:
        """The rows that have one token of each group."""
        allowed: set[int] | None = None
        for group in groups:
            rows = set[int]().union(*(self._rows_by_token.get(token, ()) for token in group))
            allowed = rows if allowed is None else allowed & rows
        return allowed or set()

    def _unfiltered(self, query: Matrix, count: int) -> list[tuple[int, float]]:
        if self._graph is None:
            return self._exact(query, count, None)
        found = self._by_graph(query, count)
        if self._pending:
            # The graph is behind the matrix: what it lacks is compared one by one.
            rows = self._np.fromiter(self._pending, dtype=self._np.int64, count=len(self._pending))
            others = [item for item in found if item[0] not in self._pending]
            return [*others, *self._exact(query, count, rows)]
        return found

    def _by_graph(self, query: Matrix, count: int) -> list[tuple[int, float]]:
        if not len(self._graph):
            return []
        # The graph is coarse among neighbours: more of them, put in order by the matrix, find what it would miss.
        keys = self._graph.search(query, 2 * count + 16).keys.astype(self._np.int64)
        return self._exact(query, count, keys)

    def _exact(self, query: Matrix, count: int, rows: Any) -> list[tuple[int, float]]:
        """The nearest of some rows, or of all, with their similarities."""
        matrix = self._matrix[: len(self._ids)] if rows is None else self._matrix[rows]
        if not len(matrix):
            return []
        scores = matrix @ query
        if count < len(scores):
            best = self._np.argpartition(-scores, count)[:count]
            best = best[self._np.argsort(-scores[best])]
        else:
            best = self._np.argsort(-scores)
        found: list[int] = (best if rows is None else rows[best]).tolist()
        return list(zip(found, scores[best].tolist(), strict=True))

    def _ids_of(self, found: Iterable[tuple[int, float]]) -> list[tuple[bytes, float]]:
        return [(id, score) for row, score in found if (id := self._ids[row])]

    # On disk

    def save(self, folder: Path) -> None:
        """Save all of it. The last file makes the others count."""
        if self.watermark == self._saved or not self._ids:
            return
        stem = f"vectors-{self.declared.number}"
        (folder / f"{stem}.json").unlink(missing_ok=True)
        self._np.save(folder / f"{stem}.npy", self._matrix[: len(self._ids)])
        if self._graph is not None:
            self._graph.save(str(folder / f"{stem}.graph"))
        state = {
            "watermark": self.watermark,
            "dimensions": self.declared.dimensions,
            "ids": [id.hex() for id in self._ids],
            "tokens": self._tokens,
            "pending": sorted(self._pending),
            "graph": self._graph is not None,
        }
        part = folder / f"{stem}.part"
        part.write_text(json.dumps(state))
        part.replace(folder / f"{stem}.json")

    def load(self, folder: Path) -> Timestamp | None:
        """Load what was saved; its watermark, or None if there is nothing that can be used."""
        stem = f"vectors-{self.declared.number}"
        try:
            state = json.loads((folder / f"{stem}.json").read_text())
            matrix = self._np.load(folder / f"{stem}.npy")
            if state["graph"]:
                graph = _new_graph(self.declared.dimensions)
                graph.load(str(folder / f"{stem}.graph"))
                self._graph = graph
        except (OSError, ValueError, KeyError, RuntimeError):
            return None
        if state["dimensions"] != self.declared.dimensions or len(matrix) != len(state["ids"]):
            return None
        self._ids = [bytes.fromhex(text) for text in state["ids"]]
        self._tokens = state["tokens"]
        self._matrix = matrix
        self._rows = {id: row for row, id in enumerate(self._ids) if id}
        self._free = [row for row, id in enumerate(self._ids) if not id]
        self._pending = set(state["pending"])
        for row, tokens in enumerate(self._tokens):
            for token in tokens:
                self._rows_by_token.setdefault(token, set()).add(row)
        self.watermark = self._saved = state["watermark"]
        return self.watermark


def _new_graph(dimensions: int) -> Any:
    from usearch.index import Index  # as numpy above

    # Half precision takes half the memory and time and finds the same; who searches scores by the documents.
    return Index(
        ndim=dimensions, metric="ip", dtype="f16", connectivity=16, expansion_add=128, expansion_search=96
    )
