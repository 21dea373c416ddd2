"""What sessions need of the world: a socket, functions that run, and what all sessions of a server share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from syncline.functions import ActionCall, MutationCall
from syncline.identity import Revocations, TokenVerifier, Verified, no_providers
from syncline.kernel.clock import Clock, Entropy
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits

from .live import LiveQueries


class SessionPort(Protocol):
    """The socket. No method calls the session before it returns, and none raises."""

    def send(self, messages: list[bytes]) -> None:
        """Send each message as one text frame, in this order, all in one write if possible."""
        ...

    def close(self, code: int | None, reason: str) -> None:
        """Close the socket after what was sent before; without a code if it is None."""
        ...

    def unsent_bytes(self) -> int:
        """Bytes that the peer has not taken yet. Once they are few, `Session.drained` must be called."""
        ...


class CallEngine(Protocol):
    """Runs mutations and actions. See `syncline.functions.Engine`."""

    def mutate(self, call: MutationCall) -> None: ...
    def act(self, call: ActionCall) -> None: ...
    def cancel(self, handle: object, *, client_left: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class AdminGrant:
    """What an admin key is good for. `verified` says until when, and under which name its end is told."""

    caller: Caller
    verified: Verified | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions of a server share."""

    live: LiveQueries
    engine: CallEngine
    clock: Clock
    entropy: Entropy
    limits: Limits
    #: Whether a text is the admin key.
    check_admin_key: Callable[[str], bool]
    #: What an admin key other than the first one is good for; None: it is none.
    find_admin_key: Callable[[str], AdminGrant | None] = lambda key: None
    #: Hears of every key that was none, with the address that it came from, where that is known.
    on_refused_key: Callable[[str | None], None] = lambda address: None
    #: Told what an admin does otherwise than by calling functions: an event, and its facts.
    on_administered: Callable[[str, Caller, Mapping[str, object]], None] = lambda event, caller, facts: None
    verify_user: TokenVerifier = no_providers
    #: Whoever keeps a connection open for a user watches here for the end of the session. None: sessions do not end.
    revocations: Revocations | None = None
    #: Counts calls of nobody who is signed in by network address. Raises TooManyCallsError.
    count_strangers: Callable[[str, int], None] = lambda address, calls: None
    #: Production: clients do not see the texts of failures.
    redact: bool = False

    def count(self, caller: Caller, address: str | None, calls: int = 1) -> None:
        """Count calls that come from a network address (None: unlimited). Raises TooManyCallsError."""
        if address is not None and caller.identity is None and not caller.admin:
            self.count_strangers(address, calls)

    def admin_grant(
        self, key: str, address: str | None = None, *, administers: bool = True
    ) -> AdminGrant | None:
        """What the holder of an admin key may do; None if it is no admin key.

        `administers`: whether admin keys count where it was sent. Where they do not, the right one is like any other.
        """
        if administers and self.check_admin_key(key):
            return AdminGrant(Caller(admin=True, admin_address=address))
        grant = self.find_admin_key(key) if administers else None
        if grant is None:
            self.on_refused_key(address)
            return None
        return replace(grant, caller=replace(grant.caller, admin_address=address))
