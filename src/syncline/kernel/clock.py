"""Time and chance as arguments. No other module below `http` asks the machine for either."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Protocol


class Clock(Protocol):
    def wall_ns(self) -> int:
        """Nanoseconds since the epoch. May jump, as the machine's clock may."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()


def cpu_clock_of_this_thread() -> Callable[[], float]:
    """What other threads can ask for the CPU seconds that the calling thread has used.

    Where the machine has no such clock (macOS), one that always moves: the thread then never looks idle.
    """
    find = getattr(time, "pthread_getcpuclockid", None)
    if find is None:
        return time.monotonic
    return partial(time.clock_gettime, find(get_ident()))


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self, wall_ns: int = 1_800_000_000_000_000_000) -> None:
        self._wall_ns = wall_ns
        self._monotonic = 0.0

    def wall_ns(self) -> int:
        return self._wall_ns

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self.advance_ns(int(seconds * 1e9))

    def advance_ns(self, nanoseconds: int) -> None:
        self._wall_ns += nanoseconds
        self._monotonic += nanoseconds / 1e9

    def jump(self, wall_ns: int) -> None:
        """Set the wall clock, forward or back, as an administrator or NTP might."""
        self._wall_ns = wall_ns


class Entropy(Protocol):
    def bytes(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        ...


class SystemEntropy:
    """The operating system's randomness, drawn in blocks: a system call per id would be felt."""

    _BLOCK = 4096

    def __init__(self) -> None:
        self._block = b""
        self._used = self._BLOCK

    def bytes(self, size: int) -> bytes:
        # Two threads may race here; both would then take the same slice, so the block is private to a
        # thread by convention: each user of entropy owns its own instance.
        if self._used + size > len(self._block):
            self._block = os.urandom(max(self._BLOCK, size))
            self._used = 0
        start, self._used = self._used, self._used + size
        return self._block[start : self._used]


class SeededEntropy:
    """Reproducible bytes, for tests and simulation."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - tests only

    def bytes(self, size: int) -> bytes:
        return self._random.randbytes(size)
