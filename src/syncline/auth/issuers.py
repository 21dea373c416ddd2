"""Issuers outside: services that sign people in, whose tokens Syncline verifies against their published keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from syncline.kernel.errors import SetupError

from .provider import Provider

#: What tokens may be signed with unless said: both are asymmetric, so nobody but the issuer can make a token.
DEFAULT_ALGORITHMS = ("RS256", "EdDSA")
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?").fullmatch
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class OpenIDConnect(Provider):
    """Any issuer of OpenID Connect ID tokens, or of other JSON Web Tokens with published keys.

    - `issuer`: the `iss` of its tokens, a URL. A slash at its end does not matter.
    - `audience`: what the tokens' `aud` must hold, usually the client id; several if any of them will do. `None`
      accepts tokens that the issuer made for other applications too, and needs `jwks`.
    - `jwks`: the URL of its keys, or the key set itself (a dict with `keys`). Without it the keys are found by
      discovery: `{issuer}/.well-known/openid-configuration`.
    - `algorithms`: what its tokens may be signed with; never read from the token.
    - `authorized_parties`: the values of `azp` that are accepted; none: any, and tokens without one.
    - `leeway`: by how many seconds the clocks may differ.
    """

    issuer: str
    audience: str | Sequence[str] | None
    jwks: str | Mapping[str, Any] | None = None
    algorithms: Sequence[str] = DEFAULT_ALGORITHMS
    authorized_parties: Sequence[str] = ()
    leeway: float = 5.0

    def __post_init__(self) -> None:
        where = f"{type(self).__name__}(issuer={self.issuer!r})"
        object.__setattr__(self, "issuer", checked_url(self.issuer, f"the issuer of {where}"))
        if isinstance(self.jwks, str):
            checked_url(self.jwks, f"jwks of {where}")
        elif self.jwks is not None and not isinstance(self.jwks.get("keys"), list):
            raise SetupError(
                f"jwks of {where} is not a key set", 'it is a URL, or a dict: {"keys": [{"kty": "RSA", ...}]}'
            )
        if self.audience is None and self.jwks is None:
            raise SetupError(
                f"{where} has no audience: a token that the issuer made for any other application would sign its "
                "holder in here",
                'say which one is yours: audience="my-client-id"',
            )
        if not all(self.audiences) and self.audience is not None:
            raise SetupError(f"the audience of {where} is empty", 'for example audience="my-client-id"')
        unknown = [name for name in self.algorithms if name not in ALGORITHMS]
        if unknown or not self.algorithms:
            raise SetupError(
                f"the algorithms of {where} are {list(self.algorithms)!r}",
                f"known are {', '.join(ALGORITHMS)}; algorithms with a shared secret (HS256) are not accepted",
            )
        if not 0 <= self.leeway <= 300:
            raise SetupError(f"the leeway of {where} is {self.leeway!r} s", "it is between 0 and 300")

    @property
    def audiences(self) -> tuple[str, ...]:
        """What `aud` must hold one of; empty: anything."""
        audience = self.audience
        if audience is None:
            return ()
        return (audience,) if isinstance(audience, str) else tuple(audience)


@dataclass(frozen=True, kw_only=True)
class Clerk(Provider):
    """Sign-in by Clerk. `domain` is the Frontend API URL, as the Clerk dashboard shows it.

    `audience` is what the tokens' `aud` must hold: `convex`, as Clerk's Convex integration (and its JWT template of
    that name) writes it. `authorized_parties` are the origins of your site (`https://example.com`); with them a token
    that was made for another site of the same Clerk application is refused.
    """

    domain: str
    audience: str = "convex"
    authorized_parties: Sequence[str] = ()

    def __post_init__(self) -> None:
        where = f"the domain of Clerk(domain={self.domain!r})"
        object.__setattr__(self, "domain", checked_url(self.domain, where))


@dataclass(frozen=True, kw_only=True)
class Auth0(Provider):
    """Sign-in by Auth0. `domain` is the tenant's (`example.eu.auth0.com`), `client_id` the application's."""

    domain: str
    client_id: str

    def __post_init__(self) -> None:
        where = f"the domain of Auth0(domain={self.domain!r})"
        object.__setattr__(self, "domain", checked_url(self.domain, where))
        if not self.client_id:
            raise SetupError("Auth0 needs the client_id of the application", "its settings page shows it")


def issuers(providers: Iterable[Provider]) -> frozenset[str]:
    """The issuers behind ways to sign in, by name; the empty name is Syncline's own sign-in."""
    found = ((outside_issuer(each), each) for each in providers)
    return frozenset(
        outside.issuer if outside is not None else "" for outside, each in found if outside or each.built_in
    )


def outside_issuer(provider: Provider) -> OpenIDConnect | None:
    """The issuer that an outside provider stands for; None for a provider of Syncline's own."""
    match provider:
        case OpenIDConnect():
            return provider
        case Clerk(domain=domain, audience=audience, authorized_parties=parties):
            return OpenIDConnect(
                issuer=domain, audience=audience, algorithms=("RS256",), authorized_parties=parties
            )
        case Auth0(domain=domain, client_id=client_id):
            return OpenIDConnect(issuer=domain, audience=client_id, algorithms=("RS256",))
        case _:
            return None


def checked_url(text: str, where: str) -> str:
    """A URL of an issuer: with `https://` if it had no scheme, without a slash at its end. Raises SetupError.

    `http://` is for this machine only (`localhost`), and refused in production when the server starts.
    """
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    good_host = _NAME(host) is not None or ":" in host
    if (
        not good_host
        or parts.scheme not in ("https", "http")
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or port == 0
        or not url.isprintable()
        or " " in url
    ):
        raise SetupError(
            f"{where} is {text!r}, which is no URL of an issuer", "for example https://id.example.com"
        )
    if parts.scheme == "http" and host not in _LOCAL:
        raise SetupError(
            f"{where} is {text!r}: keys that come over http could be anybody's",
            "use https:// (http:// is for localhost only)",
        )
    return url.rstrip("/")
