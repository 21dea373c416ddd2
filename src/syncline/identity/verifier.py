"""The one verifier of all tokens: the built-in issuer's, Clerk's, Auth0's and any other's take the same way.

A token that was verified is remembered by its hash until it expires, so that the same one costs a look-up. It all
happens on the loop thread: a signature takes less time than handing it to another thread. What would take longer,
fetching keys, goes through the issuer's `KeySource` and never holds anybody else up.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from syncline.kernel.clock import Clock
from syncline.kernel.limits import Limits

from .claims import identity_of
from .issuers import Issuer
from .key_sets import PublicKey
from .key_sources import Found
from .revocations import Revocations
from .tokens import BadTokenError, Token, take_apart
from .verdicts import Rejected, Verdict, Verified, no_providers

Done = Callable[[Verdict], None]

_SUBJECT_LENGTH: Final = 1024
#: Times beyond this are no seconds since the epoch.
_LATEST: Final = 1e11


class _Known(NamedTuple):
    """A token that was verified."""

    verified: Verified
    #: The issuer's `name`.
    issuer: str
    issued: float | None
    #: Wall clock nanoseconds from which on it is accepted.
    begins_ns: int


class Verifier:
    """A `TokenVerifier`. Belongs to the loop thread."""

    def __init__(
        self, clock: Clock, limits: Limits, revocations: Revocations | None = None, *, redact: bool = False
    ) -> None:
        """With `redact` (production) rejections do not name the issuers that are accepted."""
        self.revocations = Revocations(clock) if revocations is None else revocations
        self._clock = clock
        self._most = limits.verified_tokens
        self._redact = redact
        self._issuers: dict[str, list[Issuer]] = {}
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def configure(self, issuers: Iterable[Issuer]) -> None:
        """Accept the tokens of these issuers, and of no others, from now on."""
        self._issuers = {}
        for issuer in issuers:
            self._issuers.setdefault(issuer.name, []).append(issuer)
        self._known.clear()

    def forget(self, issuer: str) -> None:
        """Verify tokens of an issuer anew: one of its keys was withdrawn."""
        for digest in [digest for digest, known in self._known.items() if known.issuer == issuer]:
            del self._known[digest]

    @property
    def remembered(self) -> int:
        """How many verified tokens are remembered."""
        return len(self._known)

    def __call__(self, token: str, done: Done, /) -> None:
        if not self._issuers:
            no_providers(token, done)
            return
        digest = blake2b(token.encode(errors="replace"), digest_size=16).digest()
        known = self._known.get(digest)
        if known is not None:
            done(self._again(digest, known))
            return
        try:
            parts = take_apart(token)
            issuer, claimed = self._issuer_of(parts)
        except BadTokenError as error:
            done(_invalid(str(error)))
            return
        except _NoProviderError as error:
            done(Rejected(str(error), "NoAuthProvider"))
            return
        if parts.algorithm not in issuer.algorithms:
            done(_invalid("it is not signed as its issuer signs tokens"))
            return

        def judge(found: Found) -> None:
            done(self._judge(digest, parts, issuer, claimed, found))

        issuer.keys.find(parts.key_id, parts.algorithm, judge)

    def _again(self, digest: bytes, known: _Known) -> Verdict:
        verified = known.verified
        now_ns = self._clock.wall_ns()
        assert verified.expires_ns is not None
        if now_ns >= verified.expires_ns:
            del self._known[digest]
            return _expired()
        if now_ns < known.begins_ns:  # The clock was set back.
            return _invalid("it is not valid yet")
        refused = self._withdrawn(known)
        if refused is not None:
            return refused
        self._known.move_to_end(digest)
        return verified

    def _withdrawn(self, known: _Known) -> Rejected | None:
        """Why a token is refused that was right when it was made."""
        verified, revocations = known.verified, self.revocations
        identity = verified.identity
        if revocations.is_revoked(known.issuer, verified.session, known.issued):
            return _revoked()
        return _outdated() if revocations.is_outdated(known.issuer, identity) else None

    def _issuer_of(self, token: Token) -> tuple[Issuer, str]:
        """The issuer that the token claims to be of, and its `iss`. Raises _NoProviderError, BadTokenError."""
        claimed = token.claims.get("iss")
        if not isinstance(claimed, str) or not claimed:
            raise BadTokenError("it names no issuer (`iss`)")
        name = (claimed if "://" in claimed else f"https://{claimed}").rstrip("/")
        audiences = _audiences(token.claims.get("aud"))
        for issuer in self._issuers.get(name, ()):
            if not issuer.audiences or not issuer.audiences.isdisjoint(audiences):
                return issuer, claimed
        raise _NoProviderError(self._no_provider(name))

    def _no_provider(self, name: str) -> str:
        text = "No auth provider found matching the given token"
        if self._redact:
            return f"{text}."
        if name in self._issuers:
            wanted = sorted({audience for issuer in self._issuers[name] for audience in issuer.audiences})
            return (
                f"{text}: its issuer is configured, its audience (`aud`) is not one of {', '.join(wanted)}."
            )
        accepted = ", ".join(sorted(self._issuers))
        return f"{text}. Its issuer is not configured; accepted are: {accepted}."

    def _judge(self, digest: bytes, token: Token, issuer: Issuer, claimed: str, key: Found) -> Verdict:
        if not isinstance(key, PublicKey):
            return key
        if not key.verifies(token.algorithm, token.signed, token.signature):
            return _invalid("its signature is wrong")
        try:
            known = self._check(token.claims, issuer, claimed)
        except BadTokenError as error:
            return _invalid(str(error))
        expires_ns = known.verified.expires_ns
        assert expires_ns is not None
        now_ns = self._clock.wall_ns()
        if now_ns >= expires_ns:
            return _expired()
        if now_ns < known.begins_ns:
            return _invalid("it is not valid yet")
        refused = self._withdrawn(known)
        if refused is not None:
            return refused
        self._known[digest] = known
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return known.verified

    def _check(self, claims: Any, issuer: Issuer, claimed: str) -> _Known:
        """The claims of a token whose signature is right. Raises BadTokenError."""
        subject, session, party = claims.get("sub"), claims.get("sid"), claims.get("azp")
        if not isinstance(subject, str) or not subject or len(subject) > _SUBJECT_LENGTH:
            raise BadTokenError("it names no subject (`sub`)")
        expires, begins = _time(claims, "exp"), _time(claims, "nbf")
        issued = _time(claims, "iat")
        if expires is None:
            raise BadTokenError("it does not say when it expires (`exp`)")
        if session is not None and not isinstance(session, str):
            raise BadTokenError("its session (`sid`) is no text")
        if issuer.strict and (issued is None or not session):
            raise BadTokenError("it lacks `iat` or `sid`")
        if issuer.authorized_parties and (
            not isinstance(party, str) or party not in issuer.authorized_parties
        ):
            raise BadTokenError("it was made for another site (`azp`)")
        if claims.get("sts") == "pending":  # Clerk: the user has not done all that signing in takes.
            raise BadTokenError("its session is pending")
        verified = Verified(
            identity_of(claims, claimed, subject), round((expires + issuer.leeway) * 1e9), session
        )
        earliest = max(begins or 0.0, issued or 0.0) - issuer.leeway
        return _Known(verified, issuer.name, issued, round(earliest * 1e9))


class _NoProviderError(Exception):
    """The text is for the client."""


def _audiences(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((value,))
    items: list[object] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - any JSON
    return frozenset(item for item in items if isinstance(item, str))


def _time(claims: Any, name: str) -> float | None:
    """Seconds since the epoch. Raises BadTokenError."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadTokenError(f"its `{name}` is no time")
    if not math.isfinite(value) or not 0 <= value <= _LATEST:
        raise BadTokenError(f"its `{name}` is no time")
    return float(value)


def _invalid(why: str) -> Rejected:
    return Rejected(f"Could not validate token: {why}")


def _expired() -> Rejected:
    return Rejected("Could not validate token: it has expired", "TokenExpired")


def _revoked() -> Rejected:
    return Rejected("Could not validate token: its session has ended", "SessionEnded")


def _outdated() -> Rejected:
    return Rejected(
        "Could not validate token: its user has another role in the organisation now", "TokenOutdated"
    )
