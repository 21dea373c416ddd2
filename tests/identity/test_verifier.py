"""Which tokens are accepted, and which are not."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from support.issuers import clerk_claims, clerk_token, encoded, other_key, public, rsa_key, sign
from syncline.auth import Auth0, Clerk, OpenIDConnect, Provider
from syncline.identity import (
    Issuer,
    KeySet,
    KeySetError,
    LocalKeys,
    Rejected,
    Verdict,
    Verified,
    Verifier,
    issuers_of,
)
from syncline.kernel.clock import FakeClock
from syncline.kernel.identity import Identity
from syncline.kernel.limits import Limits

ISSUER = "https://test-1.clerk.accounts.dev"


class Desk:
    """A verifier for the tokens of some providers, whose keys it holds."""

    def __init__(self, *providers: Provider, keys: Mapping[str, Any] | None = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.verifier = Verifier(self.clock, options.pop("limits", Limits()), **options)
        local = LocalKeys(KeySet.load(public(rsa_key()) if keys is None else keys))
        issuers = issuers_of(providers or (Clerk(domain=ISSUER),), unreachable, self.clock, production=True)
        self.verifier.configure(
            Issuer(each.name, local, each.algorithms, each.audiences, each.authorized_parties, each.leeway)
            for each in issuers
        )

    @property
    def now(self) -> float:
        return self.clock.wall_ns() / 1e9

    def judge(self, token: str) -> Verdict:
        verdicts: list[Verdict] = []
        self.verifier(token, verdicts.append)
        [verdict] = verdicts
        return verdict

    def accepted(self, token: str) -> Identity:
        verdict = self.judge(token)
        assert isinstance(verdict, Verified), verdict
        return verdict.identity

    def refused(self, token: str) -> str:
        verdict = self.judge(token)
        assert isinstance(verdict, Rejected), verdict
        return verdict.message

    def clerk(self, **changes: Any) -> str:
        return clerk_token(ISSUER, self.now, **changes)


def unreachable(url: str, configured: bool, done: Any) -> None:
    raise AssertionError(f"nothing is fetched here, least of all {url}")


def test_a_token_of_clerk_is_accepted_and_says_who_its_holder_is() -> None:
    desk = Desk()
    identity = desk.accepted(
        desk.clerk(
            name="Ada", given_name="Ada", email="ada@example.com", email_verified=True, picture="https://i"
        )
    )
    assert identity.subject == "user_2abc"
    assert identity.issuer == ISSUER
    assert identity.token_identifier == f"{ISSUER}|user_2abc"
    assert (identity.name, identity.given_name, identity.email) == ("Ada", "Ada", "ada@example.com")
    assert identity.email_verified is True
    assert identity.picture_url == "https://i"
    assert identity.claims["o"] == {"id": "org_1", "slg": "acme", "rol": "admin", "per": "", "fpm": ""}


def test_a_refreshed_token_is_the_same_identity() -> None:
    desk = Desk()
    first = desk.accepted(desk.clerk())
    desk.clock.advance(50)
    assert desk.accepted(desk.clerk(fva=[4, -1])) == first
    assert desk.accepted(desk.clerk(o=None)) != first


def test_a_token_is_right_until_it_expires_and_five_seconds_more() -> None:
    desk = Desk()
    token = desk.clerk()
    for _ in range(2):  # new, and remembered
        desk.clock.advance(32)
        desk.accepted(token)
    desk.clock.advance(1)
    assert desk.refused(token) == "Could not validate token: it has expired"
    assert desk.refused(token) == "Could not validate token: it has expired"
    assert desk.verifier.remembered == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"aud": "other"}, "its audience (`aud`) is not one of convex"),
        ({"aud": None}, "its audience (`aud`) is not one of convex"),
        ({"aud": ["other", 7]}, "its audience (`aud`) is not one of convex"),
        ({"iss": "https://evil.example.com"}, f"accepted are: {ISSUER}"),
        ({"iss": None}, "it names no issuer"),
        ({"iss": [ISSUER]}, "it names no issuer"),
        ({"sub": None}, "it names no subject"),
        ({"sub": ""}, "it names no subject"),
        ({"sub": 7}, "it names no subject"),
        ({"exp": None}, "it does not say when it expires"),
        ({"exp": 0}, "it has expired"),
        ({"exp": "tomorrow"}, "its `exp` is no time"),
        ({"exp": True}, "its `exp` is no time"),
        ({"exp": 1e300}, "its `exp` is no time"),
        ({"nbf": 1_800_000_100}, "it is not valid yet"),
        ({"iat": 1_800_000_100}, "it is not valid yet"),
        ({"sid": 7}, "its session (`sid`) is no text"),
        ({"sts": "pending"}, "its session is pending"),
    ],
)
def test_claims_that_are_wrong_or_missing_are_refused(changes: dict[str, Any], message: str) -> None:
    desk = Desk()
    assert message in desk.refused(desk.clerk(**changes))
    assert desk.verifier.remembered == 0


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"alg": "none"}, "not signed as its issuer signs tokens"),
        ({"alg": "HS256"}, "not signed as its issuer signs tokens"),
        ({"alg": "RS384"}, "not signed as its issuer signs tokens"),
        ({"alg": 256}, "names no algorithm"),
        ({"kid": "ins_other"}, "no such key (`kid` 'ins_other')"),
        ({"kid": 7}, "a `kid` that is no text"),
        ({"typ": "logout+jwt"}, "another type of token"),
        ({"jwk": {"kty": "RSA"}}, "`jwk`, which is not accepted"),
        ({"jku": "https://evil.example.com/keys"}, "`jku`, which is not accepted"),
        ({"x5u": "https://evil.example.com/cert"}, "`x5u`, which is not accepted"),
        ({"x5c": []}, "`x5c`, which is not accepted"),
        ({"crit": ["exp"]}, "`crit`, which is not accepted"),
        ({"crit": []}, "`crit`, which is not accepted"),
    ],
)
def test_headers_that_could_mislead_are_refused(header: dict[str, Any], message: str) -> None:
    desk = Desk()
    whole = {"alg": "RS256", "kid": "ins_1", "typ": "JWT"} | header
    assert message in desk.refused(sign(whole, clerk_claims(ISSUER, desk.now), rsa_key()))


def test_a_signature_with_the_published_key_as_a_shared_secret_is_refused() -> None:
    desk = Desk()
    head, body = encoded({"alg": "HS256", "kid": "ins_1"}), encoded(clerk_claims(ISSUER, desk.now))
    secret = rsa_key().as_pem(private=False)
    signature = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    assert "not signed as its issuer signs" in desk.refused(f"{head}.{body}.{encoded(signature)}")


def test_a_token_without_a_signature_or_with_another_one_is_refused() -> None:
    desk = Desk()
    token = desk.clerk()
    signed, _, signature = token.rpartition(".")
    assert "signature is wrong" in desk.refused(f"{signed}.")
    assert "signature is wrong" in desk.refused(f"{signed}.{signature[4:]}")
    assert "signature is wrong" in desk.refused(
        clerk_token(ISSUER, desk.now, RSAKey.generate_key(2048, {"kid": "ins_1"}))
    )
    other = desk.clerk(sub="user_admin")
    assert "signature is wrong" in desk.refused(f"{other.rpartition('.')[0]}.{signature}")


@pytest.mark.parametrize(
    ("header", "claims", "message"),
    [
        (b'{"alg":"none","alg":"RS256","kid":"ins_1"}', None, "has a name twice"),
        (None, b'{"sub":"a","sub":"b"}', "has a name twice"),
        (None, b'{"deep":{"a":1,"a":2}}', "has a name twice"),
        (None, b'{"exp":NaN}', "holds NaN"),
        (None, b"[1]", "payload is not a JSON object"),
        (b'"RS256"', None, "header is not a JSON object"),
        (None, b"{", "payload is not JSON"),
        (None, b"[" * 5000, "payload is not JSON"),
        (None, b'{"n":' + b"1" * 5000 + b"}", "payload is not JSON"),
        (b"\xff", None, "header is not JSON"),
    ],
)
def test_what_is_no_proper_json_is_refused(header: bytes | None, claims: bytes | None, message: str) -> None:
    desk = Desk()
    usual = {"alg": "RS256", "kid": "ins_1"}
    token = sign(header or usual, claims or clerk_claims(ISSUER, desk.now), rsa_key())
    assert message in desk.refused(token)


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c.d", "..", "a.b.c", "é.é.é", "a b.c.d", "====.====.===="]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert "Could not validate token" in Desk().refused(token)


def test_a_token_of_more_than_eight_kilobytes_is_not_even_looked_at() -> None:
    desk = Desk()
    assert "longer than 8,192 bytes" in desk.refused(desk.clerk(big="x" * 8000))


@given(st.text(max_size=60), st.integers(0, 2))
def test_no_text_makes_the_verifier_fail(text: str, place: int) -> None:
    desk = Desk()
    parts = desk.clerk().split(".")
    parts[place] = text
    assert isinstance(desk.judge(".".join(parts)), Rejected)
    assert isinstance(desk.judge(text), Rejected)


@given(
    st.dictionaries(
        st.sampled_from(
            ["iss", "aud", "sub", "exp", "nbf", "iat", "sid", "azp", "sts", "name", "address", "updated_at"]
        ),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
def test_no_claims_make_the_verifier_fail(changes: dict[str, Any]) -> None:
    desk = Desk()
    claims = clerk_claims(ISSUER, desk.now) | changes
    verdict = desk.judge(sign({"alg": "RS256", "kid": "ins_1"}, claims, rsa_key()))
    if isinstance(verdict, Verified):
        json.dumps(verdict.identity.claims)
        assert hash(verdict.identity) == hash(verdict.identity)


def test_a_token_may_name_no_key_only_where_there_is_no_choice() -> None:
    header = {"alg": "RS256"}
    one, two = Desk(), Desk(keys=public(rsa_key(), rsa_key("ins_2")))
    token = sign(header, clerk_claims(ISSUER, one.now), rsa_key())
    one.accepted(token)
    assert "no `kid`" in two.refused(token)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "Ed25519"])
def test_other_algorithms_are_accepted_where_they_are_configured(algorithm: str) -> None:
    name = "EdDSA" if algorithm == "Ed25519" else algorithm
    provider = OpenIDConnect(
        issuer=ISSUER, audience="convex", jwks=public(other_key(name)), algorithms=[name]
    )
    desk = Desk(provider, keys=public(other_key(name)))
    header = {"alg": algorithm, "kid": name}
    token = sign(header, clerk_claims(ISSUER, desk.now), other_key(name), algorithm)
    assert desk.accepted(token).subject == "user_2abc"
    assert "not signed as its issuer signs" in Desk(keys=public(other_key(name))).refused(token)


def test_a_key_is_used_for_its_own_algorithm_only() -> None:
    keys = public(rsa_key())
    desk = Desk(OpenIDConnect(issuer=ISSUER, audience="convex", algorithms=["RS256", "PS256"]), keys=keys)
    token = sign({"alg": "PS256", "kid": "ins_1"}, clerk_claims(ISSUER, desk.now), rsa_key(), "PS256")
    assert "no such key" in desk.refused(token)


def test_authorized_parties_limit_the_sites_whose_tokens_are_accepted() -> None:
    desk = Desk(Clerk(domain=ISSUER, authorized_parties=["https://mine.example.com"]))
    assert "made for another site" in desk.refused(desk.clerk())
    desk.accepted(desk.clerk(azp="https://mine.example.com"))
    assert "made for another site" in desk.refused(desk.clerk(azp=None))
    assert "made for another site" in desk.refused(desk.clerk(azp=["https://mine.example.com"]))


@pytest.mark.parametrize("issuer", [f"{ISSUER}/", ISSUER, ISSUER.removeprefix("https://")])
def test_a_slash_at_the_end_and_a_missing_scheme_do_not_matter_but_stay_in_the_identity(issuer: str) -> None:
    desk = Desk(Clerk(domain=f"{ISSUER}/"))
    assert desk.accepted(desk.clerk(iss=issuer)).issuer == issuer


def test_tokens_of_auth0_are_for_the_client() -> None:
    desk = Desk(Auth0(domain="acme.eu.auth0.com", client_id="client-1"))
    issuer = "https://acme.eu.auth0.com/"
    token = desk.clerk(iss=issuer, aud="client-1", sub="auth0|5f7c8ec7c33c6c004bbafe82")
    assert desk.accepted(token).token_identifier == f"{issuer}|auth0|5f7c8ec7c33c6c004bbafe82"
    assert "aud" in desk.refused(desk.clerk(iss=issuer))


def test_of_several_audiences_one_is_enough() -> None:
    desk = Desk(OpenIDConnect(issuer=ISSUER, audience=["one", "two"]))
    desk.accepted(desk.clerk(aud=["three", "two"]))


def test_production_does_not_name_the_issuers_that_it_accepts() -> None:
    desk = Desk(redact=True)
    message = "No auth provider found matching the given token."
    assert desk.refused(desk.clerk(iss="https://other.example.com")) == message
    assert desk.refused(desk.clerk(aud="other")) == message


def test_without_providers_every_token_is_refused() -> None:
    desk = Desk()
    desk.verifier.configure(())
    verdict = desk.judge(desk.clerk())
    assert verdict == Rejected(
        "No auth provider found matching the given token: this deployment has no auth providers configured.",
        "NoAuthProvider",
    )


def test_a_strict_issuers_tokens_name_their_session() -> None:
    desk = Desk()
    keys = LocalKeys(KeySet.load(public(rsa_key())))
    desk.verifier.configure([Issuer(ISSUER, keys, frozenset({"RS256"}), frozenset({"convex"}), strict=True)])
    desk.accepted(desk.clerk())
    assert "lacks `iat` or `sid`" in desk.refused(desk.clerk(sid=None))
    assert "lacks `iat` or `sid`" in desk.refused(desk.clerk(iat=None))


def test_the_leeway_of_our_own_tokens_is_five_seconds() -> None:
    desk = Desk()
    keys = LocalKeys(KeySet.load(public(rsa_key())))
    desk.verifier.configure([Issuer(ISSUER, keys, frozenset({"RS256"}), frozenset({"convex"}), strict=True)])
    now = desk.clock.wall_ns() // 10**9
    desk.accepted(desk.clerk(exp=now - 4))
    assert "expired" in desk.refused(desk.clerk(exp=now - 5))
    desk.accepted(desk.clerk(iat=now + 5, nbf=now + 5))
    assert "not valid yet" in desk.refused(desk.clerk(iat=now + 6))
    assert "not valid yet" in desk.refused(desk.clerk(nbf=now + 6))


def test_remembered_tokens_are_bounded_and_forgotten_with_their_key() -> None:
    desk = Desk(limits=Limits(verified_tokens=2))
    tokens = [desk.clerk() for _ in range(3)]
    for token in tokens:
        desk.accepted(token)
    assert desk.verifier.remembered == 2
    keys = LocalKeys(KeySet.load(public(rsa_key())))
    desk.verifier.configure([Issuer(ISSUER, keys, frozenset({"RS256"}))])
    desk.accepted(tokens[0])
    keys.keys = KeySet.load(public(rsa_key("ins_2")))
    desk.accepted(tokens[0])
    desk.verifier.forget(ISSUER)
    assert "no such key" in desk.refused(tokens[0])


def test_a_clock_that_is_set_back_makes_a_remembered_token_wait() -> None:
    desk = Desk()
    token = desk.clerk()
    desk.accepted(token)
    desk.clock.jump(desk.clock.wall_ns() - 3600 * 10**9)
    assert "not valid yet" in desk.refused(token)


def test_tokens_of_an_ended_session_are_refused_new_and_remembered() -> None:
    desk = Desk()
    token, other = desk.clerk(), desk.clerk(sid="sess_other")
    desk.accepted(token)
    desk.verifier.revocations.revoke_session(ISSUER, "sess_2abc")
    assert desk.judge(token) == Rejected("Could not validate token: its session has ended", "SessionEnded")
    assert "session has ended" in desk.refused(desk.clerk())
    desk.accepted(other)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (
            {"birthdate": "1815-12-10", "zoneinfo": "Europe/London", "locale": "en"},
            ("1815-12-10", "Europe/London", "en"),
        ),
        ({"birthdate": 1815, "zoneinfo": None, "locale": ["en"]}, (None, None, None)),
    ],
)
def test_claims_have_the_names_of_identity(claims: dict[str, Any], expected: tuple[str | None, ...]) -> None:
    desk = Desk()
    identity = desk.accepted(desk.clerk(**claims))
    assert (identity.birthday, identity.timezone, identity.language) == expected


@pytest.mark.parametrize(
    ("updated_at", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000.5, "2023-11-14T22:13:20.500000Z"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        (1e300, None),
        (True, None),
    ],
)
def test_the_time_of_an_update_is_a_text(updated_at: object, expected: str | None) -> None:
    desk = Desk()
    assert desk.accepted(desk.clerk(updated_at=updated_at)).updated_at == expected


def test_the_address_is_its_formatted_text_and_flags_may_be_texts() -> None:
    desk = Desk()
    identity = desk.accepted(
        desk.clerk(address={"formatted": "1 Ada Way"}, email_verified="false", phone_number_verified="yes")
    )
    assert identity.address == "1 Ada Way"
    assert identity.email_verified is False
    assert identity.phone_number_verified is None


def test_claims_that_change_with_every_token_are_no_part_of_an_identity() -> None:
    desk = Desk()
    identity = desk.accepted(desk.clerk(nonce="n"))
    assert not {"iat", "exp", "nbf", "jti", "fva", "nonce"} & set(identity.claims)
    assert {"iss", "aud", "sub", "sid", "azp"} <= set(identity.claims)


@pytest.mark.parametrize(
    "value",
    [None, list[object](), dict[str, object](), {"keys": "all"}, {"keys": [None] * 101}],
)
def test_what_is_no_key_set_is_refused(value: object) -> None:
    with pytest.raises(KeySetError):
        KeySet.load(value)


def usable(keys: Iterable[object]) -> int:
    return len(KeySet.load({"keys": list(keys)}))


def test_keys_that_cannot_be_used_are_left_out_of_a_set() -> None:
    good = rsa_key().as_dict(private=False)
    assert usable([good]) == 1
    assert usable([rsa_key().as_dict(private=True)]) == 1  # its private half is ignored
    short = good | {"n": encoded((2**1023 + 1).to_bytes(128))}
    assert usable([short, good | {"use": "enc"}, good | {"key_ops": ["encrypt"]}, good | {"kid": 7}]) == 0
    assert (
        usable([{"kty": "oct", "k": encoded(b"secret")}, {"kty": ["RSA"]}, "key", None, {"kty": "RSA"}]) == 0
    )
    assert (
        usable(
            [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "OKP", "crv": "Ed25519", "x": 1}]
        )
        == 0
    )
