"""Sign-in at other services, played by a service on this machine. Checks S13, S14, S24, S38."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from support.houses import CHEAP, House, house
from support.login_service import CLIENT, LoginService, come_back, connections, leave, login_service
from syncline.accounts import users
from syncline.accounts.credentials import missing
from syncline.accounts.oauth.endpoints import proves_email
from syncline.accounts.outgoing import OutgoingError, send
from syncline.auth import Accounts, Apple, EmailCode, External, GitHub, Google, Microsoft, OpenIDSignIn

ANN = {
    "sub": "a-1",
    "email": "ann@example.com",
    "email_verified": True,
    "name": "Ann",
    "picture": "https://x/y.png",
}


@pytest.fixture
def service() -> Iterator[LoginService]:
    with login_service() as built:
        yield built


def at(service: LoginService, folder: Path, *others: External, **more: Any) -> House:
    service.person = dict(ANN)
    acme = OpenIDSignIn(name="acme", issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1], **more)
    built = House(folder, CHEAP, EmailCode(), acme, *others, Accounts(algorithm="ES256"))
    service.clock = built.core.now()
    return built


def test_somebody_new_signs_up_by_another_service(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path)
    visitor = built.visitor()
    url = leave(visitor, page="/auth/sign-in?redirect=/notes")
    assert url.startswith(f"{service.url}/authorize?")
    assert come_back(visitor, service.agree(url)).headers["location"] == "/notes"
    user = visitor.user()
    assert (user["email"], user["name"], user["image_url"]) == ("ann@example.com", "Ann", "https://x/y.png")
    again = built.visitor()
    come_back(again, service.agree(leave(again)))
    assert again.user()["id"] == user["id"]
    built.close()


def test_the_services_own_id_counts_and_not_the_address(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path)
    first = built.visitor()
    come_back(first, service.agree(leave(first)))
    service.person["email"] = "other@example.com"
    second = built.visitor()
    come_back(second, service.agree(leave(second)))
    assert second.user()["id"] == first.user()["id"]
    built.close()


def test_a_verified_address_joins_accounts_and_an_unverified_one_does_not(
    service: LoginService, tmp_path: Path
) -> None:
    built = at(service, tmp_path)
    owner = built.sign_up("ann@example.com")
    service.person["email_verified"] = False
    stranger = built.visitor()
    asked = come_back(stranger, service.agree(leave(stranger)))
    assert "Check your email" in asked.text
    assert stranger.session() is None and built.do(connections) == []
    service.person["email_verified"] = True
    again = built.visitor()
    come_back(again, service.agree(leave(again)))
    assert again.user()["id"] == owner.user()["id"]
    told = built.mail("ann@example.com")
    assert told.kind == "factor_changed" and "added or removed: acme" in told.text.lower()
    built.close()


@pytest.mark.parametrize(
    ("provider", "claims", "proved"),
    [
        # Tokens of Entra ID have `oid`, `tid` and `preferred_username`, and no `email_verified`.
        (Microsoft(), {}, False),
        (Microsoft(), {"email_verified": True}, False),
        (Microsoft(), {"xms_edov": True}, True),
        (Microsoft(), {"xms_edov": "1"}, True),
        (Microsoft(), {"xms_edov": False}, False),
        (Microsoft(tenant="9188040d-6c67-4c5b-b112-36a304b66dad"), {}, False),
        (Microsoft(tenant="contoso.example"), {}, True),
        (Microsoft(tenant="contoso.example"), {"xms_edov": False}, False),
        (Microsoft(tenant="contoso.example"), {"email_verified": False}, False),
        (Google(), {}, False),
        (Google(), {"email_verified": True}, True),
        (Apple(), {"email_verified": "true"}, True),
        (OpenIDSignIn(name="x", issuer="https://x.example"), {"email_verified": True}, True),
        (
            OpenIDSignIn(name="x", issuer="https://x.example", trust_email=False),
            {"email_verified": True},
            False,
        ),
    ],
)
def test_what_proves_an_address_differs_by_service(
    provider: External, claims: dict[str, Any], proved: bool
) -> None:
    assert proves_email(provider, claims) is proved


def test_people_of_ones_own_tenant_sign_up_by_microsoft(service: LoginService, tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(Microsoft):
        host: ClassVar[str] = service.url

    built = at(service, tmp_path, Local(tenant="t-1", client_id=CLIENT[0], client_secret=CLIENT[1]))
    del service.person["email_verified"]
    service.lies = {"iss": f"{service.url}/t-1/v2.0", "tid": "t-1", "oid": "o-1", "ver": "2.0"}
    visitor = built.visitor()
    come_back(visitor, service.agree(leave(visitor, "microsoft")), "microsoft")
    assert visitor.user()["email"] == "ann@example.com"
    built.close()


def test_an_address_that_was_never_proved_here_is_taken_back_from_who_set_it_up(
    service: LoginService, tmp_path: Path
) -> None:
    built = at(service, tmp_path)
    user = built.do(users.create, email="ann@example.com", verified=False)
    built.do(lambda core: core.file.change("INSERT INTO passwords VALUES (?, 'x', 0)", user.id))
    owner = built.visitor()
    come_back(owner, service.agree(leave(owner)))
    assert owner.user()["id"] == user.id
    assert built.do(lambda core: core.file.value("SELECT count(*) FROM passwords")) == 0
    built.close()


def test_an_unproved_second_address_is_nobodys(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path)
    mallory = built.do(users.create, email="mallory@example.com", verified=True)
    built.do(users.add_address, mallory.id, "ann@example.com", verified=False)
    owner = built.visitor()
    come_back(owner, service.agree(leave(owner)))
    assert owner.user()["id"] != mallory.id
    assert [each.email for each in built.do(users.require, mallory.id).addresses] == ["mallory@example.com"]
    built.close()


def test_who_is_signed_in_connects_another_service_and_disconnects_it(
    service: LoginService, tmp_path: Path
) -> None:
    built = at(service, tmp_path)
    service.person |= {"sub": "work-9", "email": "ann@work.example", "email_verified": False}
    visitor = built.sign_up("ann@example.com")
    come_back(visitor, service.agree(leave(visitor, page="/auth/account")))
    assert "ann@work.example" in visitor.last.text and "Saved." in visitor.last.text
    assert built.mail("ann@example.com").kind == "factor_changed"
    other = built.sign_up("bob@example.com")
    taken = come_back(other, service.agree(leave(other, page="/auth/account")))
    assert taken.status_code == 409
    visitor.get("/auth/account")
    visitor.submit("/auth/account/connections", provider="acme")
    assert "ann@work.example" not in visitor.last.text
    built.close()


def test_an_answer_for_another_browser_is_refused(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path)
    attacker, victim = built.visitor(), built.visitor()
    answer = service.agree(leave(attacker))
    victim.get("/auth/sign-in")
    assert come_back(victim, answer).status_code == 410
    assert victim.session() is None
    built.close()


def test_an_answer_works_once_and_for_its_provider_only(service: LoginService, tmp_path: Path) -> None:
    other = OpenIDSignIn(name="other", issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1])
    built = at(service, tmp_path, other)
    visitor = built.visitor()
    answer = service.agree(leave(visitor))
    assert come_back(visitor, answer, "other").status_code == 410
    assert come_back(visitor, answer).status_code == 303
    fresh = built.visitor()
    assert come_back(fresh, answer).status_code == 410
    built.close()


@pytest.mark.parametrize(
    "lie",
    [{"iss": "https://evil.example"}, {"aud": "client-2"}, {"aud": ["client-1", "client-2"]}, {"nonce": "x"}, {"exp": 1},
     {"exp": "soon"}, {"sub": ""}],
    ids=lambda lie: next(iter(lie)),
)  # fmt: skip
def test_an_id_token_for_somebody_else_is_refused(
    service: LoginService, tmp_path: Path, lie: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    built = at(service, tmp_path)
    service.lies = lie
    visitor = built.visitor()
    answer = come_back(visitor, service.agree(leave(visitor)))
    assert answer.status_code == 502
    assert "Acme did not sign you in" in answer.text
    assert visitor.session() is None
    built.close()


def test_an_id_token_of_another_key_is_refused(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path)
    service.key = RSAKey.generate_key(2048, {"kid": "k1"})
    visitor = built.visitor()
    assert come_back(visitor, service.agree(leave(visitor))).status_code == 502
    assert service.asked.count("/jwks") == 2  # It may have been a new key.
    built.close()


def test_an_answer_that_names_another_issuer_is_refused(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path)
    visitor = built.visitor()
    answer = {**service.agree(leave(visitor)), "iss": "https://evil.example"}
    assert come_back(visitor, answer).status_code == 502
    built.close()


def test_who_says_no_at_the_service_is_told_so(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path)
    visitor = built.visitor()
    state = parse_qs(urlsplit(leave(visitor)).query)["state"][0]
    answer = come_back(visitor, {"state": state, "error": "access_denied"})
    assert "did not sign you in" in answer.text
    built.close()


def test_github_tells_who_somebody_is_by_its_api(service: LoginService, tmp_path: Path) -> None:
    built = at(service, tmp_path, GitHub(host=service.url, client_id=CLIENT[0], client_secret=CLIENT[1]))
    service.person = {
        "id": 77, "login": "ann", "name": None, "avatar_url": "https://x/a.png",
        "emails": [
            {"email": "old@example.com", "primary": False, "verified": True},
            {"email": "ann@example.com", "primary": True, "verified": True},
        ],
    }  # fmt: skip
    visitor = built.visitor()
    come_back(visitor, service.agree(leave(visitor, "github")), "github")
    assert (visitor.user()["email"], visitor.user()["name"]) == ("ann@example.com", "ann")
    service.person["emails"][1]["verified"] = False
    service.person["id"] = 78
    other = built.visitor()
    assert "Check your email" in come_back(other, service.agree(leave(other, "github")), "github").text
    assert other.session() is None
    built.close()


def test_microsofts_tokens_name_the_tenant_of_the_user(service: LoginService, tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(Microsoft):
        host: ClassVar[str] = service.url

    built = at(service, tmp_path, Local(client_id=CLIENT[0], client_secret=CLIENT[1]))
    service.lies = {"iss": f"{service.url}/t-1/v2.0", "tid": "t-1"}
    owner = built.sign_up("ann@example.com")
    come_back(owner, service.agree(leave(owner, "microsoft", "/auth/account")), "microsoft")
    visitor = built.visitor()
    come_back(visitor, service.agree(leave(visitor, "microsoft")), "microsoft")
    assert visitor.user()["id"] == owner.user()["id"]
    service.lies = {"iss": f"{service.url}/t-2/v2.0", "tid": "t-1"}
    refused = built.visitor()
    assert come_back(refused, service.agree(leave(refused, "microsoft")), "microsoft").status_code == 502
    built.close()


def test_apple_answers_by_a_form_from_its_own_site(service: LoginService, tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(Apple):
        issuer: ClassVar[str] = service.url

    built = at(service, tmp_path, Local(client_id=CLIENT[0], client_secret=CLIENT[1]))
    service.person["email_verified"] = "true"
    del service.person["name"]
    visitor = built.visitor()
    url = leave(visitor, "apple")
    assert parse_qs(urlsplit(url).query)["response_mode"] == ["form_post"]
    stranger = built.visitor()  # Browsers add no cookie to a form from another site.
    posted = stranger.request(
        "POST",
        "/auth/oauth/apple/callback",
        data={**service.agree(url), "user": '{"name": {"firstName": "Ann", "lastName": "Smith"}}'},
        headers={"origin": "https://appleid.apple.com"},
    )
    assert posted.status_code == 303
    visitor.get(posted.headers["location"])
    assert (visitor.user()["email"], visitor.user()["name"]) == ("ann@example.com", "Ann Smith")
    built.close()


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"name": 7}', '{"name": {"firstName": 7}}', "[" * 3000])
def test_a_name_that_is_none_does_not_keep_anybody_from_signing_in(
    service: LoginService, tmp_path: Path, told: str
) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Local(Apple):
        issuer: ClassVar[str] = service.url

    built = at(service, tmp_path, Local(client_id=CLIENT[0], client_secret=CLIENT[1]))
    del service.person["name"]
    visitor = built.visitor()
    form = {**service.agree(leave(visitor, "apple")), "user": told}
    posted = visitor.request("POST", "/auth/oauth/apple/callback", data=form)
    visitor.get(posted.headers["location"])
    assert (visitor.user()["email"], visitor.user()["name"]) == ("ann@example.com", None)
    built.close()


def test_a_service_that_is_not_set_up_is_not_offered_and_the_log_says_why(
    service: LoginService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with house(tmp_path, CHEAP, OpenIDSignIn(name="acme", issuer=service.url)) as built:
        visitor = built.visitor()
        assert "Acme" not in visitor.get("/auth/sign-in").text
        assert visitor.submit("/auth/oauth/acme/start").status_code == 404
        assert "nobody can sign in with Acme: ACME_CLIENT_ID is not set" in caplog.text
    (tmp_path / "2").mkdir()
    environment = {"ACME_CLIENT_ID": CLIENT[0], "ACME_CLIENT_SECRET": CLIENT[1]}
    with house(
        tmp_path / "2", CHEAP, OpenIDSignIn(name="acme", issuer=service.url), environment=environment
    ) as built:
        service.person, service.clock = dict(ANN), built.core.now()
        visitor = built.visitor()
        come_back(visitor, service.agree(leave(visitor)))
        assert visitor.session() is not None


@pytest.mark.parametrize("url", ["http://example.com/", "https://169.254.169.254/", "ftp://example.com/"])
def test_what_others_name_is_not_asked_everywhere(url: str) -> None:
    with pytest.raises(OutgoingError):
        send("GET", url, production=True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "10.0.0.1", "2130706433", "[::ffff:127.0.0.1]"]
)
def test_receivers_in_our_own_network_are_not_asked_in_production(host: str) -> None:
    with pytest.raises(OutgoingError):
        send("POST", f"https://{host}/", production=True, public_only=True)


@pytest.mark.parametrize(
    ("service", "names"),
    [
        (GitHub(), ["GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"]),
        (Google(client_id="x"), ["GOOGLE_CLIENT_SECRET"]),
        (Apple(client_id="x", team_id="t"), ["APPLE_KEY_ID", "APPLE_PRIVATE_KEY"]),
        (Apple(client_id="x", client_secret="y"), []),
        (OpenIDSignIn(name="my-acme", issuer="https://id.example.com"), ["MY_ACME_CLIENT_ID"]),
    ],
)
def test_what_a_service_lacks_is_named(service: External, names: list[str]) -> None:
    assert missing(service, {}) == names
    assert missing(service, dict.fromkeys(names, "z")) == []


def test_a_page_without_any_way_to_sign_in_says_so(tmp_path: Path) -> None:
    with house(tmp_path, GitHub(), Accounts(algorithm="ES256")) as built:
        assert "no service is set up" in built.visitor().get("/auth/sign-in").text
