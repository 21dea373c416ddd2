"""How many calls one user may make: a page that has run wild, or somebody's script, shall not take the lane from all others."""

from __future__ import annotations

from collections import OrderedDict

from syncline.functions import ActionCall, MutationCall
from syncline.kernel.clock import Clock
from syncline.kernel.errors import OverloadedError
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits
from syncline.sync import CallEngine

_SECONDS = 60.0
#: Users who are remembered: those whose calls are the longest ago are forgotten, and may begin anew.
_USERS = 20_000


class UserRates:
    """The engine as sessions and endpoints call it: mutations and actions of one user are counted.

    `user_calls` of them may come at once, after that as many as come in a minute, evenly. Administrators, the
    backend's own calls and callers who are not signed in are not counted: connections bound the latter.
    """

    def __init__(self, engine: CallEngine, limits: Limits, clock: Clock) -> None:
        self._engine = engine
        self._limit = limits.user_calls
        self._clock = clock
        #: By user: when all that was used is available again, as time of the monotonic clock.
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def mutate(self, call: MutationCall) -> None:
        """Raises OverloadedError."""
        self._count(call.caller)
        self._engine.mutate(call)

    def act(self, call: ActionCall) -> None:
        """Raises OverloadedError."""
        self._count(call.caller)
        self._engine.act(call)

    def cancel(self, handle: object, *, client_left: bool = False) -> None:
        self._engine.cancel(handle, client_left=client_left)

    def _count(self, caller: Caller) -> None:
        if caller.identity is None or caller.admin or caller.backend:
            return
        user, now = caller.identity.token_identifier, self._clock.monotonic()
        free_at = max(self._free_at.get(user, now), now) + _SECONDS / self._limit
        if free_at > now + _SECONDS:
            raise OverloadedError(
                f"you have made more than {self._limit:,} calls within a minute; go on in a moment",
                retry_after=max(1.0, free_at - now - _SECONDS),
            )
        self._free_at[user] = free_at
        self._free_at.move_to_end(user)
        if len(self._free_at) > _USERS:
            self._free_at.popitem(last=False)
