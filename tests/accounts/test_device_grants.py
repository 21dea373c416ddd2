"""Sign-in of programs without a browser, by RFC 8628: what they are told, and who may allow them. Checks S11, S15, S16, S22."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.houses import CHEAP, House, Visitor, house
from syncline.accounts import audit, device_grants, sessions, users
from syncline.accounts.core import Visitor as Place
from syncline.accounts.identity_file import FILE, IdentityFile
from syncline.accounts.tables import PROFILE_CHANGES, SCHEMA
from syncline.auth import Accounts, EmailCode

NAME = "syncline on pear"
Answer = tuple[int, dict[str, Any]]


class Program:
    """A program in another network, which asks to be signed in."""

    def __init__(self, house: House, name: str = NAME, address: str = "198.51.100.9") -> None:
        self._visitor = house.visitor(address=address, agent="curl/8.0")
        answer = self._visitor.request("POST", "/auth/device", data={"client_id": "x", "client_name": name})
        assert answer.status_code == 200, answer.text
        self.asked: dict[str, Any] = answer.json()
        self.code: str = self.asked["user_code"]

    def poll(self) -> Answer:
        body = {"grant_type": device_grants.GRANT_TYPE, "device_code": self.asked["device_code"]}
        answer = self._visitor.request("POST", "/auth/exchange", data=body)
        return answer.status_code, answer.json()

    def refresh(self, token: str) -> Answer:
        answer = self._visitor.post("/auth/exchange", grant_type="refresh_token", refresh_token=token)
        return answer.status_code, answer.json()


def enter(visitor: Visitor, code: str) -> str:
    """Submit a code on the page; the page that follows."""
    visitor.get("/auth/device")
    return visitor.submit("/auth/device/code", code=code).text


def allow(visitor: Visitor, code: str, action: str = "allow") -> str:
    assert NAME in enter(visitor, code)
    return visitor.submit("/auth/device/decision", action=action).text


def error(answer: Answer) -> str:
    assert answer[0] == 400, answer
    text: str = answer[1]["error"]
    return text


def events(house: House) -> list[str]:
    return [entry["event"] for entry in house.do(audit.entries)]


def test_a_program_waits_until_its_user_allows_it_and_gets_tokens_once(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    assert program.asked["expires_in"] == 600 and program.asked["interval"] == 5
    assert program.asked["verification_uri"] == "http://localhost:3210/auth/device"
    assert program.asked["verification_uri_complete"].endswith(f"/auth/device?code={program.code}")
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", program.code)
    assert len(program.asked["device_code"]) == 43
    assert error(program.poll()) == "authorization_pending"
    assert "198.51.100.9" in enter(ann, program.code)
    assert "is being signed in" in ann.submit("/auth/device/decision", action="allow").text
    status, answer = program.poll()
    assert status == 200 and answer["token_type"] == "Bearer" and answer["token"].count(".") == 2
    assert error(program.poll()) == "invalid_grant"
    status, second = program.refresh(answer["refresh_token"])
    assert status == 200 and second["refresh_token"] != answer["refresh_token"]
    assert {"device.allowed", "sign_in"} <= set(events(house))


def test_discovery_names_the_endpoint_and_the_grant(house: House) -> None:
    found = house.visitor().get("/auth/.well-known/openid-configuration").json()
    assert found["device_authorization_endpoint"] == "http://localhost:3210/auth/device"
    assert device_grants.GRANT_TYPE in found["grant_types_supported"]


def test_who_asks_too_often_is_slowed_down_and_the_interval_grows(house: House) -> None:
    house.sign_up("ann@example.com")
    program = Program(house)
    assert error(program.poll()) == "authorization_pending"
    house.clock.advance(4)
    assert error(program.poll()) == "slow_down"
    house.clock.advance(9)
    assert error(program.poll()) == "slow_down"
    house.clock.advance(15)
    assert error(program.poll()) == "authorization_pending"


def test_a_code_is_over_after_ten_minutes_for_both_sides(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    late, allowed = Program(house), Program(house)
    allow(ann, allowed.code)
    house.clock.advance(601)
    assert "There is no such code" in enter(ann, late.code)
    assert error(late.poll()) == error(allowed.poll()) == "expired_token"
    house.clock.advance(3601)
    house.do(device_grants.trim)
    assert error(late.poll()) == "invalid_grant"


@pytest.mark.parametrize(
    "body", [{}, {"device_code": ""}, {"device_code": "x" * 43}, {"device_code": "x" * 9000}]
)
def test_a_device_code_that_nobody_was_given_is_invalid(house: House, body: dict[str, str]) -> None:
    Program(house)
    answer = house.visitor().post("/auth/exchange", grant_type=device_grants.GRANT_TYPE, **body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_what_was_refused_stays_refused(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    assert "was not signed in" in allow(ann, program.code, "refuse")
    assert error(program.poll()) == error(program.poll()) == "access_denied"
    assert "There is no such code" in enter(ann, program.code)
    assert "device.refused" in events(house)


def test_a_decision_is_made_once(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    enter(ann, program.code)
    hidden = ann.hidden
    ann.submit("/auth/device/decision", action="refuse")
    assert ann.submit("/auth/device/decision", **hidden, action="allow").status_code == 410
    assert error(program.poll()) == "access_denied"


def test_a_code_is_the_first_sessions_that_submits_it_and_nobody_elses(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com"), house.sign_up("bob@example.com")
    ann_elsewhere = house.visitor()
    ann_elsewhere.sign_in("ann@example.com")
    program = Program(house)
    enter(ann, program.code)
    request = ann.hidden["request"]
    for other in (bob, ann_elsewhere):
        assert "There is no such code" in enter(other, program.code)
        for action in ("allow", "refuse"):
            other.get("/auth/device")
            assert other.submit("/auth/device/decision", request=request, action=action).status_code == 410
    assert error(program.poll()) == "authorization_pending"
    ann.submit("/auth/device/decision", action="allow")
    status, answer = program.poll()
    assert status == 200
    assert house.do(sessions.get, answer["session"]).user_id == ann.user()["id"]  # type: ignore[union-attr]  # it lives


def test_a_request_that_nobody_claimed_cannot_be_decided(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    id = house.do(lambda core: core.file.value("SELECT id FROM device_requests"))
    ann.get("/auth/device")
    assert ann.submit("/auth/device/decision", request=id, action="allow").status_code == 410
    assert error(program.poll()) == "authorization_pending"


def test_of_many_who_submit_a_code_at_once_one_gets_it(house: House) -> None:
    program = Program(house)
    held: list[sessions.Session] = []
    for name in ("ann", "bob", "cleo", "dan"):
        id = house.sign_up(f"{name}@example.com").session()
        assert id is not None
        session = house.do(sessions.get, id["id"])
        assert session is not None
        held.append(session)
    with ThreadPoolExecutor(8) as pool:
        tries = [
            (session, pool.submit(house.do, device_grants.claim, program.code, session, Place()))
            for session in held * 5
        ]
        winners = {session.id for session, each in tries if each.result() is not None}
    assert len(winners) == 1


def test_of_many_polls_at_once_one_gets_the_tokens(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    allow(ann, program.code)
    with ThreadPoolExecutor(8) as pool:
        tries = [
            pool.submit(house.do, device_grants.redeem, program.asked["device_code"], Place())
            for _ in range(20)
        ]
        found = [each.result() for each in tries]
    assert sum(not isinstance(each, device_grants.Unready) for each in found) == 1


@pytest.mark.parametrize("shape", ["{}", " {} ", "lower", "bare", "spaced"])
def test_a_code_is_taken_in_any_case_and_without_its_dash(house: House, shape: str) -> None:
    ann = house.sign_up("ann@example.com")
    code = Program(house).code
    typed = {"lower": code.lower(), "bare": code.replace("-", ""), "spaced": " ".join(code.replace("-", ""))}
    assert NAME in enter(ann, typed.get(shape, shape.format(code)))


@given(st.text(max_size=60))
def test_a_code_that_was_typed_is_read_as_one_or_as_none(text: str) -> None:
    read = device_grants.read_code(text)
    assert read == "" or re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", read)


@given(st.text(max_size=600))
def test_what_a_program_calls_itself_is_short_and_can_be_shown(text: str) -> None:
    name = device_grants.clean_name(text)
    assert len(name) <= 60 and name.isprintable() and name == name.strip()


def test_names_are_cleaned_and_escaped(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house, "<b>\u202eevil\u0000\n pear</b>" + "x" * 200)
    page = enter(ann, program.code)
    assert "&lt;b&gt; evil pear&lt;/b&gt;xxx" in page and "x" * 60 not in page and "\u202e" not in page
    nameless = Program(house, "")
    assert "curl/8.0" in enter(ann, nameless.code)


def test_opening_pages_changes_nothing(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)

    def rows() -> list[Any]:
        return house.do(lambda core: core.file.rows("SELECT * FROM device_requests"))

    before = rows()
    for _ in range(3):
        page = ann.get(f"/auth/device?code={program.code.lower()}").text
        assert f'value="{program.code}"' in page and NAME not in page
        for path in ("code", "decision"):
            ann.request("GET", f"/auth/device/{path}?code={program.code}&action=allow")
            ann.request("HEAD", f"/auth/device?code={program.code}")
    assert rows() == before
    assert "There is no such code" not in ann.get("/auth/device?code=%3Cscript%3E").text


def test_who_is_not_signed_in_comes_back_with_the_code(house: House) -> None:
    house.sign_up("ann@example.com")
    program = Program(house)
    visitor = house.visitor()
    assert "Sign in to" in visitor.get(f"/auth/device?code={program.code}").text
    page = visitor.submit(
        "/auth/sign-in", email="ann@example.com", password="a long sentence 77", method="password"
    )
    assert f'value="{program.code}"' in page.text
    assert NAME in visitor.submit("/auth/device/code", code=program.code).text


def test_forms_of_other_sites_and_without_their_secret_are_refused(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    enter(ann, program.code)
    for path, fields in (("code", {"code": program.code}), ("decision", {"action": "allow"})):
        body = {**ann.hidden, **fields}
        evil = ann.request(
            "POST", f"/auth/device/{path}", data=body, headers={"origin": "https://evil.example"}
        )
        bare = ann.request(
            "POST", f"/auth/device/{path}", data={**body, "csrf": "x"}, headers={"origin": house.settings.url}
        )
        script = ann.post(f"/auth/device/{path}", **body)
        assert (evil.status_code, bare.status_code, script.status_code) == (403, 403, 415)
    page = ann.request("POST", "/auth/device", json={}, headers={"origin": "https://evil.example"})
    assert page.status_code == 403
    assert error(program.poll()) == "authorization_pending"


def test_an_administrator_acting_as_somebody_allows_nothing(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    user = house.do(users.require, ann.user()["id"])
    _, secret = house.do(sessions.begin, user, Place(), ("impersonated",), actor="admin")
    admin = house.visitor()
    admin.cookies.set(house.provider.session_cookie, secret, domain="localhost.local")
    assert admin.session() is not None
    program = Program(house)
    assert "acting as somebody cannot" in admin.get("/auth/device").text
    assert NAME not in enter(admin, program.code) and admin.last.status_code == 403
    enter(ann, program.code)
    refused = admin.submit("/auth/device/decision", request=ann.hidden["request"], action="allow")
    assert refused.status_code == 403
    assert error(program.poll()) == "authorization_pending"


@pytest.fixture
def strict_house(tmp_path: Path) -> Iterator[House]:
    accounts = Accounts(algorithm="ES256", require_second_factor=True)
    with house(tmp_path, CHEAP, EmailCode(), accounts) as built:
        yield built


def test_half_a_sign_in_allows_nothing_where_two_steps_are_needed(strict_house: House) -> None:
    ann = strict_house.sign_up("ann@example.com")
    program = Program(strict_house)
    assert "authenticator app" in ann.get("/auth/device").text
    assert ann.submit("/auth/device/code", code=program.code).status_code == 403
    assert error(program.poll()) == "authorization_pending"


def test_guesses_are_bounded_by_account_and_by_network(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    ann.get("/auth/device")
    tries = 0
    for _ in range(24):
        while "Too many tries" not in ann.submit("/auth/device/code", code="BBBB-BBBB").text:
            tries += 1
        house.clock.advance(300)
    # Twenty in the first hour, and as many in each that follows.
    assert tries <= 60
    assert events(house).count("device.wrong_code") == tries
    assert NAME not in ann.submit("/auth/device/code", code=program.code).text
    bob = house.sign_up("bob@example.com")
    total = 0
    for number in range(12):
        guesser = house.sign_up(f"g{number}@example.com") if number < 8 else bob
        guesser.get("/auth/device")
        for _ in range(5):
            total += "There is no such code" in guesser.submit("/auth/device/code", code="CCCC-CCCC").text
    assert total <= 20


def test_asking_is_bounded_by_network(house: House) -> None:
    visitor = house.visitor(address="198.51.100.77")
    statuses = [visitor.request("POST", "/auth/device", json={}).status_code for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    assert house.visitor(address="192.0.2.1").request("POST", "/auth/device", json={}).status_code == 200


def test_the_program_is_a_device_that_its_user_sees_and_signs_out(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    allow(ann, program.code)
    _, answer = program.poll()
    page = ann.get("/auth/devices").text
    assert NAME in page and "198.51.100.9" in page
    ann.submit("/auth/devices", session=answer["session"], action="revoke")
    assert program.refresh(answer["refresh_token"])[0] == 401
    assert answer["session"] in house.provider.ended_lately()
    assert ann.session() is not None


def test_a_program_in_a_new_network_is_told_to_its_user_by_mail(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    near, far = Program(house, "syncline at home", "203.0.113.7"), Program(house)
    for program in (near, far):
        enter(ann, program.code)
        ann.submit("/auth/device/decision", action="allow")
        assert program.poll()[0] == 200
    mails = [mail for mail in house.mails("ann@example.com") if mail.kind == "new_device"]
    assert len(mails) == 1 and NAME in mails[0].text and "198.51.100.9" in mails[0].text


def test_signing_out_everywhere_takes_back_what_was_allowed_and_not_fetched(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    allow(ann, program.code)
    ann.get("/auth/devices")
    ann.submit("/auth/devices", action="everywhere")
    assert error(program.poll()) == error(program.poll()) == "access_denied"


def test_a_banned_user_signs_no_program_in(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    program = Program(house)
    allow(ann, program.code)
    house.do(lambda core: core.file.change("UPDATE users SET banned_at = 1"))
    assert error(program.poll()) == "access_denied"


def test_allowing_a_program_is_no_newer_proof_of_who_one_is(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    began = house.core.now()
    house.clock.advance(3600)
    program = Program(house)
    allow(ann, program.code)
    _, answer = program.poll()
    session = house.do(sessions.get, answer["session"])
    assert session is not None and session.first_at == began and session.methods == ("pwd", "otp")
    assert session.created_at == began + 3600


def test_what_is_stored_is_no_code(house: House) -> None:
    program = Program(house)
    stored = b"".join(path.read_bytes() for path in house.folder.iterdir())
    for secret in (program.asked["device_code"], program.code, program.code.replace("-", "")):
        assert secret.encode() not in stored


def test_a_file_from_before_there_were_such_requests_is_brought_up(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(
            f"{SCHEMA}{PROFILE_CHANGES} PRAGMA application_id = 0x53594E49; PRAGMA user_version = 2;"
        )
    file = IdentityFile(tmp_path / FILE)
    assert file.value("SELECT count(*) FROM device_requests") == 0
    file.close()


def test_requests_are_forgotten_when_there_are_too_many(house: House) -> None:
    first = Program(house)
    house.clock.advance(1)
    second = Program(house)
    keep = house.settings.limits.__class__(sign_in_flows=1)
    object.__setattr__(house.settings, "limits", keep)
    house.do(device_grants.trim)
    assert error(first.poll()) == "invalid_grant"
    assert error(second.poll()) == "authorization_pending"
