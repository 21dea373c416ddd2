"""Forgetting: commits that fell out of the log's window, outcomes of requests that nobody will repeat."""

from __future__ import annotations

from collections.abc import Iterable

from syncline.kernel.limits import Limits

from .sqlite import Connection
from .types import RequestRecord, Timestamp

_OLDEST = "SELECT ts, total FROM commits WHERE ts < ? ORDER BY ts LIMIT ?"
_TRIM_LOG = "DELETE FROM commits WHERE ts <= ?"
# Requests of a session carry growing numbers, so its oldest are its lowest.
_TRIM_SESSION = (
    "DELETE FROM requests WHERE session = ?1 AND request <= "
    "(SELECT request FROM requests WHERE session = ?1 ORDER BY request DESC LIMIT 1 OFFSET ?2)"
)
_NEXT_SESSION = "SELECT session FROM requests WHERE session > ? ORDER BY session LIMIT 1"
_TRIM_AGED = "DELETE FROM requests WHERE session = ? AND ts < ?"

_ROWS_AT_ONCE = 64
_APPENDS_BETWEEN_TRIMS = 16
_SESSIONS_AT_ONCE = 32
_SESSIONS_COUNTED = 20_000


class Retention:
    """What to delete, in small steps inside somebody's write transaction. The caller holds the write lock."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._appends = 0
        self._written: dict[bytes, int] = {}  # requests per session since its last trim
        self._swept = b""  # sessions up to this one were looked at in this sweep

    def after_append(
        self, connection: Connection, head: Timestamp, total: int, requests: Iterable[RequestRecord]
    ) -> None:
        """Keep pace with the writes, within their transaction: the pages of old rows are reused by new ones."""
        written = self._written
        slack = self._limits.session_requests_kept // 4
        for record in requests:
            count = written.get(record.session, 0) + 1
            if count > slack:
                self._trim_session(connection, record.session)
                count = 0
            written[record.session] = count
        if len(written) > _SESSIONS_COUNTED:
            written.clear()  # counting starts anew: some sessions keep a quarter more for a while
        self._appends += 1
        if self._appends >= _APPENDS_BETWEEN_TRIMS:
            self._appends = 0
            self.trim_log(connection, head, total, 0)

    def trim_log(self, connection: Connection, head: Timestamp, total: int, oldest: Timestamp) -> bool:
        """Drop a step's worth of commits outside the window's bytes or before `oldest`; whether there may be more.

        The newest row always stays: it holds the head.
        """
        keep_above = total - self._limits.commit_window_bytes
        rows = connection.execute(_OLDEST, (head, _ROWS_AT_ONCE)).fetchall()
        doomed = [ts for ts, sum_of_bytes in rows if sum_of_bytes <= keep_above or ts < oldest]
        if not doomed:
            return False
        connection.execute(_TRIM_LOG, (doomed[-1],))
        return len(doomed) == _ROWS_AT_ONCE

    def sweep_requests(self, connection: Connection, oldest: Timestamp) -> bool:
        """Look at some more sessions for outcomes before `oldest` and above the number kept; whether there are more."""
        for _ in range(_SESSIONS_AT_ONCE):
            rows = connection.execute(_NEXT_SESSION, (self._swept,)).fetchall()
            if not rows:
                self._swept = b""
                return False
            self._swept = session = rows[0][0]
            connection.execute(_TRIM_AGED, (session, oldest))
            self._trim_session(connection, session)
            self._written.pop(session, None)
        return True

    def _trim_session(self, connection: Connection, session: bytes) -> None:
        connection.execute(_TRIM_SESSION, (session, self._limits.session_requests_kept))
