"""Accounts whose address was never proved: what a stranger sets up there is gone once the owner comes. Check S13."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from pyotp.totp import TOTP

from support.authenticator import Authenticator
from support.houses import CHEAP, House, Visitor
from support.login_service import CLIENT, LoginService, login_service
from syncline.accounts import admission, api_keys, audit, passwords, users
from syncline.auth import Accounts, EmailCode, OpenIDSignIn, Passkey

ANN = "ann@example.com"
WORDS = "the strangers words"
CALLBACK = "https://app.example.com/back"
VERIFIER = "v" * 43


@pytest.fixture(scope="module")
def service() -> Iterator[LoginService]:
    with login_service() as built:
        yield built


@pytest.fixture
def house(tmp_path: Path, service: LoginService) -> Iterator[House]:
    acme = OpenIDSignIn(name="acme", issuer=service.url, client_id=CLIENT[0], client_secret=CLIENT[1])
    settings = Accounts(algorithm="ES256", redirects=["https://app.example.com"])
    built = House(tmp_path, CHEAP, EmailCode(), Passkey(), acme, settings)
    service.clock = built.core.now()
    yield built
    built.close()


def through_acme(
    service: LoginService, visitor: Visitor, page: str = "/auth/sign-in", **person: object
) -> None:
    """The button of the other service, where `person` sits before the browser."""
    service.person = {"email_verified": True, **person}
    visitor.get(page)
    answer = visitor.submit("/auth/oauth/acme/start")
    url = html.unescape(answer.text.partition("0; url=")[2].partition('"')[0])
    visitor.get(f"/auth/oauth/acme/callback?{urlencode(service.agree(url))}")


class Stranger:
    """Somebody who knows a password of an account that is not his, and makes the most of it."""

    def __init__(self, house: House, service: LoginService) -> None:
        self.house, self.service = house, service
        self.user_id = house.do(users.create, email=ANN, verified=False).id
        hasher = house.provider.hasher
        assert hasher is not None
        house.do(passwords.put, self.user_id, hasher.hash(WORDS))
        self.visitor = house.visitor()
        self.visitor.sign_in(ANN, WORDS)
        self.device = Authenticator()
        asked = self.visitor.post("/auth/account/passkeys/options").json()
        credential = self.device.create(asked["options"])
        assert self.visitor.post(
            "/auth/account/passkeys/add", flow=asked["flow"], credential=credential
        ).is_success
        through_acme(service, self.visitor, "/auth/account", sub="stranger", email="stranger@example.com")
        self.visitor.get("/auth/api-keys")
        found = re.search(
            r"sk_[\w-]{43}", self.visitor.submit("/auth/api-keys", action="create", name="mine").text
        )
        assert found
        self.key = found[0]
        self.key_id = house.do(api_keys.listed, self.user_id)[0].id
        page = self.visitor.get("/auth/account/totp").text
        secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
        assert secret
        totp = TOTP(secret[1].replace(" ", ""))
        assert "backup" in self.visitor.submit("/auth/account/totp", code=totp.at(house.core.now())).text
        challenge = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
        query = {
            "redirect_uri": CALLBACK,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "state": "s",
        }
        back = self.visitor.get(f"/auth/authorize?{urlencode(query)}").headers["location"]
        self.code = parse_qs(urlsplit(back).query)["code"][0]

    def ways_in(self) -> list[str]:
        """What still works."""
        found: list[str] = []
        if self.visitor.session() is not None:
            found.append("session")
        by_password = self.house.visitor()
        if by_password.sign_in(ANN, WORDS).status_code != 401:
            found.append("password")
        by_passkey = self.house.visitor()
        by_passkey.get("/auth/sign-in")
        asked = by_passkey.post("/auth/passkeys/options").json()
        credential = self.device.get(asked["options"])
        if by_passkey.post("/auth/passkeys/sign-in", flow=asked["flow"], credential=credential).is_success:
            found.append("passkey")
        by_acme = self.house.visitor()
        through_acme(self.service, by_acme, sub="stranger", email="stranger@example.com")
        if "Second step" in by_acme.last.text or by_acme.user()["id"] == self.user_id:
            found.append("connection")
        key = {"authorization": f"Bearer {self.key}"}
        if self.house.visitor().request("POST", "/auth/token", json={}, headers=key).is_success:
            found.append("API key")
        if not self.house.provider.is_revoked(self.key_id):
            found.append("token of the API key")
        form = {
            "grant_type": "authorization_code", "code": self.code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK,
        }  # fmt: skip
        if self.house.visitor().request("POST", "/auth/exchange", json=form).is_success:
            found.append("code for another frontend")
        return found


Way = Callable[[House, LoginService, Visitor], None]


def by_code(house: House, service: LoginService, owner: Visitor) -> None:
    owner.get("/auth/sign-in")
    owner.submit("/auth/sign-in", email=ANN, method="code")
    owner.submit("/auth/verify", code=house.code(ANN))


def by_link(house: House, service: LoginService, owner: Visitor) -> None:
    owner.get("/auth/sign-in")
    owner.submit("/auth/sign-in", email=ANN, method="code")
    owner.get(house.link(ANN))
    owner.submit("/auth/link")


def by_another_service(house: House, service: LoginService, owner: Visitor) -> None:
    through_acme(service, owner, sub="ann", email=ANN)


def by_reset(house: House, service: LoginService, owner: Visitor) -> None:
    owner.get("/auth/reset")
    owner.submit("/auth/reset", email=ANN)
    owner.submit("/auth/verify", code=house.code(ANN))
    owner.submit("/auth/new-password", password="words of the owner")


def by_sign_up(house: House, service: LoginService, owner: Visitor) -> None:
    owner.get("/auth/sign-up")
    owner.submit("/auth/sign-up", email=ANN, password="words of the owner")
    owner.submit("/auth/verify", code=house.code(ANN))


def by_invitation(house: House, service: LoginService, owner: Visitor) -> None:
    house.do(admission.invite, ANN, locale="en")
    owner.get(house.link(ANN))
    by_sign_up(house, service, owner)


@pytest.mark.parametrize("way", [by_code, by_link, by_another_service, by_reset, by_sign_up, by_invitation])
def test_what_a_stranger_set_up_is_gone_once_the_owner_proves_the_address(
    house: House, service: LoginService, way: Way
) -> None:
    stranger = Stranger(house, service)
    owner = house.visitor()
    way(house, service, owner)
    assert owner.user()["id"] == stranger.user_id
    assert owner.session() is not None  # No second step of the stranger's making is in the way.
    assert stranger.ways_in() == []
    assert [each["event"] for each in house.do(audit.entries)].count("user.reclaimed") == 1
    # What the owner sets up from now on stays, however often he proves his address.
    by_code(house, service, house.visitor())
    assert owner.session() is not None


def test_until_then_all_of_it_works(house: House, service: LoginService) -> None:
    stranger = Stranger(house, service)
    ways = {"session", "password", "passkey", "connection", "API key", "token of the API key"}
    assert ways | {"code for another frontend"} == set(stranger.ways_in())


def test_nobody_draws_the_owner_of_an_unproved_address_into_an_organisation(
    house: House, service: LoginService
) -> None:
    stranger = Stranger(house, service)
    stranger.visitor.get("/auth/organizations")
    stranger.visitor.submit("/auth/organizations", action="create", name="Trap")
    assert stranger.visitor.alert == "This address is not verified yet."
    owner = house.visitor()
    by_code(house, service, owner)
    owner.get("/auth/organizations")
    owner.submit("/auth/organizations", action="create", name="Orchard")
    assert [each["name"] for each in owner.request("GET", "/auth/session").json()["organizations"]] == [
        "Orchard"
    ]
