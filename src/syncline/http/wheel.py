"""One timer for all connections: pings, idle connections and slow requests without a task or timer each."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from syncline.kernel.clock import Clock

logger = logging.getLogger("syncline.http")

#: Every connection is visited once in this time.
PERIOD_SECONDS = 5.0

# With one slot, 5,000 idle sockets would be pinged in one turn of the loop and hold up every delivery for
# 50 ms. Spread over 50 turns each costs about one.
_SLOTS = 50


class Visited(Protocol):
    """What the wheel turns for. `slot` is the wheel's own; it starts at -1."""

    slot: int

    def visit(self, now: float) -> None:
        """`now` is monotonic seconds. Called about every `PERIOD_SECONDS`."""
        ...


class Wheel:
    """Visits each member once per period, a fiftieth of them at a time. Belongs to the event loop's thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: The monotonic time of the last turn: at most a tenth of a second old, and free to read.
        self.now = clock.monotonic()
        self._slots: list[set[Visited]] = [set() for _ in range(_SLOTS)]
        self._turn = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = self._clock.monotonic()
        self._arm(loop)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop = self._timer = None

    def __len__(self) -> int:
        """How many members there are."""
        return sum(map(len, self._slots))

    def add(self, member: Visited) -> None:
        # The slot that was just served is the furthest away: a new member is first visited after a period.
        member.slot = (self._turn - 1) % _SLOTS
        self._slots[member.slot].add(member)

    def discard(self, member: Visited) -> None:
        if member.slot >= 0:
            self._slots[member.slot].discard(member)
            member.slot = -1

    def turn(self, now: float) -> None:
        """Visit the members of the next slot. One that fails is left out from then on, the others go on."""
        self.now = now
        members = self._slots[self._turn]
        self._turn = (self._turn + 1) % _SLOTS
        for member in tuple(members):
            try:
                member.visit(now)
            except Exception:
                logger.exception("a connection failed in its periodic visit")
                self.discard(member)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(PERIOD_SECONDS / _SLOTS, self._fire)

    def _fire(self) -> None:
        if self._loop is not None:
            self.turn(self._clock.monotonic())
            self._arm(self._loop)
