"""Where services are, and how each differs from the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncline.accounts.settings import MANY_TENANTS, says_addresses
from syncline.auth import Apple, External, GitHub, Google, Microsoft, OpenIDSignIn


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of one service. Without `jwks` it has no ID tokens, and `user` is asked."""

    authorize: str
    token: str
    issuer: str = ""
    jwks: str = ""
    user: str = ""


def issuer_of(provider: External) -> str:
    """The issuer whose discovery document tells the rest; empty for services that have none."""
    match provider:
        case Google() | Apple():
            return provider.issuer
        case Microsoft():
            return f"{provider.host}/{provider.tenant}/v2.0"
        case OpenIDSignIn():
            return provider.issuer
        case _:
            return ""


def github_endpoints(provider: GitHub) -> Endpoints:
    host = provider.host
    api = "https://api.github.com" if host == "https://github.com" else f"{host}/api/v3"
    return Endpoints(f"{host}/login/oauth/authorize", f"{host}/login/oauth/access_token", user=f"{api}/user")


def from_discovery(document: Mapping[str, Any]) -> Endpoints:
    """The addresses in a discovery document. Raises ValueError if one is missing."""
    wanted = ("authorization_endpoint", "token_endpoint", "issuer", "jwks_uri")
    found = [document.get(name) for name in wanted]
    if not all(isinstance(each, str) and each for each in found):
        raise ValueError("the discovery document lacks an address")
    return Endpoints(*map(str, found))


def scopes_of(provider: External) -> str:
    match provider:
        case GitHub():
            return "read:user user:email"
        case Apple():
            return "openid email name"
        case OpenIDSignIn():
            return " ".join(provider.scopes)
        case _:
            return "openid email profile"


def proves_email(provider: External, claims: Mapping[str, Any]) -> bool:
    """Whether an ID token proves that the address in it is its user's."""
    match provider:
        case Microsoft() if not says_addresses(provider):
            # Whoever has a tenant writes any address into it; this claim says that the domain is the tenant's.
            return _holds(claims, "xms_edov")
        case Microsoft():
            # Its tokens say nothing of addresses being verified: those of one's own tenant are what it assigned.
            return all(_holds(claims, name) for name in ("xms_edov", "email_verified") if name in claims)
        case OpenIDSignIn():
            return provider.trust_email and _holds(claims, "email_verified")
        case _:
            return _holds(claims, "email_verified")


def _holds(claims: Mapping[str, Any], name: str) -> bool:
    """Some services write `"true"` or 1 for true."""
    return claims.get(name) in (True, "true", "1")


def accepts_issuer(provider: External, endpoints: Endpoints, claims: Mapping[str, Any]) -> bool:
    """Whether an ID token's `iss` is the service's. Microsoft's names the tenant of the user."""
    issuer = claims.get("iss")
    if isinstance(provider, Microsoft) and provider.tenant in MANY_TENANTS:
        return issuer == f"{provider.host}/{claims.get('tid')}/v2.0"
    return isinstance(issuer, str) and issuer.rstrip("/") == endpoints.issuer.rstrip("/")
