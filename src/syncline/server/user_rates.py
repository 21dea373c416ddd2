"""How many calls one user may make: a page that has run wild, or somebody's script, shall not take the lane from all others."""

from __future__ import annotations

from syncline.functions import ActionCall, MutationCall
from syncline.kernel.clock import Clock
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits
from syncline.sync import CallEngine, CallRates


class UserRates:
    """The engine as sessions and endpoints call it: mutations and actions of one user are counted.

    `user_calls` of them may come at once, after that as many as come in a minute, evenly. Administrators and the
    backend's own calls are not counted; callers who are not signed in are, where their network address is known.
    """

    def __init__(self, engine: CallEngine, limits: Limits, clock: Clock) -> None:
        self._engine = engine
        excess = "you have made more than {limit} calls within a minute"
        self._rates = CallRates(limits.user_calls, limits.counted_callers, clock, excess)

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
        if caller.identity is not None and not caller.admin and not caller.backend:
            self._rates.count(caller.identity.token_identifier)
