"""Tokens that are not right any more although they have not expired: their session has ended, their user is banned.

Whoever ends sessions (the built-in issuer) tells `Revocations`. New calls with such a token are refused from that
moment on, and whoever holds a connection open hears of it at once: sessions do not wait for a token to expire.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeAlias

from syncline.kernel.clock import Clock

from .verdicts import Verified

#: How long tokens may live after they were made: revocations are forgotten when all that they revoke has expired.
LONGEST_TOKEN_SECONDS: Final = 3600 + 60
_MOST: Final = 100_000

#: An issuer, and a session or a subject of it.
_Name: TypeAlias = tuple[str, str]
OnRevoked: TypeAlias = Callable[[], None]


class Watch:
    """Somebody who wants to hear when a session or its user loses access."""

    __slots__ = ("issuer", "on_revoked", "session", "subject")

    def __init__(self, issuer: str, subject: str, session: str | None, on_revoked: OnRevoked) -> None:
        self.issuer = issuer
        self.subject = subject
        self.session = session
        self.on_revoked = on_revoked


class Revocations:
    """Belongs to the loop thread, as all of its callers do. Kept in memory: after a restart the issuer tells again
    what it ended in the last hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: When it happened, in seconds since the epoch; in that order.
        self._sessions: OrderedDict[_Name, float] = OrderedDict()
        self._subjects: OrderedDict[_Name, float] = OrderedDict()
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

    def revoke_subject(self, issuer: str, subject: str) -> None:
        """All sessions of a user have ended (banned, deleted). Tokens made in a later second are good again."""
        self._remember(self._subjects, (issuer, subject))
        concerned = [
            watch
            for watches in self._watches.values()
            for watch in watches
            if watch.subject == subject and watch.issuer == issuer
        ]
        for watch in concerned:
            watch.on_revoked()

    def is_revoked(self, issuer: str, subject: str, session: str | None, issued: float | None) -> bool:
        """Whether a token, made at `issued` (seconds since the epoch), was revoked after it was made."""
        if session is not None and (issuer, session) in self._sessions:
            return True
        moment = self._subjects.get((issuer, subject)) if self._subjects else None
        floor = self._floors.get(issuer)
        latest = max(moment or 0.0, floor or 0.0)
        # `iat` has whole seconds: a token of the same second may be of before.
        return latest > 0.0 and (issued is None or issued <= latest)

    def watch(self, verified: Verified, on_revoked: OnRevoked) -> Watch:
        """Call `on_revoked` when the token's session or its user is revoked, until `unwatch`."""
        identity = verified.identity
        watch = Watch(identity.issuer.rstrip("/"), identity.subject, verified.session, on_revoked)
        self._watches.setdefault((watch.issuer, watch.session or ""), {})[watch] = None
        return watch

    def unwatch(self, watch: Watch) -> None:
        name = (watch.issuer, watch.session or "")
        watches = self._watches.get(name)
        if watches is not None:
            watches.pop(watch, None)
            if not watches:
                del self._watches[name]

    @property
    def watched(self) -> int:
        """How many connections watch."""
        return sum(map(len, self._watches.values()))

    def _remember(self, where: OrderedDict[_Name, float], name: _Name) -> None:
        now = self._clock.wall_ns() / 1e9
        where[name] = now
        where.move_to_end(name)
        while where:
            oldest, moment = next(iter(where.items()))
            if moment >= now - LONGEST_TOKEN_SECONDS and len(where) <= _MOST:
                return
            if moment >= now - LONGEST_TOKEN_SECONDS:
                self._floors[oldest[0]] = max(moment, self._floors.get(oldest[0], 0.0))
            del where[oldest]
