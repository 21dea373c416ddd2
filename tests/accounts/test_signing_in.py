"""Sign-up, sign-in, reset and sign-out, as a browser without JavaScript does them. Checks S8, S9, S13, S14, S15."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.houses import CHEAP, PASSWORD, House, house
from support.houses import house as live_house
from syncline.accounts import passwords, sessions, users
from syncline.auth import Accounts, EmailCode, Password
from syncline.kernel.errors import SetupError


def test_an_account_comes_to_be_when_its_address_is_proved(house: House) -> None:
    visitor = house.visitor()
    visitor.get("/auth/sign-up")
    visitor.submit("/auth/sign-up", email="ann@example.com", password=PASSWORD, name="Ann")
    assert house.do(users.find, "ann@example.com") is None
    visitor.submit("/auth/verify", code="000000")
    assert visitor.alert == "This code is not right. Please look again."
    assert visitor.submit("/auth/verify", code=house.code("ann@example.com")).headers["location"] == "/"
    user = visitor.user()
    assert (user["email"], user["email_verified"], user["name"]) == ("ann@example.com", True, "Ann")


def test_people_sign_in_with_their_password_and_out_again(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.sign_in("Ann@Example.COM")
    assert visitor.session() is not None
    visitor.get("/auth/sign-out")
    visitor.submit("/auth/sign-out")
    assert visitor.session() is None
    assert visitor.post("/auth/token").json()["error"] == "signed_out"


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(house: House) -> None:
    house.sign_up("ann@example.com")
    wrong, unknown = house.visitor(), house.visitor()
    wrong.sign_in("ann@example.com", "not the password")
    unknown.sign_in("bob@example.com", "not the password")
    assert wrong.alert == unknown.alert == "The email address or the password is not right."
    assert wrong.last.status_code == unknown.last.status_code == 401


def test_a_code_by_mail_signs_in(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get("/auth/sign-in?redirect=/notes")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    assert visitor.submit("/auth/verify", code=house.code("ann@example.com")).headers["location"] == "/notes"
    assert visitor.session() is not None


def test_a_link_is_consumed_by_post_only_and_once(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get("/auth/sign-in")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    link = house.link("ann@example.com")
    for _ in range(10):  # What looks through mails opens links.
        assert house.visitor().get(link).status_code == 200
        assert visitor.request("HEAD", link).status_code == 200
    visitor.get(link)
    assert visitor.submit("/auth/link").headers["location"] == "/"
    assert visitor.session() is not None
    assert visitor.get(link).status_code == 410


def test_a_link_in_another_browser_asks_for_the_code_instead(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor, other = house.visitor(), house.visitor()
    visitor.get("/auth/sign-in")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    page = other.get(house.link("ann@example.com"))
    assert "in another browser" in page.text
    assert 'name="token"' not in page.text
    flow, token = re.findall(r"flow=(\w+)&token=([\w-]+)", house.mail("ann@example.com").text)[0]
    other.get("/auth/sign-in")
    assert other.submit("/auth/link", flow=flow, token=token).status_code == 410
    assert other.session() is None


def test_five_wrong_codes_end_a_flow(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get("/auth/sign-in")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    code = house.code("ann@example.com")
    wrong = "111111" if code != "111111" else "222222"
    flow = visitor.hidden
    for _ in range(4):
        assert visitor.submit("/auth/verify", code=wrong).status_code == 400
    assert visitor.submit("/auth/verify", code=wrong).status_code == 410
    visitor.get("/auth/sign-in")
    assert visitor.submit("/auth/verify", flow=flow["flow"], code=code).status_code == 410
    assert visitor.session() is None


def test_a_code_expires_and_a_new_one_voids_it(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get("/auth/sign-in")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    first, flow = house.code("ann@example.com"), visitor.hidden["flow"]
    visitor.get("/auth/sign-in")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    assert visitor.submit("/auth/verify", flow=flow, code=first).status_code == 410
    visitor.get("/auth/sign-in")
    visitor.submit("/auth/sign-in", email="ann@example.com", method="code")
    house.clock.advance(601)
    assert visitor.submit("/auth/verify", code=house.code("ann@example.com")).status_code == 410


def test_a_new_password_by_mail_ends_all_sessions(house: House) -> None:
    old = house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get("/auth/reset")
    visitor.submit("/auth/reset", email="ann@example.com")
    visitor.submit("/auth/verify", code=house.code("ann@example.com"))
    visitor.submit("/auth/new-password", password="password1")
    assert "attackers try first" in visitor.alert
    visitor.submit("/auth/new-password", password="another long sentence")
    assert visitor.session() is not None
    assert old.session() is None
    assert house.mail("ann@example.com").kind == "password_changed"
    fresh = house.visitor()
    fresh.sign_in("ann@example.com", "another long sentence")
    assert fresh.session() is not None


def test_an_account_whose_address_was_never_proved_loses_what_a_stranger_set_up(house: House) -> None:
    user = house.do(users.create, email="ann@example.com", verified=False)
    house.do(passwords.put, user.id, house.provider.hasher.hash("the strangers words"))  # type: ignore[union-attr]  # it has passwords
    stranger = house.visitor()
    stranger.sign_in("ann@example.com", "the strangers words")
    assert stranger.session() is not None
    owner = house.visitor()
    owner.get("/auth/sign-in")
    owner.submit("/auth/sign-in", email="ann@example.com", method="code")
    owner.submit("/auth/verify", code=house.code("ann@example.com"))
    assert owner.user()["id"] == user.id
    assert stranger.session() is None
    stranger.sign_in("ann@example.com", "the strangers words")
    assert stranger.last.status_code == 401


def test_signing_up_with_an_address_that_has_an_account_changes_nothing(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get("/auth/sign-up")
    page = visitor.submit("/auth/sign-up", email="ann@example.com", password="strangers own words")
    assert "If ann@example.com can be used here" in page.text
    assert house.mail("ann@example.com").kind == "exists"
    fresh = house.visitor()
    fresh.sign_in("ann@example.com", "strangers own words")
    assert fresh.session() is None


def test_the_cookie_before_sign_in_is_worth_nothing_after(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get("/auth/sign-in")
    before = visitor.cookies["syncline_browser"]
    visitor.submit("/auth/sign-in", email="ann@example.com", password=PASSWORD, method="password")
    assert visitor.cookies["syncline_browser"] != before
    secret = visitor.cookies["syncline_session"]
    assert secret != before
    assert house.do(sessions.find, before) is None
    assert secret.encode() not in (house.folder / "identity.db-wal").read_bytes()


def test_cookies_over_https_are_bound_to_the_host(tmp_path: Path) -> None:
    with house(tmp_path, CHEAP, EmailCode(), url="https://app.example.com", production=True) as built:
        visitor = built.visitor()
        response = visitor.request("GET", "/auth/sign-in")
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("__Host-syncline_browser=")
        assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
        assert "Domain" not in cookie
        assert "max-age" in response.headers["strict-transport-security"]


def test_sign_up_can_be_closed_and_addresses_blocked(tmp_path: Path) -> None:
    with house(tmp_path, CHEAP, EmailCode(), Accounts(sign_up="closed")) as built:
        visitor = built.visitor()
        assert "You need an invitation" in visitor.get("/auth/sign-up").text
        visitor.submit("/auth/sign-up", email="ann@example.com", password=PASSWORD)
        assert built.mails("ann@example.com") == []
    (tmp_path / "2").mkdir()
    with house(tmp_path / "2", CHEAP, Accounts(blocked=["@evil.example"])) as built:
        visitor = built.visitor()
        visitor.get("/auth/sign-up")
        visitor.submit("/auth/sign-up", email="ann@EVIL.example", password=PASSWORD)
        assert visitor.alert == "This address cannot be used here."


@pytest.mark.parametrize(
    "settings", [{"min_length": 5}, {"memory_kib": 10}, {"passes": 0}], ids=["short", "cheap", "no pass"]
)
def test_passwords_that_protect_nothing_cannot_be_declared(settings: dict[str, int]) -> None:
    with pytest.raises(SetupError):
        Password(**settings)


def test_pages_speak_german_to_germans(house: House) -> None:
    visitor = house.visitor(language="de-CH,de;q=0.9,en;q=0.5")
    assert "Bei localhost:3210 anmelden" in visitor.get("/auth/sign-in").text
    assert '<html lang="de">' in visitor.last.text
    assert "Diese Seite gibt es nicht" in visitor.get("/auth/nothing").text


def test_a_new_device_is_told_of_by_mail(house: House) -> None:
    house.sign_up("ann@example.com")
    near = house.visitor(agent="Other/1.0")
    near.sign_in("ann@example.com")
    assert house.mail("ann@example.com").kind == "sign_up"
    far = house.visitor(agent="Mozilla/5.0 (iPhone) Safari/600", address="198.51.100.4")
    far.sign_in("ann@example.com")
    assert house.mail("ann@example.com").kind == "new_device"
    assert "Safari, iPhone" in house.mail("ann@example.com").text


def test_test_addresses_have_a_fixed_code_in_development_only(house: House, tmp_path: Path) -> None:
    visitor = house.visitor(address="127.0.0.1")
    visitor.get("/auth/sign-up")
    visitor.submit("/auth/sign-up", email="ann+test@example.com", password=PASSWORD)
    visitor.submit("/auth/verify", code="424242")
    assert visitor.session() is not None
    elsewhere = house.visitor(address="192.168.1.20")
    elsewhere.get("/auth/sign-in")
    elsewhere.submit("/auth/sign-in", email="ann+test@example.com", method="code")
    elsewhere.submit("/auth/verify", code="424242")
    assert elsewhere.session() is None and house.code("ann+test@example.com") != "424242"
    (tmp_path / "2").mkdir()
    with live_house(tmp_path / "2", url="https://example.com", production=True) as live:
        visitor = live.visitor(address="127.0.0.1")
        visitor.get("/auth/sign-up")
        visitor.submit("/auth/sign-up", email="ann+test@example.com", password=PASSWORD)
        visitor.submit("/auth/verify", code="424242")
        assert visitor.session() is None
