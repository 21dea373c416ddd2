"""The vectors of one index: a matrix of all of them, a graph behind it, and files for the time when the store is closed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .types import Timestamp

if TYPE_CHECKING:
    import numpy as np

    Matrix = np.ndarray[Any, np.dtype[np.float32]]

#: The filter tokens of a document and its vector (32 bit floats of length one, b"" for none).
VectorCut = Callable[[int, bytes], tuple[list[str], bytes]]

#: With fewer rows the matrix is as fast as the graph, and exact.
GRAPH_ROWS: Final = 10_000
#: So many rows that pass a filter are compared one by one.
_EXACT_ROWS: Final = 5_000


class Declared(NamedTuple):
    number: int
    table: int
    by_creation: int
    dimensions: int
    cut: VectorCut


class Vectors:
    """The vectors of one index, by row. The caller holds the lock."""

    def __init__(self, declared: Declared) -> None:
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

    @property
    def table(self) -> int:
        return self.declared.table

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
