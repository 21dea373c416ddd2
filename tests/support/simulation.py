"""A world in which time moves to the next event only, and every choice comes from one seed."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable

from syncline.kernel.clock import FakeClock


class Simulation:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.clock = FakeClock()
        self.now = 0.0
        self.steps = 0
        #: Random times stay near their means.
        self.steady = False
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._sequence), action))

    def soon(self, seconds: float, action: Callable[[], None]) -> None:
        """After a random time, `seconds` in the mean and now and then ten times that."""
        if self.steady:
            self.after(self.random.uniform(0.5, 1.5) * seconds, action)
            return
        scale = 10.0 if self.random.random() < 0.05 else 1.0
        self.after(self.random.expovariate(1.0 / (seconds * scale)), action)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def run(self, until: float | None = None, most: int = 200_000) -> None:
        """Let everything happen that happens before `until`, or all there is."""
        while self._events and (until is None or self._events[0][0] <= until):
            at, _, action = heapq.heappop(self._events)
            self.clock.advance(at - self.now)
            self.now = at
            self.steps += 1
            assert self.steps < most, f"the world does not come to rest (seed {self.seed})"
            action()
        if until is not None and until > self.now:
            self.clock.advance(until - self.now)
            self.now = until
