"""Rate limits, lock-out, floods, and what is accepted as a password. Checks S16, S17, S19."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.houses import CHEAP, PASSWORD, House, house
from syncline.accounts import AccountError, AccountSettings, IdentityFile, attempts, audit, rates
from syncline.accounts.common_passwords import is_common
from syncline.accounts.core import Visitor
from syncline.accounts.passwords import Hasher, check_new
from syncline.accounts.web.addresses import client_address
from syncline.auth import Accounts, EmailCode, GitHub, Password, Provider
from syncline.kernel.limits import Limits


def test_passwords_are_tried_five_times_a_minute_from_one_place(house: House) -> None:
    house.sign_up("ann@example.com")
    visitor = house.visitor()
    for _ in range(5):
        assert visitor.sign_in("ann@example.com", "a wrong password").status_code == 401
    refused = visitor.sign_in("ann@example.com", "a wrong password")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "Too many tries" in visitor.alert
    elsewhere = house.visitor(address="198.51.100.9")
    elsewhere.sign_in("ann@example.com")
    assert elsewhere.session() is not None


def test_ten_wrong_passwords_close_the_password_and_nothing_else(house: House) -> None:
    house.sign_up("ann@example.com")
    for number in range(10):
        house.visitor(address=f"198.51.100.{number}").sign_in("ann@example.com", "a wrong password")
    owner = house.visitor(address="192.0.2.9")
    owner.sign_in("ann@example.com")
    assert "Sign in another way, or try again in 15 minutes" in owner.alert
    assert "password.closed" in [entry["event"] for entry in house.do(audit.entries)]
    owner.get("/auth/sign-in")
    owner.submit("/auth/sign-in", email="ann@example.com", method="code")
    owner.submit("/auth/verify", code=house.code("ann@example.com"))
    assert owner.session() is not None
    house.clock.advance(16 * 60)
    again = house.visitor()
    again.sign_in("ann@example.com")
    assert again.session() is not None


def test_the_password_of_an_unknown_address_closes_alike(house: House) -> None:
    for number in range(10):
        house.visitor(address=f"198.51.100.{number}").sign_in("nobody@example.com", "a wrong password")
    visitor = house.visitor()
    visitor.sign_in("nobody@example.com")
    assert "try again in 15 minutes" in visitor.alert


def test_a_closed_password_stays_closed_for_longer_each_time(house: House) -> None:
    def closed() -> int:
        for _ in range(10):
            house.do(rates.note_failure, b"ann", b"ann")
        return house.do(rates.closed_for, b"ann") or 0

    waits: list[int] = []
    for _ in range(3):
        waits.append(closed())
        house.clock.advance(waits[-1] + 1)
    assert waits == [900, 1800, 3600]


def test_three_mails_in_ten_minutes_and_ten_a_day(house: House) -> None:
    house.sign_up("ann@example.com")
    house.clock.advance(86400)
    sent = 0
    for _ in range(30):
        visitor = house.visitor()
        visitor.get("/auth/sign-in")
        sent += visitor.submit("/auth/sign-in", email="ann@example.com", method="code").status_code == 200
        house.clock.advance(250)
    assert 8 <= sent <= 11


def test_one_network_has_a_share_of_the_mails_and_of_the_wrong_passwords(house: House) -> None:
    house.sign_up("ann@example.com")
    house.clock.advance(86400)
    by = house.do(attempts.source, "ann@example.com", Visitor("198.51.100.1"))
    for _ in range(60):
        house.do(attempts.take_mail, "ann@example.com", Visitor("198.51.100.1"))
        house.do(attempts.take_mail, "ann@example.com", Visitor("198.51.100.1"), reset=True)
        by = house.do(attempts.source, "ann@example.com", Visitor("198.51.100.1"))
        house.do(attempts.note_failure, by)
        house.clock.advance(50)
    assert house.do(attempts.password_closed, by) is not None
    elsewhere = Visitor("198.51.100.2")
    assert house.do(attempts.take_mail, "ann@example.com", elsewhere, reset=True) is None
    by = house.do(attempts.source, "ann@example.com", elsewhere)
    assert house.do(attempts.password_closed, by) is None


def test_counts_survive_a_restart_and_networks_count_as_one(house: House) -> None:
    for number in range(10):
        assert house.do(rates.take, ("sign_up.ip", f"2001:db8::{number}")) is None
    assert house.do(rates.take, ("sign_up.ip", "2001:db8::ffff")) is not None
    assert house.do(rates.take, ("sign_up.ip", "2001:db8:0:1::1")) is None
    second = IdentityFile(house.folder / "identity.db")
    assert second.value("SELECT count(*) FROM rates") >= 2
    second.close()


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.1", "198.51.100.1", "203.0.113.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_say_where_somebody_is(peer: str, forwarded: str, address: str) -> None:
    from ipaddress import ip_network

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"type": "http", "client": (peer, 1), "headers": headers}
    assert client_address(scope, [ip_network("10.0.0.0/8")]) == address


def test_a_flood_of_sign_ins_waits_in_a_bounded_queue(tmp_path: Path) -> None:
    with house(tmp_path, CHEAP, EmailCode(), hash_threads=1, limits=Limits(password_hashes=4)) as built:
        built.sign_up("ann@example.com")
        hasher, workers = built.provider.hasher, built.provider.workers
        assert hasher is not None

        async def flood() -> list[object]:
            tries = [workers.hash(hasher.check, None, PASSWORD) for _ in range(40)]
            return list(await asyncio.gather(*tries, return_exceptions=True))

        results = built.run(flood())
        refused = [each for each in results if isinstance(each, AccountError)]
        assert len(refused) == 35
        assert all(each.status == 503 and each.retry_after for each in refused)


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 257, "password", "Password123", "qwertyuiop", "iloveyou!", "aaaaaaaaaaaa", "ann.example@mail",
     "my ann.example secret", "acme corporation 1"],
)  # fmt: skip
def test_passwords_that_attackers_try_are_refused(password: str) -> None:
    with pytest.raises(AccountError):
        check_new(password, Password(), related=("ann.example@example.com", "acme"))


@pytest.mark.parametrize(
    "password", ["correct horse battery", "über-läng€", "8hdkq2ZX", "x" * 5 + "yz" * 100]
)
def test_other_passwords_are_accepted(password: str) -> None:
    check_new(password, Password(), related=("ann@example.com", "acme"))


@pytest.mark.parametrize(
    ("others", "shortest"),
    [
        ([], 15),
        ([Accounts(name="Acme")], 15),
        ([Accounts(require_second_factor=True)], 8),
        ([EmailCode()], 8),
        ([GitHub()], 8),
    ],
)
def test_a_password_that_is_all_that_there_is_is_longer(others: list[Provider], shortest: int) -> None:
    def length(password: Password) -> int | None:
        declared = AccountSettings((password, *others), "https://a.example.com", True).password
        return None if declared is None else declared.min_length

    assert length(Password(memory_kib=8192)) == shortest
    assert length(Password(min_length=10)) == 10


def test_a_password_is_the_same_however_it_is_typed() -> None:
    hasher = Hasher(CHEAP)
    assert hasher.check(hasher.hash("ﬁne pass café"), "fine pass cafe\u0301") == (True, None)
    assert is_common("PASSWORD")


def test_a_changed_cost_applies_at_the_next_sign_in() -> None:
    old, new = Hasher(CHEAP), Hasher(Password(memory_kib=9000, passes=1))
    good, replacement = new.check(old.hash(PASSWORD), PASSWORD)
    assert good and replacement is not None and "m=9000" in replacement
    assert new.check(replacement, PASSWORD) == (True, None)
