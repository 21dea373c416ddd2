"""Tokens that are not right any more although they have not expired: their session has ended, or their user has another
role in the organisation that the token names.

Whoever ends sessions and changes roles (the built-in issuer) tells `Revocations`. New calls with such a token are
refused from that moment on, and whoever holds a connection open hears of it at once: sessions do not wait for a token
to expire.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias, TypeVar

from syncline.kernel.clock import Clock
from syncline.kernel.identity import Identity

from .verdicts import Verified

#: How long tokens may live after they were made: revocations are forgotten when all that they revoke has expired.
LONGEST_TOKEN_SECONDS: Final = 3600 + 60
_MOST: Final = 100_000
#: The subject of an organisation that is gone, whoever was in it.
_ANYBODY: Final = ""

#: An issuer, and a session or a subject of it.
_Name: TypeAlias = tuple[str, str]
#: An issuer, an organisation and a subject of it.
_Place: TypeAlias = tuple[str, str, str]
_Key = TypeVar("_Key", bound=tuple[str, ...])
OnRevoked: TypeAlias = Callable[[], None]


class _Noted(NamedTuple):
    """When it happened, in seconds since the epoch."""

    at: float
    #: In an organisation: the role since then; None: a member no more.
    role: str | None = None


class Watch:
    """Somebody who wants to hear when a session ends, or its user's role in an organisation changes."""

    __slots__ = ("issuer", "membership", "on_outdated", "on_revoked", "session", "subject")

    def __init__(self, verified: Verified, on_revoked: OnRevoked, on_outdated: OnRevoked) -> None:
        identity = verified.identity
        self.issuer = identity.issuer.rstrip("/")
        self.subject = identity.subject
        self.session = verified.session
        self.membership = _membership(identity)
        self.on_revoked = on_revoked
        self.on_outdated = on_outdated

    @property
    def name(self) -> _Name:
        return self.issuer, self.session or ""


class Revocations:
    """Belongs to the loop thread, as all of its callers do. Kept in memory: after a restart the issuer tells again
    what it ended in the last hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: In the order in which it happened.
        self._sessions: OrderedDict[_Name, _Noted] = OrderedDict()
        self._roles: OrderedDict[_Place, _Noted] = OrderedDict()
        #: More was revoked than is remembered: what is older than this is refused, whatever it is.
        self._floors: dict[str, float] = {}
        #: By issuer and session, the empty text for tokens that name none. A user's are found by looking at all.
        self._watches: dict[_Name, dict[Watch, None]] = {}

    def revoke_session(self, issuer: str, session: str) -> None:
        """A session has ended (signed out, withdrawn): its tokens are refused from now on.

        `issuer` is the name of an `Issuer`, as everywhere here.
        """
        self._remember(self._sessions, (issuer, session))
        for watch in list(self._watches.get((issuer, session), ())):
            watch.on_revoked()

    def change_role(self, issuer: str, organization: str, subject: str, role: str | None) -> None:
        """A user's role in an organisation is this one from now on (None: a member no more); the empty subject stands
        for everybody, when the organisation is gone. Tokens that name another role in it are refused."""
        self._remember(self._roles, (issuer, organization, subject), role)
        for watch in self._watches_of(issuer):
            if watch.membership is not None and subject in (_ANYBODY, watch.subject):
                of, named = watch.membership
                if of == organization and named != role:
                    watch.on_outdated()

    def is_revoked(self, issuer: str, session: str | None, issued: float | None) -> bool:
        """Whether a token, made at `issued` (seconds since the epoch), is of a session that has ended."""
        if session is not None and (issuer, session) in self._sessions:
            return True
        floor = self._floors.get(issuer)
        # `iat` has whole seconds: a token of the same second may be of before.
        return floor is not None and (issued is None or issued <= floor)

    def is_outdated(self, issuer: str, identity: Identity) -> bool:
        """Whether a token names a role in an organisation that its user does not have any more.

        What is right now is no question of when the token was made: the next one may be of the same second.
        """
        membership = _membership(identity) if self._roles else None
        if membership is None:
            return False
        organization, role = membership
        noted = self._roles.get((issuer, organization, identity.subject))
        return (issuer, organization, _ANYBODY) in self._roles or (noted is not None and noted.role != role)

    def watch(self, verified: Verified, on_revoked: OnRevoked, on_outdated: OnRevoked | None = None) -> Watch:
        """Call `on_revoked` when the token's session ends, until `unwatch`.

        `on_outdated`, the same unless given, is for a role in the token that its user has no more: another token is good.
        """
        watch = Watch(verified, on_revoked, on_outdated or on_revoked)
        self._watches.setdefault(watch.name, {})[watch] = None
        return watch

    def unwatch(self, watch: Watch) -> None:
        watches = self._watches.get(watch.name)
        if watches is not None:
            watches.pop(watch, None)
            if not watches:
                del self._watches[watch.name]

    @property
    def watched(self) -> int:
        """How many connections watch."""
        return sum(map(len, self._watches.values()))

    def _watches_of(self, issuer: str) -> list[Watch]:
        return [watch for watches in self._watches.values() for watch in watches if watch.issuer == issuer]

    def _remember(self, where: OrderedDict[_Key, _Noted], name: _Key, role: str | None = None) -> None:
        now = self._clock.wall_ns() / 1e9
        where[name] = _Noted(now, role)
        where.move_to_end(name)
        while where:
            oldest, noted = next(iter(where.items()))
            if noted.at >= now - LONGEST_TOKEN_SECONDS and len(where) <= _MOST:
                return
            if noted.at >= now - LONGEST_TOKEN_SECONDS:
                self._floors[oldest[0]] = max(noted.at, self._floors.get(oldest[0], 0.0))
            del where[oldest]


def _membership(identity: Identity) -> _Name | None:
    """The organisation that a token says its holder acts for, and the role there: the claim `o`."""
    match identity.claims.get("o"):
        case {"id": str(organization), "rol": str(role)}:
            return organization, role
        case _:
            return None
