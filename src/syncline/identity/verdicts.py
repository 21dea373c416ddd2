"""What becomes of a token: the answers of whoever verifies it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from syncline.kernel.identity import Identity


@dataclass(frozen=True, slots=True)
class Verified:
    """The token is right until `expires_ns` (wall clock; None: it does not expire), unless its session is revoked."""

    identity: Identity
    expires_ns: int | None = None
    #: The session at the issuer that the token belongs to (its `sid`), if it names one.
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The token is wrong. `message` goes to the client, which fetches another one. `code` is for programs."""

    message: str
    code: str = "Unauthenticated"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody can say now: the provider cannot be reached. The client keeps its token and comes back."""

    message: str


Verdict: TypeAlias = Verified | Rejected | Unavailable


class TokenVerifier(Protocol):
    """Looks at the token of a user. `done` is called once, on the loop thread, now or later."""

    def __call__(self, token: str, done: Callable[[Verdict], None], /) -> None: ...


def no_providers(token: str, done: Callable[[Verdict], None], /) -> None:
    """The verifier of a deployment without auth providers."""
    done(
        Rejected(
            "No auth provider found matching the given token: this deployment has no auth providers configured.",
            "NoAuthProvider",
        )
    )
