"""How often somebody may do something: so many times at once, and as many in each minute, evenly."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from syncline.kernel.clock import Clock
from syncline.kernel.errors import TooManyCallsError

_SECONDS: Final = 60.0
_ROUNDING: Final = 1e-6


class CallRates:
    """`limit` calls a minute of each of those who are told apart by `whose`: `kept` of them are remembered.

    Those whose calls are the longest ago are forgotten, and may begin anew. `excess` is the text for who has made too
    many, with `{limit}` in it. One lookup and one store per call.
    """

    def __init__(self, limit: int, kept: int, clock: Clock, excess: str) -> None:
        self._step = _SECONDS / limit
        self._kept = kept
        self._clock = clock
        self._excess = excess.format(limit=f"{limit:,}")
        #: By who calls: when all that was used is available again, as time of the monotonic clock.
        self._free_at: OrderedDict[Hashable, float] = OrderedDict()

    def count(self, whose: Hashable, calls: int = 1) -> None:
        """Raises TooManyCallsError, and then counts nothing."""
        now = self._clock.monotonic()
        free_at = max(self._free_at.get(whose, now), now) + calls * self._step
        if free_at > now + _SECONDS + _ROUNDING:
            wait = max(1.0, free_at - now - _SECONDS)
            raise TooManyCallsError(f"{self._excess}; go on in {wait:.0f} s", retry_after=wait)
        self._free_at[whose] = free_at
        self._free_at.move_to_end(whose)
        if len(self._free_at) > self._kept:
            self._free_at.popitem(last=False)


def stranger_rates(limit: int, kept: int, clock: Clock) -> CallRates:
    """Calls without a signed-in user, by network address."""
    return CallRates(
        limit,
        kept,
        clock,
        "more than {limit} calls of nobody who is signed in have come from your network address within a minute",
    )
