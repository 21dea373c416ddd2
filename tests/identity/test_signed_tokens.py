"""`ctx.auth.sign_jwt`: tokens for other services, which are nobody's login here."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from support.serving import Running, running
from syncline.auth import OpenIDConnect
from syncline.functions import App
from syncline.functions.signed_tokens import TokenSigner
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import ArgumentError, SetupError
from syncline.kernel.limits import Limits
from syncline.server.verification import Verification

URL = "https://app.example.com"
APP = """
    from syncline import App
    from syncline.auth import Password

    app = App(auth=[Password(memory_kib=8192, passes=1)])
"""
TOKENS = """
    from typing import Any

    from syncline import MutationCtx, QueryCtx, mutation, query


    @mutation(anonymous=True)
    def sign(ctx: MutationCtx, claims: dict[str, Any], seconds: float) -> str:
        return ctx.auth.sign_jwt(claims, expires_in=seconds)


    @query
    def me(ctx: QueryCtx) -> str:
        return ctx.auth.require().subject
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    folder = tmp_path_factory.mktemp("app")
    with running(folder, {"app": APP, "tokens": TOKENS}, url=URL) as server:
        yield server


def keys(server: Running) -> KeySet:
    answer = server.http.get("/.well-known/jwks.json")
    assert answer.headers["content-type"] == "application/json"
    return KeySet.import_key_set(answer.json())


def test_a_token_is_verified_with_the_published_keys(server: Running) -> None:
    signed = server.value("mutation", "tokens:sign", claims={"sub": "a room", "aud": "calls"}, seconds=60.0)
    token = jwt.decode(signed, keys(server), algorithms=["ES256"])
    assert token.header == {"alg": "ES256", "typ": "JWT", "kid": token.header["kid"]}
    claims: dict[str, Any] = token.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == (URL, "a room", "calls")
    assert claims["exp"] - claims["iat"] == 60


def test_it_is_no_login_whatever_it_says(server: Running) -> None:
    for claims in (
        {"sub": "ada", "aud": "convex", "sid": "session"},
        {"sub": "ada", "aud": ["convex"], "sid": "session", "jti": "1"},
    ):
        signed = server.value("mutation", "tokens:sign", claims=claims, seconds=60.0)
        answer = server.http.post(
            "/api/query",
            json={"path": "tokens:me", "args": {}},
            headers={"authorization": f"Bearer {signed}"},
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "NoAuthProvider")


def test_the_server_cannot_be_told_to_accept_its_own_tokens() -> None:
    verification = Verification(FakeClock(), Limits(), production=True, own=URL)
    with pytest.raises(SetupError) as caught:
        verification.check(App(auth=[OpenIDConnect(issuer=URL, audience="convex")]))
    assert f"the issuer {URL} is this server itself" in str(caught.value)
    verification.close()


def test_the_key_stays_and_is_not_that_of_another_deployment() -> None:
    one, again, other = (TokenSigner(bytes([n]) * 32, URL).key_set for n in (1, 1, 2))
    assert one == again != other
    assert "d" not in one["keys"][0]


@pytest.mark.parametrize("name", ["iss", "iat", "exp", "nbf", "convex_role", "CVXrole", "syncline"])
def test_reserved_claims_are_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"the claim '{name}' is not yours to set"):
        TokenSigner(bytes(32), URL).sign({name: "x"}, 60, 0)


def test_what_cannot_be_signed_is_refused_and_says_why() -> None:
    signer = TokenSigner(bytes(32), URL)
    for seconds in (0, 0.5, 3601, timedelta(hours=2), float("nan")):
        with pytest.raises(ArgumentError, match="between 1 s and an hour"):
            signer.sign({}, seconds, 0)
    with pytest.raises(ArgumentError, match="claims must be JSON"):
        signer.sign({"a": b"bytes"}, 60, 0)
    with pytest.raises(ArgumentError, match="the limit is 16,384"):
        signer.sign({"a": "x" * 20_000}, 60, 0)
    with pytest.raises(SetupError, match="the address of this server is not known"):
        TokenSigner(bytes(32), "").sign({}, 60, 0)


def test_without_an_address_the_function_fails(tmp_path: Path) -> None:
    with running(tmp_path, {"tokens": TOKENS}) as server:
        answer = server.post("mutation", path="tokens:sign", args={"claims": {}, "seconds": 60.0})
        assert "the address of this server is not known" in answer["errorMessage"]
