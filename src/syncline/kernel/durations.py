"""How long something took, counted in classes: what histograms of metrics are made of."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

#: Bits of microseconds at which classes end: 1, 4, 16, 66, 262 ms, 1.05, 4.2 and 34 s. What is above is in the last class.
BITS: Final = (10, 12, 14, 16, 18, 20, 22, 25)
BOUNDS: Final = tuple((1 << bits) / 1e6 for bits in BITS)


class Durations:
    """Counts. One thread writes; others that read may see a note in part."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        #: Of each class, and of what is above all of them.
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def note(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
