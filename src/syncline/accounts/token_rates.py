"""How often a session may ask for a token: in memory, for it happens all the time."""

from __future__ import annotations

from collections import OrderedDict

from syncline.kernel.clock import Clock

_COUNT = 60
_SECONDS = 60.0
SESSIONS = 100_000


class TokenRates:
    """At most 60 tokens a minute for each session. On one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def take(self, session_id: str) -> float | None:
        """Count one. The seconds to wait if that is one too many."""
        now = self._clock.monotonic()
        free_at = max(now, self._free_at.get(session_id, now)) + _SECONDS / _COUNT
        wait = free_at - now - _SECONDS
        if wait > 1e-6:
            return wait
        self._free_at[session_id] = free_at
        self._free_at.move_to_end(session_id)
        if len(self._free_at) > SESSIONS:
            self._free_at.popitem(last=False)
        return None
