"""Tokens for frontends on another site. Checks S7, S24."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from support.holders import Holder
from support.houses import CHEAP, House, Visitor, house
from syncline.accounts import audit, grants, sessions
from syncline.accounts.core import Visitor as Place
from syncline.auth import Accounts, EmailCode

APP = "https://app.example.com/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def house_with_friends(tmp_path: Path) -> object:
    with house(
        tmp_path, CHEAP, EmailCode(), Accounts(redirects=["https://app.example.com"], algorithm="ES256")
    ) as built:
        yield built


def authorize(visitor: Visitor, **changes: str) -> str:
    query = {
        "redirect_uri": APP, "code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": "s", **changes,
    }  # fmt: skip
    return f"/auth/authorize?{urlencode(query)}"


def code_for(visitor: Visitor) -> str:
    answer = visitor.request("GET", authorize(visitor))
    found = parse_qs(urlsplit(answer.headers["location"]).query)
    assert found["state"] == ["s"] and found["iss"] == ["http://localhost:3210/auth"]
    return found["code"][0]


def redeem(house: House, _code: str, /, **changes: str) -> tuple[int, dict[str, str]]:
    body = {
        "grant_type": "authorization_code", "code": _code, "code_verifier": VERIFIER, "redirect_uri": APP, **changes,
    }  # fmt: skip
    answer = house.visitor().request(
        "POST", "/auth/exchange", data=body, headers={"origin": "https://app.example.com"}
    )
    return answer.status_code, answer.json()


def refresh(house: House, token: str) -> tuple[int, dict[str, str]]:
    answer = house.visitor().post("/auth/exchange", grant_type="refresh_token", refresh_token=token)
    return answer.status_code, answer.json()


def test_a_code_is_exchanged_for_tokens_once(house_with_friends: House) -> None:
    code = code_for(house_with_friends.sign_up("ann@example.com"))
    status, answer = redeem(house_with_friends, code)
    assert status == 200
    assert answer["token"].count(".") == 2 and answer["refresh_token"]
    assert redeem(house_with_friends, code)[0] == 401


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": "short"},
        {"code_verifier": ""},
        {"code_verifier": CHALLENGE},
        {"redirect_uri": APP + "/"},
        {"redirect_uri": APP + "?x=1"},
        {"redirect_uri": APP.upper()},
        {"redirect_uri": APP.partition("/callback")[0]},
        {"redirect_uri": ""},
        {"code": "flow_x.y"},
    ],
)
def test_a_wrong_half_makes_a_code_worthless(house_with_friends: House, change: dict[str, str]) -> None:
    code = code_for(house_with_friends.sign_up("ann@example.com"))
    assert redeem(house_with_friends, code, **change)[0] == 401
    if "code" not in change:
        assert redeem(house_with_friends, code)[0] == 401


def test_a_code_is_good_for_a_minute(house_with_friends: House) -> None:
    visitor = house_with_friends.sign_up("ann@example.com")
    for seconds, status in ((59, 200), (60, 401)):
        code = code_for(visitor)
        house_with_friends.clock.advance(seconds)
        assert redeem(house_with_friends, code)[0] == status


def test_a_code_is_worth_nothing_once_its_session_is_over(house_with_friends: House) -> None:
    """Else a thief who is thrown out would be back with the code of a moment before."""
    visitor = house_with_friends.sign_up("ann@example.com")
    code = code_for(visitor)
    house_with_friends.do(sessions.end_all, visitor.user()["id"], "password changed")
    assert redeem(house_with_friends, code)[0] == 401


def test_of_many_who_redeem_a_code_at_once_one_gets_tokens(house_with_friends: House) -> None:
    code = code_for(house_with_friends.sign_up("ann@example.com"))
    with ThreadPoolExecutor(10) as pool:
        tries = [
            pool.submit(house_with_friends.do, grants.redeem_code, code, VERIFIER, APP, Place())
            for _ in range(10)
        ]
        assert [each.result() is not None for each in tries].count(True) == 1


def test_a_code_of_an_administrator_acting_as_somebody_is_worth_nothing(house_with_friends: House) -> None:
    """None is given; one that was would not become a session of the user's."""
    house = house_with_friends
    session = Holder(house, actor="tester").session
    code = house.do(grants.new_code, session, APP, CHALLENGE)
    assert redeem(house, code)[0] == 401


@pytest.mark.parametrize(
    "change",
    [{"redirect_uri": "https://evil.example/"}, {"redirect_uri": "/notes"}, {"code_challenge_method": "plain"},
     {"code_challenge_method": ""}, {"code_challenge_method": "s256"}, {"code_challenge": ""},
     {"code_challenge": CHALLENGE + "="}, {"code_challenge": CHALLENGE[:-1]}, {"code_challenge": CHALLENGE[:-1] + "+"},
     {"code_challenge": "short"}, {"redirect_uri": "https://app.example.com.evil.example/"}, {"redirect_uri": ""},
     {"redirect_uri": "https://app.example.com@evil.example/"}, {"redirect_uri": APP + "#x"},
     {"redirect_uri": "http://app.example.com/callback"}, {"redirect_uri": "javascript:alert(1)"}],
)  # fmt: skip
def test_codes_are_given_to_friends_with_pkce_only(house_with_friends: House, change: dict[str, str]) -> None:
    visitor = house_with_friends.sign_up("ann@example.com")
    assert visitor.request("GET", authorize(visitor, **change)).status_code == 400


def test_who_is_not_signed_in_comes_back_after_sign_in(house_with_friends: House) -> None:
    house_with_friends.sign_up("ann@example.com")
    visitor = house_with_friends.visitor()
    visitor.get(authorize(visitor))
    answer = visitor.submit(
        "/auth/sign-in", email="ann@example.com", password="a long sentence 77", method="password"
    )
    assert answer.headers["location"].startswith(APP + "?code=")


def test_refresh_tokens_rotate(house_with_friends: House) -> None:
    _, first = redeem(house_with_friends, code_for(house_with_friends.sign_up("ann@example.com")))
    _, second = refresh(house_with_friends, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["session"] == first["session"]
    status, late = refresh(house_with_friends, first["refresh_token"])
    assert status == 200 and "refresh_token" not in late


def test_a_copied_refresh_token_ends_the_session_and_is_told(house_with_friends: House) -> None:
    house = house_with_friends
    _, first = redeem(house, code_for(house.sign_up("ann@example.com")))
    _, second = refresh(house, first["refresh_token"])
    house.clock.advance(31)
    assert refresh(house, first["refresh_token"])[0] == 401
    assert refresh(house, second["refresh_token"])[0] == 401
    assert house.mail("ann@example.com").kind == "token_reused"
    assert "refresh_token.reused" in [entry["event"] for entry in house.do(audit.entries)]
    assert first["session"] in house.provider.ended_lately()


def test_of_twenty_refreshes_at_once_one_gets_the_next_token_and_nobody_is_signed_out(
    house_with_friends: House,
) -> None:
    house = house_with_friends
    _, first = redeem(house, code_for(house.sign_up("ann@example.com")))
    with ThreadPoolExecutor(20) as pool:
        tries = [
            pool.submit(house.do, grants.redeem_refresh_token, first["refresh_token"], Place())
            for _ in range(20)
        ]
        granted = [each.result() for each in tries]
    assert all(granted)
    assert sum(each is not None and each.refresh_token is not None for each in granted) == 1


def test_revoking_ends_the_session(house_with_friends: House) -> None:
    house = house_with_friends
    _, first = redeem(house, code_for(house.sign_up("ann@example.com")))
    assert house.visitor().post("/auth/revoke", refresh_token=first["refresh_token"]).status_code == 200
    assert refresh(house, first["refresh_token"])[0] == 401
