"""Searching full-text indexes on one thread; see `text_index` for how they are kept."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from .changes import ChangeLog
from .sqlite import Connection, TextRow
from .types import Timestamp

_WATERMARK: Final = "SELECT watermark FROM state WHERE number = ?"
_STATISTICS: Final = "SELECT documents, words FROM state WHERE number = ?"
_FREQUENCY: Final = "SELECT count(*) FROM text_{0} WHERE text_{0} MATCH ?"
_MATCH: Final = (
    "SELECT rows_{0}.id, -found.rank FROM (SELECT rowid, rank FROM text_{0} WHERE text_{0} MATCH ? ORDER BY rank LIMIT ?) "
    "AS found JOIN rows_{0} ON rows_{0}.row = found.rowid ORDER BY found.rank"
)
#: Gives no rows: `count_words` is never true, and notes what it needs.
_COUNT: Final = "SELECT rowid FROM text_{0} WHERE text_{0} MATCH ? AND count_words(text_{0})"
_ROW_OF: Final = "SELECT row FROM rows_{0} WHERE id = ?"
_ID_OF: Final = "SELECT id FROM rows_{0} WHERE row = ?"
_STEPS_BETWEEN_CHECKS: Final = 10_000
_WORDS_COLUMN: Final = 1


class Counted:
    """The rows that fit an expression: how many words each has, and how often it has each of the last phrases of the
    expression. Packed, because they may be most of an index."""

    def __init__(self, first: int, phrases: int) -> None:
        """Phrases are counted from the one numbered `first`, `phrases` of them."""
        self._phrases = range(first, first + phrases)
        self._rows = array("q")
        self._lengths = array("I")
        self._counts = array("I")

    def take(self, row: TextRow) -> None:
        """Count in a row."""
        self._rows.append(row.rowid)
        self._lengths.append(row.column_size(-1))
        for phrase in self._phrases:
            self._counts.append(len(row.phrase_column_offsets(phrase, _WORDS_COLUMN)))

    def alike(self, left_out: Iterable[int]) -> dict[tuple[tuple[int, ...], int], list[int]]:
        """Rows (without those left out) by what they have: their counts of phrases, and of words."""
        without = frozenset(left_out)
        found: defaultdict[tuple[tuple[int, ...], int], list[int]] = defaultdict(list)
        counts = zip(*[iter(self._counts)] * len(self._phrases), strict=True)
        for content, row in zip(zip(counts, self._lengths, strict=True), self._rows, strict=True):
            if row not in without:
                found[content].append(row)
        return found


class TextReader:
    """Searches on a connection of its own. Belongs to one thread.

    Between the first search and `end` all are answered as of one state of the indexes, each of which has a timestamp of
    its own.
    """

    def __init__(
        self, connection: Connection, changes: ChangeLog, check_deadline: Callable[[], bool]
    ) -> None:
        self._connection = connection
        self._changes = changes
        self._counted: Counted | None = None
        connection.register_fts5_function("count_words", self._count)
        connection.set_progress_handler(check_deadline, _STEPS_BETWEEN_CHECKS)

    def changed_since_indexed(self, number: int, table: int, ts: Timestamp) -> list[bytes] | None:
        """The documents about which the index does not know what holds at `ts`; None if the index is of no use."""
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        rows = self._connection.execute(_WATERMARK, (number,)).fetchall()
        if not rows:
            return None
        watermark: Timestamp = rows[0][0]
        return self._changes.between(table, min(watermark, ts), max(watermark, ts))

    def statistics(self, number: int) -> tuple[int, int]:
        """Documents in the index, and words in all of them."""
        rows: list[tuple[int, int]] = self._connection.execute(_STATISTICS, (number,)).fetchall()
        return rows[0] if rows else (0, 0)

    def frequency(self, number: int, expression: str) -> int:
        """How many documents an expression finds."""
        count: int = self._connection.execute(_FREQUENCY.format(number), (expression,)).fetchall()[0][0]
        return count

    def match(self, number: int, expression: str, limit: int) -> list[tuple[bytes, float]]:
        """Ids and scores of the documents that fit best, the best first."""
        found: list[tuple[bytes, float]] = self._connection.execute(
            _MATCH.format(number), (expression, limit)
        ).fetchall()
        return found

    def counted(self, number: int, expression: str, first: int, phrases: int) -> Counted:
        """All that fits, with counts of `phrases` phrases of the expression from the one numbered `first`."""
        counted = self._counted = Counted(first, phrases)
        try:
            self._connection.execute(_COUNT.format(number), (expression,)).fetchall()
        finally:
            self._counted = None
        return counted

    def rows_of(self, number: int, ids: Iterable[bytes]) -> list[int]:
        """The rows of those documents that the index has."""
        found = self._connection.executemany(_ROW_OF.format(number), [(id,) for id in ids]).fetchall()
        return [row for (row,) in found]

    def id_of(self, number: int, row: int) -> bytes:
        """The document of a row."""
        id: bytes = self._connection.execute(_ID_OF.format(number), (row,)).fetchall()[0][0]
        return id

    def _count(self, row: TextRow) -> None:
        assert self._counted is not None
        self._counted.take(row)

    def end(self) -> None:
        """Let the state go."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()
