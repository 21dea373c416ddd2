"""Codes of the second step: how many may be tried, and whom wrong ones are told. Checks S16, S17, S20."""

from __future__ import annotations

import re

import pytest
from pyotp.totp import TOTP

from support.houses import PASSWORD, House, Visitor
from syncline.accounts import attempts, audit, second_factor, users
from syncline.accounts.core import Visitor as Place

ANN = "ann@example.com"
HOUR, DAY = 3600, 24 * 3600


@pytest.fixture
def user_id(house: House) -> str:
    """A user who never signed in: nothing is known of any device or network."""
    return house.do(users.create, email=ANN).id


@pytest.fixture
def app(house: House) -> TOTP:
    """The authenticator app of Ann, who is signed out."""
    owner = house.sign_up(ANN)
    app = TOTP(house.do(second_factor.set_up, ANN)[0])
    code = app.at(house.core.now())
    assert house.do(second_factor.confirm, owner.user()["id"], app.secret, code)
    house.clock.advance(DAY)
    return app


def tries(house: House, user_id: str, seconds: int, addresses: list[str]) -> int:
    """How many codes are taken within some time, if one is tried every minute at each address."""
    taken = 0
    for _ in range(seconds // 60):
        for address in addresses:
            taken += house.do(attempts.take_second, user_id, Place(address)) is None
        house.clock.advance(60)
    return taken


def thief(house: House, address: str = "198.51.100.1") -> Visitor:
    """Somebody who knows the password, at the second step."""
    visitor = house.visitor(address=address, agent="Mozilla/5.0 (Windows NT 10.0) Chrome/140.0")
    visitor.sign_in(ANN)
    assert "/auth/mfa" in str(visitor.last.url), visitor.alert
    return visitor


def wrong(house: House, visitor: Visitor, count: int) -> None:
    """Enter wrong codes, slowly enough to be asked for each."""
    for _ in range(count):
        house.clock.advance(1200)
        visitor.sign_in(ANN)
        assert visitor.submit("/auth/mfa", code="000000").status_code == 400, visitor.last.text


def sign_out(visitor: Visitor) -> None:
    visitor.get("/auth/sign-out")
    visitor.submit("/auth/sign-out")


def told(house: House) -> int:
    return sum(mail.kind == "second_failed" for mail in house.mails(ANN))


def test_strangers_together_have_few_codes_within_an_hour_and_a_day(house: House, user_id: str) -> None:
    addresses = [f"198.51.100.{number}" for number in range(5)]
    assert 30 <= tries(house, user_id, HOUR, addresses) <= 60
    house.clock.advance(3 * DAY)
    # Once the first are used up the others are spread over the day.
    assert 60 <= tries(house, user_id, DAY, addresses) <= 120


def test_one_network_has_a_half_of_what_strangers_have(house: House, user_id: str) -> None:
    assert 15 <= tries(house, user_id, HOUR, ["198.51.100.1"]) <= 30
    house.clock.advance(3 * DAY)
    assert 30 <= tries(house, user_id, DAY, ["198.51.100.1"]) <= 60


def test_the_owner_is_told_of_ten_wrong_codes_in_a_row_once(house: House, app: TOTP) -> None:
    visitor = thief(house)
    wrong(house, visitor, 9)
    assert told(house) == 0
    wrong(house, visitor, 1)
    assert told(house) == 1
    mail = house.mail(ANN)
    assert mail.subject == "Somebody may know your password"
    assert "10 wrong codes in a row" in mail.text and "from Chrome, Windows, 198.51.100.1" in mail.text
    assert "reset your password and sign out all devices" in mail.text
    wrong(house, visitor, 11)
    assert told(house) == 1


def test_a_right_code_begins_a_new_row(house: House, app: TOTP) -> None:
    visitor = house.visitor()
    for _ in range(3):
        visitor.sign_in(ANN)
        visitor.submit("/auth/mfa", code=app.at(house.core.now()))
        assert visitor.session() is not None
        sign_out(visitor)
        wrong(house, visitor, 9)
    assert told(house) == 0


def test_what_the_owner_enters_on_a_known_device_hides_no_stranger(house: House, app: TOTP) -> None:
    owner = house.visitor()
    stranger = thief(house)
    for _ in range(2):
        wrong(house, stranger, 5)
        owner.sign_in(ANN)
        owner.submit("/auth/mfa", code=app.at(house.core.now()))
        assert owner.session() is not None
        sign_out(owner)
    assert told(house) == 1


def test_wrong_codes_of_who_is_signed_in_are_written_down_and_told_too(house: House, app: TOTP) -> None:
    owner = house.visitor()
    owner.sign_in(ANN)
    owner.submit("/auth/mfa", code=app.at(house.core.now()))
    for _ in range(10):
        house.clock.advance(1200)
        owner.get("/auth/reverify?redirect=/auth/account")
        owner.submit("/auth/reverify", method="totp", code="000000")
        assert owner.alert == "This code is not right. Please look again."
    events = [entry["event"] for entry in house.do(audit.entries)]
    assert events.count("second_step.failed") == 10 and told(house) == 1
    owner.submit("/auth/reverify", method="totp", code=app.at(house.core.now()))
    assert owner.alert == ""


def test_who_has_not_done_the_first_step_counts_for_nothing(house: House, app: TOTP) -> None:
    stranger = house.visitor(address="198.51.100.1")
    for _ in range(80):
        stranger.get("/auth/sign-in")
        assert stranger.submit("/auth/mfa", flow="flow_" + "0" * 25, code="000000").status_code == 410
    counted = house.do(lambda core: core.file.value("SELECT count(*) FROM failures"))
    assert counted == 0 and told(house) == 0
    owner = thief(house, address="192.0.2.99")
    owner.submit("/auth/mfa", code=app.at(house.core.now()))
    assert owner.session() is not None


def test_an_administrator_lets_strangers_try_again(house: House, user_id: str) -> None:
    addresses = [f"198.51.100.{number}" for number in range(40)]
    assert tries(house, user_id, 60, addresses) == 10
    house.accounts.users.unlock(user_id)
    assert tries(house, user_id, 60, [f"203.0.113.{number}" for number in range(40)]) == 10


def test_the_mail_is_written_in_german_too(house: House, app: TOTP) -> None:
    house.do(lambda core: core.file.change("UPDATE users SET locale = 'de'"))
    wrong(house, thief(house), 10)
    mail = house.mail(ANN)
    assert mail.subject == "Jemand kennt vielleicht Ihr Passwort"
    assert re.search(r"10 falsche Codes nacheinander eingegeben, der letzte von Chrome, Windows", mail.text)
    assert PASSWORD not in mail.text
