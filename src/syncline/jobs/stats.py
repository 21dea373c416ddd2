"""What there is to know of scheduled functions."""

from __future__ import annotations

from typing import NamedTuple


class JobStats(NamedTuple):
    """Since the process started. Lags are seconds between when a job was due and when it was started."""

    started: int
    failed: int
    running: int
    waiting: int  # due, and in memory
    lag: float  # of the oldest job that is due and has not been started; 0 when there is none
    max_lag: float
