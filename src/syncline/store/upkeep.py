"""What a store does in idle moments, in small steps."""

from __future__ import annotations

from collections.abc import Callable

from syncline.kernel.clock import Clock
from syncline.kernel.limits import Limits

from .catalog import Catalog
from .checkpoints import Checkpoints
from .errors import WriteRefusedError
from .indexing import drop_some, stored_indexes
from .retention import Retention
from .side import Side
from .types import Timestamp

_SECONDS_BETWEEN_SWEEPS = 3600.0


class Upkeep:
    """Trims the log by age, forgets old request outcomes, removes leftovers of dropped indexes, checkpoints.

    `log` gives the head and the log's total of bytes; it is asked while nothing is written.
    """

    def __init__(
        self,
        side: Side,
        catalog: Catalog,
        retention: Retention,
        checkpoints: Checkpoints,
        clock: Clock,
        limits: Limits,
        log: Callable[[], tuple[Timestamp, int]],
    ) -> None:
        self._side = side
        self._catalog = catalog
        self._retention = retention
        self._checkpoints = checkpoints
        self._clock = clock
        self._limits = limits
        self._log = log
        self._next_sweep = clock.monotonic()
        self._leftovers: set[int] | None = None  # None -> indexes to empty: the first step

    def step(self) -> bool:
        """One step, a few milliseconds of work; whether there is more to do now."""
        try:
            more = self._trim_log() or self._sweep_requests() or self._drop_leftovers()
        except WriteRefusedError:
            return False  # a full disk, a lock: later
        if not more:
            self._checkpoints.when_idle(self._side.connection)
        return more

    def _trim_log(self) -> bool:
        oldest = self._clock.wall_ns() - int(self._limits.commit_window_seconds * 1e9)
        with self._side.writing() as connection:
            return self._retention.trim_log(connection, *self._log(), oldest)

    def _sweep_requests(self) -> bool:
        if self._clock.monotonic() < self._next_sweep:
            return False
        oldest = self._clock.wall_ns() - int(self._limits.session_requests_seconds * 1e9)
        with self._side.writing() as connection:
            more = self._retention.sweep_requests(connection, oldest)
        if not more:
            self._next_sweep = self._clock.monotonic() + _SECONDS_BETWEEN_SWEEPS
        return more

    def _drop_leftovers(self) -> bool:
        if self._leftovers is None:
            self._leftovers = stored_indexes(self._side) - {index.number for index in self._catalog.indexes()}
        for index in self._leftovers:
            if not drop_some(self._side, index):
                self._leftovers.discard(index)
            return True
        return False
