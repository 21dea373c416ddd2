"""Issuers: whose tokens are accepted, and what must be in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from syncline.auth import OpenIDConnect, Provider
from syncline.auth.issuers import outside_issuer
from syncline.kernel.clock import Clock
from syncline.kernel.errors import SetupError

from .fetching import Fetch
from .key_sets import KeySet, KeySetError
from .key_sources import KeySource, LocalKeys, RemoteKeys


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer as the verifier knows it: outside ones and Syncline itself alike.

    - `name`: the `iss` of its tokens, without a slash at the end.
    - `keys`: where its keys come from. The built-in issuer gives its own as `LocalKeys`.
    - `algorithms`: what its tokens may be signed with.
    - `audiences`: what their `aud` must hold one of; empty: anything.
    - `authorized_parties`: the values of `azp` that are accepted; empty: any, and tokens without one.
    - `leeway`: by how many seconds the clocks may differ.
    - `strict`: `iat` and `sid` are required too. For the built-in issuer, whose tokens have both.
    """

    name: str
    keys: KeySource
    algorithms: frozenset[str]
    audiences: frozenset[str] = frozenset()
    authorized_parties: frozenset[str] = frozenset()
    leeway: float = 5.0
    strict: bool = False


def issuers_of(
    providers: Iterable[Provider], fetch: Fetch, clock: Clock, *, production: bool
) -> list[Issuer]:
    """The outside issuers among an application's providers. Raises SetupError for what production does not allow."""
    found = [outside_issuer(provider) for provider in providers]
    return [_issuer(each, fetch, clock, production) for each in found if each is not None]


def _issuer(declared: OpenIDConnect, fetch: Fetch, clock: Clock, production: bool) -> Issuer:
    for url in (declared.issuer, declared.jwks):
        if production and isinstance(url, str) and url.startswith("http://"):
            raise SetupError(
                f"the issuer {declared.issuer} uses {url}: keys that come over http could be anybody's",
                "use https:// in production; http://localhost is for `syncline dev`",
            )
    return Issuer(
        declared.issuer,
        _keys(declared, fetch, clock),
        # One algorithm under two names: RFC 9864 renamed it.
        frozenset([*declared.algorithms, *(["Ed25519"] if "EdDSA" in declared.algorithms else [])]),
        frozenset(declared.audiences),
        frozenset(declared.authorized_parties),
        declared.leeway,
    )


def _keys(declared: OpenIDConnect, fetch: Fetch, clock: Clock) -> KeySource:
    jwks = declared.jwks
    if not isinstance(jwks, Mapping):
        return RemoteKeys(declared.issuer, jwks, fetch, clock)
    try:
        keys = KeySet.load(jwks)
    except KeySetError as error:
        raise SetupError(f"the key set of {declared.issuer} cannot be used: {error}") from None
    if not len(keys):
        raise SetupError(
            f"the key set of {declared.issuer} holds no key that can be used",
            "it needs public keys for signatures: RSA with 2,048 bits or more, P-256, or Ed25519",
        )
    return LocalKeys(keys)
