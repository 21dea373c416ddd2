"""When to give a socket up, and when to try the next one. Times are monotonic seconds, given by the caller."""

from __future__ import annotations

from enum import Enum

from syncline.kernel.clock import Entropy


class Verdict(Enum):
    FINE = "fine"
    PING = "send a ping"
    DEAD = "give the socket up"


class Liveness:
    """Whether the other end is there. A half-open link is silent, and nothing else tells of it.

    The server pings every 5 s. After a third of `patience` without a byte we ping too; after all of it the socket is
    given up, but never sooner than half of it after our ping: a program that blocked its event loop has heard nothing
    either.
    """

    def __init__(self, patience: float, now: float) -> None:
        self._patience = patience
        self._heard = now
        self._first_ping: float | None = None
        self._last_ping = now

    def heard(self, now: float) -> None:
        self._heard = now
        self._first_ping = None

    def check(self, now: float) -> Verdict:
        """Call it several times within `patience`."""
        silent = now - self._heard
        first = self._first_ping
        if first is not None and silent >= self._patience and now - first >= self._patience / 2:
            return Verdict.DEAD
        if silent < self._patience / 3 or (first is not None and now - self._last_ping < self._patience / 3):
            return Verdict.FINE
        if first is None:
            self._first_ping = now
        self._last_ping = now
        return Verdict.PING


class Backoff:
    """How long to wait before the next try: twice as long each time, and never all clients at once."""

    FIRST = 0.1
    OVERLOADED = 2.0
    MOST = 10.0

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._tries = 0

    def succeeded(self) -> None:
        self._tries = 0

    def next_delay(self, *, overloaded: bool = False) -> float:
        """Seconds. `overloaded`: the server said that it has too much to do."""
        base = self.OVERLOADED if overloaded else self.FIRST
        delay = min(self.MOST, base * 2.0 ** min(self._tries, 16))
        self._tries += 1
        chance = int.from_bytes(self._entropy.bytes(4), "big") / 2**32
        return delay * (0.5 + chance)
