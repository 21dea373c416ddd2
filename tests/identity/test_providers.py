"""Declarations of outside providers: what is refused, where, and what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from support.issuers import public, rsa_key
from syncline import App
from syncline.auth import Auth0, Clerk, OpenIDConnect, Password, Provider
from syncline.auth.issuers import outside_issuer
from syncline.identity import issuers_of
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import SetupError


def never(url: str, configured: bool, done: object) -> None:
    raise AssertionError(url)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Clerk(domain="http://clerk.example.com"), "keys that come over http could be anybody's"),
        (lambda: Clerk(domain="not a domain"), "which is no URL of an issuer"),
        (lambda: Clerk(domain=""), "which is no URL of an issuer"),
        (lambda: Clerk(domain="https://user@clerk.example.com"), "which is no URL of an issuer"),
        (lambda: Clerk(domain="ftp://clerk.example.com"), "which is no URL of an issuer"),
        (lambda: Auth0(domain="acme.eu.auth0.com", client_id=""), "needs the client_id"),
        (lambda: OpenIDConnect(issuer="https://i.example.com", audience=None), "has no audience"),
        (lambda: OpenIDConnect(issuer="https://i.example.com", audience=""), "the audience .* is empty"),
        (
            lambda: OpenIDConnect(issuer="https://i.example.com", audience="a", algorithms=["HS256"]),
            r"the algorithms .* are \['HS256'\](.|\n)*shared secret \(HS256\) are not accepted",
        ),
        (
            lambda: OpenIDConnect(issuer="https://i.example.com", audience="a", algorithms=[]),
            "the algorithms",
        ),
        (lambda: OpenIDConnect(issuer="https://i.example.com", audience="a", leeway=-1), "the leeway"),
        (lambda: OpenIDConnect(issuer="https://i.example.com", audience="a", jwks={}), "is not a key set"),
        (
            lambda: OpenIDConnect(issuer="https://i.example.com", audience="a", jwks="http://k.example.com"),
            "over http",
        ),
        (lambda: App(auth=cast("Any", [Password])), "list providers from syncline.auth, with parentheses"),
    ],
)
def test_what_cannot_be_right_is_refused_when_it_is_declared(
    declare: Callable[[], object], message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        declare()


def test_addresses_may_be_written_as_the_services_show_them() -> None:
    for domain in ("clerk.example.com", "https://clerk.example.com", "https://clerk.example.com/"):
        assert Clerk(domain=domain).domain == "https://clerk.example.com"
    assert Clerk(domain="clerk.example.com") == Clerk(domain="https://clerk.example.com")


def test_built_in_ways_are_no_outside_issuers() -> None:
    assert outside_issuer(Password()) is None
    assert issuers_of([Password()], never, FakeClock(), production=True) == []


@pytest.mark.parametrize(
    "provider",
    [
        Clerk(domain="http://localhost:4000"),
        OpenIDConnect(issuer="https://i.example.com", audience="a", jwks="http://localhost:4000/jwks.json"),
    ],
)
def test_production_takes_no_keys_over_http_not_even_from_this_machine(provider: Provider) -> None:
    assert len(issuers_of([provider], never, FakeClock(), production=False)) == 1
    with pytest.raises(
        SetupError, match="use https:// in production; http://localhost is for `syncline dev`"
    ):
        issuers_of([provider], never, FakeClock(), production=True)


def test_keys_that_are_written_down_must_be_usable() -> None:
    good = OpenIDConnect(issuer="https://i.example.com", audience=None, jwks=public(rsa_key()))
    [issuer] = issuers_of([good], never, FakeClock(), production=True)
    assert issuer.audiences == frozenset()
    bad = OpenIDConnect(
        issuer="https://i.example.com", audience="a", jwks={"keys": [{"kty": "oct", "k": "AAAA"}]}
    )
    with pytest.raises(SetupError, match="holds no key that can be used"):
        issuers_of([bad], never, FakeClock(), production=True)
