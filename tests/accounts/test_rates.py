"""How often each thing may be tried, to the number, and what says when to try again. A restart helps nobody. Tries at one
code are in test_links.py. Check S16."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.houses import CHEAP, PASSWORD, House, house
from syncline.accounts import known_devices, passwords, sessions, users
from syncline.accounts.core import Core, Visitor
from syncline.accounts.passwords import Hasher
from syncline.auth import Accounts, EmailCode, Passkey

HASH = Hasher(CHEAP).hash(PASSWORD)
WAYS = (CHEAP, EmailCode(), Passkey(), Accounts(algorithm="ES256"))
TOO_MANY = "Too many tries"


@dataclass(frozen=True)
class Limit:
    """`count` tries, one each `apart` seconds, are as many as there may be. `send` is one, which is told its number."""

    count: int
    apart: int
    send: Callable[[House, int], httpx.Response]


def form(house: House, page: str, address: str, **fields: str) -> httpx.Response:
    """A form that somebody in a new browser sends, and the answer to it alone."""
    visitor = house.visitor(address=address)
    visitor.get(page)
    visitor.submit(page, **fields)
    return visitor.answers[0]


def password(house: House, number: int) -> httpx.Response:
    """The right one, from one network."""
    return form(house, "/auth/sign-in", "198.51.100.1", email="ann@example.com", password=PASSWORD)


def code(house: House, number: int) -> httpx.Response:
    """A mail to one address, from a new network each time."""
    return form(house, "/auth/sign-in", f"198.51.{number}.1", email="ann@example.com", method="code")


def code_from_one_network(house: House, number: int) -> httpx.Response:
    return form(house, "/auth/sign-in", "198.51.100.1", email="ann@example.com", method="code")


def reset(house: House, number: int) -> httpx.Response:
    return form(house, "/auth/reset", f"198.51.{number}.1", email="ann@example.com")


def reset_from_one_network(house: House, number: int) -> httpx.Response:
    return form(house, "/auth/reset", "198.51.100.1", email="ann@example.com")


def on_a_known_device(house: House, page: str, **fields: str) -> httpx.Response:
    """From the browser in which the owner has signed in before: its cookie is another one after each sign-in."""
    visitor = house.visitor()
    kept = house.folder / "device"
    secret = kept.read_text() if kept.exists() else house.do(_known)
    visitor.cookies.set("syncline_device", secret, domain="localhost.local", path="/")
    visitor.get(page)
    visitor.submit(page, email="ann@example.com", **fields)
    kept.write_text(visitor.cookies["syncline_device"])
    return visitor.answers[0]


def _known(core: Core) -> str:
    user, place = users.find(core, "ann@example.com"), Visitor("203.0.113.7")
    assert user is not None
    session, _ = sessions.begin(core, user, place, ("pwd",))
    return known_devices.renew(core, user.id, session.id, place)


def password_on_a_known_device(house: House, number: int) -> httpx.Response:
    return on_a_known_device(house, "/auth/sign-in", password=PASSWORD)


def code_on_a_known_device(house: House, number: int) -> httpx.Response:
    return on_a_known_device(house, "/auth/sign-in", method="code")


def reset_on_a_known_device(house: House, number: int) -> httpx.Response:
    return on_a_known_device(house, "/auth/reset")


def sign_up(house: House, number: int) -> httpx.Response:
    """With a new address each time, from one network."""
    email = f"somebody{number}@example.com"
    return form(house, "/auth/sign-up", "198.51.100.1", email=email, password="a different sentence 5")


LIMITS = {
    "five passwords a minute": Limit(5, 0, password),
    "ten passwords an hour": Limit(10, 12, password),
    "five on a known device": Limit(5, 0, password_on_a_known_device),
    "ten on a known device": Limit(10, 12, password_on_a_known_device),
    "three codes on a known device": Limit(3, 0, code_on_a_known_device),
    "ten codes on a known device": Limit(10, 200, code_on_a_known_device),
    "three resets on a known device": Limit(3, 200, reset_on_a_known_device),
    "three codes in ten minutes": Limit(3, 0, code),
    "two of them from one network": Limit(2, 0, code_from_one_network),
    "ten codes a day": Limit(10, 200, code),
    "six of them from one network": Limit(6, 300, code_from_one_network),
    "three resets an hour": Limit(3, 200, reset),
    "two of them from one network ": Limit(2, 300, reset_from_one_network),
    "ten sign-ups an hour": Limit(10, 30, sign_up),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_too_much_is_refused_until_it_says_and_over_a_restart(tmp_path: Path, name: str) -> None:
    limit = LIMITS[name]
    with house(tmp_path, *WAYS) as first:
        user = first.do(users.create, email="ann@example.com")
        first.do(passwords.put, user.id, HASH)
        for number in range(limit.count):
            answer = limit.send(first, number)
            assert answer.status_code == 303, (number, answer.text)
            first.clock.advance(limit.apart)
        passed = limit.count * limit.apart
        refused = limit.send(first, limit.count)
        assert refused.status_code == 429 and TOO_MANY in refused.text
        wait = int(refused.headers["retry-after"])
    with house(tmp_path, *WAYS) as second:
        second.clock.advance(passed + wait - 1)
        still = limit.send(second, limit.count)
        assert (still.status_code, still.headers["retry-after"]) == (429, "1")
        second.clock.advance(1)
        assert limit.send(second, limit.count).status_code == 303


def test_others_are_not_kept_from_anything_by_that(tmp_path: Path) -> None:
    with house(tmp_path, *WAYS) as built:
        for email in ("ann@example.com", "bob@example.com"):
            built.do(passwords.put, built.do(users.create, email=email).id, HASH)
        for number in range(6):
            password(built, number)
            code_from_one_network(built, number)
        assert password(built, 0).status_code == code_from_one_network(built, 0).status_code == 429
        bob = {"email": "bob@example.com", "password": PASSWORD}
        assert form(built, "/auth/sign-in", "198.51.100.1", **bob).status_code == 303
        elsewhere = {"email": "ann@example.com", "password": PASSWORD}
        assert form(built, "/auth/sign-in", "192.0.2.1", **elsewhere).status_code == 303


def test_sixty_tokens_a_minute_are_for_one_session(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com"), house.sign_up("bob@example.com")
    assert [ann.post("/auth/token").status_code for _ in range(61)] == [200] * 60 + [429]
    refused = ann.post("/auth/token")
    assert (refused.json()["error"], refused.headers["retry-after"]) == ("too_many", "1")
    assert bob.post("/auth/token").status_code == 200
    house.clock.advance(1)
    assert [ann.post("/auth/token").status_code for _ in range(2)] == [200, 429]
