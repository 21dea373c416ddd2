"""Creation times: the order in which documents came to be."""

from __future__ import annotations


class CreationClock:
    """Creation times of one node: microseconds, strictly increasing.

    `last` is the newest one given; after a restart, that of the newest stored document.
    """

    __slots__ = ("last",)

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self, now_us: int) -> int:
        self.last = max(self.last + 1, now_us)
        return self.last
