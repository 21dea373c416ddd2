"""Creation times: the order in which documents came to be."""

from __future__ import annotations


class CreationClock:
    """Creation times of one node: microseconds, strictly increasing, also across restarts (`last` is persisted
    with the store: no stored document is newer)."""

    __slots__ = ("last",)

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self, now_us: int) -> int:
        self.last = max(self.last + 1, now_us)
        return self.last
