"""Whose tokens a deployment accepts: the issuers of its release, outside and built in, before one verifier."""

from __future__ import annotations

from collections.abc import Sequence

from syncline.auth import Provider
from syncline.functions import App
from syncline.http import IssuerFetcher
from syncline.identity import Issuer, Revocations, Verifier, issuers_of
from syncline.kernel.clock import Clock
from syncline.kernel.limits import Limits


class Verification:
    """The verifier of a deployment, and what it needs. On the event loop's thread, but for the initialiser."""

    def __init__(self, clock: Clock, limits: Limits, *, production: bool) -> None:
        self._clock = clock
        self._production = production
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
        return issuers_of(providers, self._fetcher, self._clock, production=self._production)

    def close(self) -> None:
        self._fetcher.close()
