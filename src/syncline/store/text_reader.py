"""Searching full-text indexes on one thread; see `text_index` for how they are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .changes import ChangeLog
from .sqlite import Connection
from .types import Timestamp

_WATERMARK: Final = "SELECT watermark FROM state WHERE number = ?"
_STATISTICS: Final = "SELECT documents, words FROM state WHERE number = ?"
_FREQUENCY: Final = "SELECT count(*) FROM text_{0} WHERE text_{0} MATCH ?"
_MATCH: Final = (
    "SELECT rows_{0}.id, -found.rank FROM (SELECT rowid, rank FROM text_{0} WHERE text_{0} MATCH ? ORDER BY rank LIMIT ?) "
    "AS found JOIN rows_{0} ON rows_{0}.row = found.rowid ORDER BY found.rank"
)
_STEPS_BETWEEN_CHECKS: Final = 10_000


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

    def end(self) -> None:
        """Let the state go."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()
