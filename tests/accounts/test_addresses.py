"""E-mail addresses: one form before anything is checked, whose they are, and which may sign up. Check S18."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from disposable_email_domains import blocklist
from hypothesis import given
from hypothesis import strategies as st

from support.houses import CHEAP, PASSWORD, House
from support.houses import house as live_house
from syncline.accounts import AccountError, admission, sessions, users
from syncline.accounts.disposable import is_disposable
from syncline.accounts.emails import clean_email, normal_form
from syncline.auth import Accounts, EmailCode
from syncline.kernel.errors import SetupError


@pytest.mark.parametrize(
    "text",
    ["ann", "ann@", "@example.com", "ann@localhost", "ann@exa mple.com", "ann\r\nbcc: x@example.com", "a@b@example.com",
     "ann@example.com\0", "ann@-example.com", "ann@127.0.0.1", "a" * 65 + "@example.com", "ann@" + "x." * 130 + "com",
     "ann,bob@example.com", "<ann@example.com>", ".ann@example.com", "an..n@example.com", "ann@evil.example\uff20example.com",
     "ann@evil.example\ufe6bexample.com", "ann@exam\u2028ple.com", "ann\u202e@example.com", "ann@exam\u200bple\u3002com@x.com",
     "ann@example..com", "ann@example.com.", "ann@ex_ample.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AccountError):
        clean_email(text)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (" Ann@EXAMPLE.com ", "Ann@example.com"),
        # A full-width @ is one after normalisation, and is treated so; the same goes for letters and dots.
        ("ann\uff20example.com", "ann@example.com"),
        ("\uff41nn@ex\uff41mple\u3002com", "ann@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example"),
        ("ann@\u2460example.com", "ann@1example.com"),
    ],
)
def test_addresses_have_one_form(text: str, clean: str) -> None:
    assert clean_email(text) == clean
    assert normal_form(clean) == clean.lower()


@given(st.text(min_size=1, max_size=12), st.sampled_from(["example.com", "EXAMPLE.com", "bücher.example"]))
def test_what_is_clean_stays_as_it_is(local: str, domain: str) -> None:
    try:
        clean = clean_email(f"{local}@{domain}")
    except AccountError:
        return
    assert clean_email(clean) == clean
    assert clean_email(normal_form(clean)) == normal_form(clean) == normal_form(normal_form(clean))
    assert clean.count("@") == 1 and clean.partition("@")[2].isascii()


def test_two_mailboxes_that_look_alike_are_two_accounts(house: House) -> None:
    """Their owners could otherwise read each other's codes."""
    house.sign_up("strasse@example.com")
    for alike in ("straße@example.com", "str\u0430sse@example.com"):
        assert house.do(users.by_email, clean_email(alike)) is None
        other = house.visitor()
        other.get("/auth/reset")
        other.submit("/auth/reset", email=alike)
        assert house.mail(clean_email(alike)).kind == "unknown"


@pytest.mark.parametrize("page", ["sign-in", "reset"])
def test_codes_go_to_the_address_that_was_proved_and_not_to_another_spelling(house: House, page: str) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    visitor.get(f"/auth/{page}")
    visitor.submit(f"/auth/{page}", email="ANN@example.com", method="code")
    assert house.mails("ANN@example.com") == []
    visitor.submit("/auth/verify", code=house.code("ann@example.com"))
    assert visitor.last.status_code in (200, 303)


def test_an_address_is_added_in_the_session_that_asked_for_it_only(house: House) -> None:
    """Else a thief who is thrown out, or who was at this browser before, would have a way back in."""
    owner, thief = house.sign_up("ann@example.com"), house.visitor()
    user = house.do(users.require, owner.user()["id"])
    for back_in in (False, True):
        thief.get("/auth/sign-in")
        thief.submit("/auth/sign-in", email=user.email, password=PASSWORD)
        thief.get("/auth/account")
        thief.submit("/auth/account/emails", action="add", email="thief@example.org")
        house.do(sessions.end_all, user.id, "revoked")
        code = house.code("thief@example.org")
        if back_in:
            other = house.sign_up("other@example.com")
            thief.cookies.set("syncline_session", other.cookies["syncline_session"], domain="localhost.local")
        assert thief.submit("/auth/verify", code=code).status_code == (410 if back_in else 401)
        assert house.do(users.by_email, "thief@example.org") is None
        house.clock.advance(3600)


def test_the_list_of_disposable_domains_means_those_below_them_too() -> None:
    assert "mailinator.com" in blocklist
    assert is_disposable("ann@mailinator.com") and is_disposable("ann@mx.mailinator.com")
    assert not is_disposable("ann@example.com") and not is_disposable("ann@mailinator.com.example.org")


def test_disposable_addresses_may_not_sign_up_if_the_application_says_so(tmp_path: Path) -> None:
    settings = Accounts(algorithm="ES256", block_disposable=True)
    with live_house(tmp_path, CHEAP, EmailCode(), settings) as built:
        visitor = built.visitor()
        visitor.get("/auth/sign-up")
        for email in ("ann@mailinator.com", "ann@\uff4dailinator.com", "ann@MX.Mailinator.com"):
            visitor.submit("/auth/sign-up", email=email, password=PASSWORD)
            assert "Please use an address that lasts" in visitor.alert
            assert built.mails(clean_email(email)) == []
        member = built.sign_up("ann@example.com")
        member.get("/auth/account")
        member.submit("/auth/account/emails", action="add", email="dan@mailinator.com")
        assert "Please use an address that lasts" in member.alert
        # A rule of an administrator is about this very domain, and counts.
        built.do(admission.set_rule, "@mailinator.com", allowed=True)
        built.do(admission.set_rule, "@example.com", allowed=True)
        assert built.sign_up("bob@mailinator.com").session() is not None


def test_without_the_setting_they_may(house: House) -> None:
    assert house.sign_up("ann@mailinator.com").session() is not None


def test_the_list_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "disposable_email_domains", None)
    with pytest.raises(SetupError, match=r'pip install "syncline\[disposable\]"'):
        Accounts(block_disposable=True)
