"""Snapshots that HTTP clients read several times from: `query_ts`, then `query_at_ts`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from syncline.functions import QueryJob, QueryResult
from syncline.kernel.clock import Clock
from syncline.kernel.errors import RetentionError
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits

from .callbacks import call_back
from .entries import Done
from .rounds import RoundEngine


class PinnedRead(NamedTuple):
    """The token of a read. `path` is for those who watch what runs."""

    done: Done
    path: str


@dataclass(slots=True, eq=False)
class _Pin:
    round: int
    #: Its snapshot has every commit up to this one, and perhaps later ones.
    floor: int
    expires: float
    #: None -> the snapshot's timestamp: with the first answer.
    ts: int | None = None
    #: Those who asked before the timestamp was known.
    asked: list[Callable[[int], None]] = field(default_factory=list[Callable[[int], None]])


class Pins:
    """Rounds that are kept open for a while, a bounded number of them; the oldest one goes first."""

    def __init__(self, engine: RoundEngine, clock: Clock, limits: Limits) -> None:
        self._engine = engine
        self._clock = clock
        self._seconds = limits.read_pin_seconds
        self._most = limits.read_pins
        #: By round, oldest first.
        self._pins: dict[int, _Pin] = {}
        #: Answers (round, timestamp, results) that know commits which have not been seen here yet. Whoever got one
        #: now could find an older state elsewhere a moment later.
        self.held: list[tuple[int, int, Sequence[QueryResult]]] = []

    def pin(self, head: int, done: Callable[[int], None]) -> None:
        """Pin a snapshot that has every commit up to `head`. One that is pinned already, or will be, is shared."""
        expires = self._clock.monotonic() + self._seconds
        for pin in self._pins.values():
            if pin.floor >= head:
                pin.expires = expires
                if pin.ts is None:
                    pin.asked.append(done)
                else:
                    done(pin.ts)
                return
        asked = [done]
        while len(self._pins) >= self._most:
            oldest = next(iter(self._pins.values()))
            asked = [*oldest.asked, *asked]  # Whoever waits for it is served by the new one.
            self._end(oldest)
        pin = _Pin(self._engine.start_round(False), head, expires, asked=asked)
        self._pins[pin.round] = pin
        self._engine.run_queries(pin.round, ())

    def fetch(self, ts: int, path: str, args: bytes, caller: Caller, done: Done) -> None:
        for pin in self._pins.values():
            if pin.ts == ts:
                self._engine.run_queries(
                    pin.round, [QueryJob(PinnedRead(done, path), path, args, caller, None)]
                )
                return
        raise RetentionError(ts)

    def on_results(self, round: int, ts: int, results: Sequence[QueryResult], head: int) -> None:
        self.held.append((round, ts, results))
        self.hand_out(head)

    def hand_out(self, head: int) -> None:
        """Hand out what is known now that all commits up to `head` were seen."""
        held, self.held = self.held, []
        for round, ts, results in held:
            if ts <= head:
                self._hand_out(round, ts, results)
            else:
                self.held.append((round, ts, results))

    def _hand_out(self, round: int, ts: int, results: Sequence[QueryResult]) -> None:
        pin = self._pins.get(round)
        if pin is not None:
            pin.ts = pin.floor = ts
            asked, pin.asked = pin.asked, []
            for done in asked:
                call_back(done, ts)
        for result in results:
            if isinstance(result.token, PinnedRead):
                call_back(result.token.done, result.outcome, ts)

    def expire(self) -> None:
        now = self._clock.monotonic()
        for pin in [pin for pin in self._pins.values() if pin.expires <= now and pin.ts is not None]:
            self._end(pin)

    def _end(self, pin: _Pin) -> None:
        del self._pins[pin.round]
        self._engine.end_round(pin.round)
