"""Whose tokens a deployment accepts: the issuers of its release, outside and built in, before one verifier."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.auth import Provider
from syncline.functions import App
from syncline.http import IssuerFetcher
from syncline.identity import Issuer, Revocations, Verifier, issuers_of
from syncline.kernel.clock import Clock
from syncline.kernel.errors import SetupError
from syncline.kernel.limits import Limits


class Verification:
    """The verifier of a deployment, and what it needs. On the event loop's thread, but for the initialiser."""

    def __init__(self, clock: Clock, limits: Limits, *, production: bool, own: str = "") -> None:
        """`own`: the issuer of the tokens that functions sign, which must be nobody's login."""
        self._clock = clock
        self._production = production
        self._own = own.rstrip("/")
        self._fetcher = IssuerFetcher(production=production)
        self._providers: tuple[Provider, ...] = ()
        self._outside: list[Issuer] = []
        self.verifier = Verifier(clock, limits, redact=production)

    @property
    def revocations(self) -> Revocations:
        return self.verifier.revocations

    def use(self, app: App | None, built_in: Sequence[Issuer] = ()) -> None:
        """Accept the tokens of the application's outside issuers, and of these. Raises SetupError, changing nothing.

        Keys that were fetched for issuers that stay are kept.
        """
        providers = () if app is None else app.auth
        if providers != self._providers:
            self._outside = self._issuers(providers)
            self._providers = providers
        self.verifier.configure([*built_in, *self._outside])

    def check(self, app: App | None) -> None:
        """Raises SetupError if `use` would."""
        self._issuers(() if app is None else app.auth)

    def _issuers(self, providers: Sequence[Provider]) -> list[Issuer]:
        found = issuers_of(providers, self._fetcher, self._clock, production=self._production)
        if any(self._own and issuer.name == self._own for issuer in found):
            raise SetupError(
                f"the issuer {self._own} is this server itself: functions sign its tokens (ctx.auth.sign_jwt), and could make "
                "themselves anybody",
                "Syncline's own sign-in needs no such entry; list Password() or another of its ways in App(auth=[...])",
            )
        return found

    def close(self) -> None:
        self._fetcher.close()
