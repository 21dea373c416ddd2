"""Strangers cannot lock an owner out: limits of known devices, and what a copy of their cookie is good for. Checks S8, S12,
S16, S17."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from support.houses import PASSWORD, House, Visitor, house
from syncline.accounts import IdentityFile, attempts, deletion, exporting, housekeeping, known_devices, users
from syncline.accounts.core import Core
from syncline.accounts.core import Visitor as Somebody
from syncline.accounts.identity_file import FILE
from syncline.accounts.tables import DEVICE_REQUESTS, KNOWN_DEVICES, MERGES, PROFILE_CHANGES, SCHEMA

ANN, BOB = "ann@example.com", "bob@example.com"
COOKIE = "syncline_device"
WRONG = "a wrong password"
NETWORKS = [f"198.51.100.{number}" for number in range(20)]
CLOSED = "Sign in another way, or try again in"
TOO_MANY = "Too many tries"


def sign_out(visitor: Visitor) -> Visitor:
    visitor.get("/auth/sign-out")
    visitor.submit("/auth/sign-out")
    assert visitor.session() is None
    return visitor


def ask(visitor: Visitor, email: str = ANN, *, reset: bool = False) -> bool:
    """Whether a mail with a code is on its way."""
    if reset:
        visitor.get("/auth/reset")
        answer = visitor.submit("/auth/reset", email=email)
    else:
        visitor.get("/auth/sign-in")
        answer = visitor.submit("/auth/sign-in", email=email, method="code")
    assert answer.status_code in (200, 429), answer.text
    return answer.status_code == 200


def attack_by_pages(house: House, email: str = ANN) -> None:
    """Close the password of an address and use up its mails, from twenty networks."""
    for address in NETWORKS:
        house.visitor(address=address).sign_in(email, WRONG)
        ask(house.visitor(address=address), email)
        ask(house.visitor(address=address), email, reset=True)
    check_attacked(house, email)


def attack(house: House, email: str = ANN) -> None:
    """The same as the pages do it, in less time."""

    def work(core: Core) -> None:
        for address in NETWORKS:
            stranger = Somebody(address)
            attempts.note_failure(core, attempts.source(core, email, stranger))
            attempts.take_mail(core, email, stranger)
            attempts.take_mail(core, email, stranger, reset=True)

    house.do(work)
    check_attacked(house, email)


def check_attacked(house: House, email: str) -> None:
    stranger = house.visitor(address="192.0.2.99")
    stranger.sign_in(email)
    assert CLOSED in stranger.alert
    assert not ask(stranger, email)
    assert not ask(stranger, email, reset=True)


def planted(house: House, secret: str, address: str = "192.0.2.99") -> Visitor:
    """A browser of somebody else, with a cookie that is not his."""
    visitor = house.visitor(address=address)
    visitor.cookies.set(COOKIE, secret, domain="localhost.local", path="/")
    visitor.get("/auth/sign-in")
    assert visitor.cookies.get(COOKIE) == secret
    return visitor


def known(house: House, email: str = ANN) -> list[tuple[int, int]]:
    user = house.do(users.by_email, email)
    assert user is not None
    return house.do(known_devices.listed, user.id)


@pytest.fixture
def owner(house: House) -> Visitor:
    """Ann in her browser, signed out, a day later."""
    visitor = sign_out(house.sign_up(ANN))
    house.clock.advance(86400)
    return visitor


def test_the_owner_signs_in_on_a_known_device_whatever_strangers_do(house: House, owner: Visitor) -> None:
    attack_by_pages(house)
    owner.sign_in(ANN)
    assert owner.session() is not None
    sign_out(owner)
    assert ask(owner)
    owner.submit("/auth/verify", code=house.code(ANN))
    assert owner.session() is not None
    sign_out(owner)
    assert ask(owner, reset=True)
    owner.submit("/auth/verify", code=house.code(ANN))
    owner.submit("/auth/new-password", password="a new sentence 88")
    assert owner.session() is not None
    assert not ask(house.visitor(address=NETWORKS[0]))


def test_the_same_through_proxies_that_are_trusted(tmp_path: Path) -> None:
    with house(tmp_path, trusted_proxies=[ip_network("10.0.0.0/8")]) as built:
        owner = sign_out(built.sign_up(ANN))
        built.clock.advance(86400)

        def behind_proxy(address: str) -> Visitor:
            # What a client says itself comes first: that it is the owner's network.
            return built.visitor(address="10.0.0.1", forwarded=f"203.0.113.7, {address}")

        for address in NETWORKS:
            behind_proxy(address).sign_in(ANN, WRONG)
            ask(behind_proxy(address))
        stranger = behind_proxy("192.0.2.99")
        stranger.sign_in(ANN)
        assert CLOSED in stranger.alert and not ask(stranger)
        owner.sign_in(ANN)
        assert owner.session() is not None
        assert ask(sign_out(owner))


def test_a_new_device_in_a_network_of_the_owner_is_not_shut_out(house: House, owner: Visitor) -> None:
    attack(house)
    at_home = house.visitor()
    assert COOKIE not in at_home.cookies
    assert ask(at_home)
    at_home.submit("/auth/verify", code=house.code(ANN))
    assert at_home.session() is not None
    private = house.visitor()
    private.sign_in(ANN)
    assert private.session() is not None


def test_a_device_that_travels_leaves_its_networks_known(house: House, owner: Visitor) -> None:
    """The last five: who attacks from one that was left long ago is a stranger."""
    places = [f"203.0.113.{number}" for number in range(100, 100 + known_devices.NETWORKS)]
    for address in places[:-1]:
        house.clock.advance(3600)
        travelling(house, owner, address)
    house.clock.advance(86400)
    attack(house)
    for address in ("203.0.113.7", *places[:-1]):
        assert ask(house.visitor(address=address))
    assert not ask(house.visitor(address=places[-1]))
    travelling(house, owner, places[-1])
    assert ask(house.visitor(address=places[-1]))
    assert not ask(house.visitor(address="203.0.113.7"), reset=True)
    house.clock.advance(known_devices.SECONDS)
    house.do(housekeeping.trim)
    assert house.do(lambda core: core.file.value("SELECT count(*) FROM known_networks")) == 0


def travelling(house: House, device: Visitor, address: str) -> None:
    """Sign in on a device in another network, and out again."""
    there = planted(house, device.cookies[COOKIE], address)
    there.sign_in(ANN)
    assert there.session() is not None
    sign_out(there)
    device.cookies.set(COOKIE, there.cookies[COOKIE], domain="localhost.local", path="/")


def test_ten_wrong_passwords_on_a_known_device_close_the_password_there_only(
    house: House, owner: Visitor
) -> None:
    for _ in range(10):
        owner.sign_in(ANN, WRONG)
        house.clock.advance(60)
    owner.sign_in(ANN)
    assert CLOSED in owner.alert
    for address in (*NETWORKS[:3], "203.0.113.7"):
        elsewhere = house.visitor(address=address)
        elsewhere.sign_in(ANN)
        assert elsewhere.session() is not None
    assert ask(owner)
    house.clock.advance(16 * 60)
    owner.sign_in(ANN)
    assert owner.session() is not None


def test_a_stolen_cookie_is_good_for_the_limits_of_its_device_and_no_more(
    house: House, owner: Visitor
) -> None:
    thief = planted(house, owner.cookies[COOKIE])
    assert thief.session() is None
    assert thief.get("/auth/account").url.path == "/auth/sign-in"
    attack(house)
    thief.get("/auth/sign-in")
    tries = mails = 0
    for _ in range(40):
        thief.sign_in(ANN, WRONG)
        tries += thief.last.status_code == 401
        mails += ask(thief)
        house.clock.advance(20)
    assert tries == 10
    assert mails <= 3 + 40 * 20 // 200 + 1
    assert CLOSED in thief.alert or TOO_MANY in thief.alert
    # A second device, or the network of the owner, does not notice.
    another = house.visitor()
    another.sign_in(ANN)
    assert another.session() is not None


def test_an_invented_cookie_is_a_strangers(house: House, owner: Visitor) -> None:
    attack(house)
    for secret in ("a" * 43, "", "x", "é" * 10, "a" * 4000):
        visitor = house.visitor(address="192.0.2.99")
        header = {"cookie": f"{COOKIE}={secret}".encode()} if secret else {}
        page = visitor.request("GET", "/auth/sign-in", headers=header)
        assert page.status_code == 200
    stranger = planted(house, "a" * 43)
    stranger.sign_in(ANN)
    assert CLOSED in stranger.alert
    assert not ask(stranger)


def test_the_device_of_one_user_does_nothing_for_another(house: House, owner: Visitor) -> None:
    bob = sign_out(house.sign_up(BOB))
    house.clock.advance(86400)
    attack(house)
    bob = planted(house, bob.cookies[COOKIE])
    bob.sign_in(ANN)
    assert CLOSED in bob.alert
    assert not ask(bob) and not ask(bob, reset=True)
    assert ask(bob, BOB)


def test_users_of_one_browser_are_both_known_there(house: House, owner: Visitor) -> None:
    other = sign_out(house.sign_up(BOB))
    other.cookies.clear()
    owner.sign_in(BOB)
    sign_out(owner)
    attack(house, ANN)
    for email in (ANN, BOB):
        owner.sign_in(email)
        assert owner.session() is not None
        sign_out(owner)


def test_a_planted_cookie_is_worth_nothing_once_somebody_has_signed_in_with_it(
    house: House, owner: Visitor
) -> None:
    mallory = sign_out(house.sign_up("mallory@example.com"))
    for secret in ("p" * 43, mallory.cookies[COOKIE]):
        victim = planted(house, secret, "192.0.2.77")
        victim.sign_in(ANN)
        assert victim.session() is not None
        assert victim.cookies[COOKIE] != secret
        sign_out(victim)
        house.clock.advance(86400)
        attack(house)
        attacker = planted(house, secret, "192.0.2.50")
        attacker.sign_in(ANN)
        assert CLOSED in attacker.alert and not ask(attacker)
        house.clock.advance(86400)


def test_the_cookie_is_new_at_each_sign_in_and_the_device_stays_the_same(
    house: House, owner: Visitor
) -> None:
    secrets = {owner.cookies[COOKIE]}
    for _ in range(3):
        owner.sign_in(ANN)
        sign_out(owner)
        secrets.add(owner.cookies[COOKIE])
    assert len(secrets) == 4
    assert len(known(house)) == 1
    stored = house.do(lambda core: core.file.rows("SELECT * FROM known_devices"))
    assert not any(secret in str(stored) for secret in secrets)


def test_half_a_sign_in_makes_no_device_known(house: House) -> None:
    totp = with_second_step(house)
    visitor = house.visitor(address="192.0.2.1")
    visitor.sign_in(ANN)
    assert "/auth/mfa" in str(visitor.last.url)
    assert COOKIE not in visitor.cookies
    visitor.submit("/auth/mfa", code=totp.at(house.core.now()))
    assert visitor.session() is not None
    assert len(visitor.cookies[COOKIE]) == 43


def test_who_knows_the_password_cannot_use_up_the_second_step_of_the_owner(house: House) -> None:
    totp = with_second_step(house)
    owner = house.visitor()
    owner.sign_in(ANN)
    owner.submit("/auth/mfa", code=totp.at(house.core.now()))
    sign_out(owner)
    house.clock.advance(600)
    statuses: list[int] = []
    for address in NETWORKS[:4]:
        thief = house.visitor(address=address)
        thief.sign_in(ANN)
        statuses += [thief.submit("/auth/mfa", code="000000").status_code for _ in range(4)]
    assert statuses.count(400) == 10 and 429 in statuses
    owner.sign_in(ANN)
    owner.submit("/auth/mfa", code=totp.at(house.core.now()))
    assert owner.session() is not None


def test_who_is_signed_in_can_prove_it_again_during_an_attack(house: House) -> None:
    owner = house.sign_up(ANN)
    owner.cookies.delete(COOKIE)
    house.clock.advance(86400)
    attack(house)
    owner.get("/auth/reverify?redirect=/auth/account")
    owner.submit("/auth/reverify", method="password", password=PASSWORD)
    assert owner.get("/auth/account").status_code == 200 and owner.alert == ""
    owner.get("/auth/reverify?redirect=/auth/account")
    assert owner.submit("/auth/reverify", method="email").status_code == 200
    assert owner.last.url.path == "/auth/verify"


def test_who_acts_as_somebody_makes_nothing_known(house: House) -> None:
    house.sign_up(ANN)
    admin = house.visitor(address="192.0.2.1")
    url = house.accounts.users.impersonate(ANN)
    admin.get(url.removeprefix(house.settings.url))
    admin.submit("/auth/impersonate")
    assert admin.session() is not None
    assert COOKIE not in admin.cookies
    assert len(known(house)) == 1


def change_password(house: House, visitor: Visitor) -> None:
    visitor.get("/auth/account")
    visitor.submit("/auth/account/password", password="a new sentence 88")


def reset_password(house: House, visitor: Visitor) -> None:
    sign_out(visitor)
    assert ask(visitor, reset=True)
    visitor.submit("/auth/verify", code=house.code(ANN))
    visitor.submit("/auth/new-password", password="a new sentence 88")


def sign_out_everywhere(house: House, visitor: Visitor) -> None:
    visitor.get("/auth/devices")
    visitor.submit("/auth/devices", action="everywhere")


def sign_out_others(house: House, visitor: Visitor) -> None:
    visitor.get("/auth/devices")
    visitor.submit("/auth/devices", action="others")


def turn_second_step_on(house: House, visitor: Visitor) -> None:
    set_up_totp(house, visitor)


@pytest.mark.parametrize(
    "change", [change_password, reset_password, sign_out_everywhere, sign_out_others, turn_second_step_on]
)
def test_what_ends_all_sessions_leaves_the_device_at_hand_known_and_no_other(
    house: House, change: Callable[[House, Visitor], None]
) -> None:
    other, owner = house.sign_up(ANN), house.visitor()
    sign_out(other)
    owner.sign_in(ANN)
    assert len(known(house)) == 2
    change(house, owner)
    assert owner.last.status_code in (200, 303) and owner.alert == ""
    assert len(known(house)) == 1
    house.clock.advance(86400)
    attack(house)
    assert ask(planted(house, owner.cookies[COOKIE]))
    assert not ask(planted(house, other.cookies[COOKIE]))


def test_a_device_whose_session_is_ended_from_elsewhere_is_forgotten(house: House) -> None:
    lost, owner = house.sign_up(ANN), house.visitor()
    owner.sign_in(ANN)
    session = lost.session()
    assert session is not None
    owner.get("/auth/devices")
    owner.submit("/auth/devices", action="revoke", session=session["id"])
    house.clock.advance(86400)
    attack(house)
    assert not ask(planted(house, lost.cookies[COOKIE]))
    assert ask(planted(house, owner.cookies[COOKIE]))


def test_an_administrator_ends_devices_with_sessions_and_opens_what_strangers_closed(
    house: House, owner: Visitor
) -> None:
    attack(house)
    house.accounts.users.unlock(ANN)
    stranger = house.visitor(address="192.0.2.99")
    assert ask(stranger)
    stranger.sign_in(ANN)
    assert stranger.session() is not None
    house.accounts.sessions.revoke_all(ANN)
    assert known(house) == []


def test_devices_are_bounded_and_forgotten_in_the_end(house: House) -> None:
    sign_out(house.sign_up(ANN))
    for number in range(known_devices.PER_USER + 5):
        house.clock.advance(3600)
        house.visitor(address=f"192.0.2.{number}").sign_in(ANN)
    assert len(known(house)) == known_devices.PER_USER
    assert known(house)[0][1] == house.core.now()
    shared = house.visitor(address="192.0.2.200")
    for number in range(known_devices.PER_BROWSER + 3):
        house.clock.advance(3600)
        email = f"guest{number}@example.com"
        house.sign_up(email)
        shared.sign_in(email)
        sign_out(shared)
    digest = house.core.digest("known_device", shared.cookies[COOKIE])

    def count(core: Core) -> int:
        found: int = core.file.value("SELECT count(*) FROM known_devices WHERE secret_hash = ?", digest)
        return found

    assert house.do(count) == known_devices.PER_BROWSER
    house.clock.advance(known_devices.SECONDS)
    assert known(house) == []
    house.do(housekeeping.trim)
    assert house.do(lambda core: core.file.value("SELECT count(*) FROM known_devices")) == 0


def test_an_export_says_when_devices_were_used_and_a_deletion_takes_them(house: House) -> None:
    house.sign_up(ANN)
    user = house.do(users.by_email, ANN)
    assert user is not None
    exported = house.do(exporting.export_user, user.id)["known_devices"]
    now = house.core.now() * 1000
    assert exported == [{"created_at": now, "signed_in_at": now}]
    house.do(deletion.delete_user, user.id)
    assert house.do(lambda core: core.file.value("SELECT count(*) FROM known_devices")) == 0


def test_a_new_password_ends_what_was_begun_with_the_old_one(house: House) -> None:
    totp = with_second_step(house)
    thief = house.visitor(address="192.0.2.1")
    thief.sign_in(ANN)
    owner = house.visitor()
    assert ask(owner, reset=True)
    owner.submit("/auth/verify", code=house.code(ANN))
    owner.submit("/auth/new-password", password="a new sentence 88")
    assert thief.submit("/auth/mfa", code=totp.at(house.core.now())).status_code == 410


def test_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    with house(tmp_path, url="https://app.example.com") as built:
        visitor = built.visitor()
        visitor.get("/auth/sign-up")
        visitor.submit("/auth/sign-up", email=ANN, password=PASSWORD)
        visitor.submit("/auth/verify", code=built.code(ANN))
        [cookie] = [
            each
            for answer in visitor.answers
            for each in answer.headers.get_list("set-cookie")
            if "syncline_device" in each
        ]
        assert cookie.startswith("__Host-syncline_device=")
        for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/", "Max-Age=15552000"):
            assert part in cookie
        assert "Domain" not in cookie


def test_a_refusal_looks_the_same_whoever_is_refused(house: House, owner: Visitor) -> None:
    """By a device that is known, by strangers, and for an address without an account."""
    for _ in range(10):
        owner.sign_in(ANN, WRONG)
        house.clock.advance(60)
    attack(house)
    attack(house, "nobody@example.com")
    texts: set[str] = set()
    for visitor, email in (
        (owner, ANN),
        (house.visitor(address="192.0.2.99"), ANN),
        (house.visitor(address="192.0.2.98"), "nobody@example.com"),
    ):
        answer = visitor.sign_in(email, WRONG)
        assert answer.status_code == 429 and "retry-after" in answer.headers
        texts.add(re.sub(r"\d+", "N", visitor.alert))
    assert len(texts) == 1


def test_a_file_of_the_third_format_is_brought_up(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(
            SCHEMA + PROFILE_CHANGES + DEVICE_REQUESTS + "INSERT INTO failures VALUES (x'00', 3, 1, 0, 0);"
            "PRAGMA application_id = 0x53594E49; PRAGMA user_version = 3;"
        )
    file = IdentityFile(tmp_path / FILE)
    assert file.rows("SELECT * FROM failures") == [(b"\0", 3, 1, 0, 0, None)]
    assert file.rows("SELECT * FROM known_devices") == []
    file.close()


def test_a_file_of_the_fifth_format_keeps_its_devices(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(
            SCHEMA + PROFILE_CHANGES + DEVICE_REQUESTS + KNOWN_DEVICES + MERGES + "INSERT INTO "
            "users(id, created_at, updated_at) VALUES ('user_1', 1, 1); INSERT INTO known_devices VALUES ('known_1', "
            "x'01', 'user_1', 'sess_1', x'02', 3, 4); PRAGMA application_id = 0x53594E49; PRAGMA user_version = 5;"
        )
    file = IdentityFile(tmp_path / FILE)
    assert file.rows("SELECT * FROM known_devices") == [("known_1", b"\1", "user_1", "sess_1", 3, 4)]
    assert file.rows("SELECT * FROM known_networks") == [("known_1", b"\2", 4)]
    file.change("DELETE FROM users")
    assert file.rows("SELECT * FROM known_networks") == []
    file.close()


def with_second_step(house: House) -> TOTP:
    visitor = house.sign_up(ANN)
    totp = set_up_totp(house, visitor)
    sign_out(visitor)
    house.clock.advance(60)
    return totp


def set_up_totp(house: House, visitor: Visitor) -> TOTP:
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", visitor.get("/auth/account/totp").text)
    assert found is not None
    totp = TOTP(found[1].replace(" ", ""))
    visitor.submit("/auth/account/totp", code=totp.at(house.core.now()))
    return totp
