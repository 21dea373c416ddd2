"""Passkeys, authenticator apps and backup codes. Checks S8, S10, S20, S21."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyotp.totp import TOTP

from support.authenticator import Authenticator
from support.houses import CHEAP, PASSWORD, House, Visitor
from support.houses import house as live_house
from syncline.accounts import audit
from syncline.auth import Accounts, EmailCode, Passkey


def turn_on(house: House, visitor: Visitor) -> tuple[TOTP, list[str]]:
    """Set up an authenticator app; the backup codes."""
    page = visitor.get("/auth/account/totp").text
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found
    totp = TOTP(found[1].replace(" ", ""))
    codes = visitor.submit("/auth/account/totp", code=totp.at(house.core.now())).text
    return totp, re.findall(r"<code>([a-z2-7-]{19})</code>", codes)


def add_passkey(visitor: Visitor, device: Authenticator) -> None:
    asked = visitor.post("/auth/account/passkeys/options").json()
    made = visitor.post(
        "/auth/account/passkeys/add", flow=asked["flow"], credential=device.create(asked["options"])
    )
    assert made.status_code == 200, made.text


def use_passkey(visitor: Visitor, device: Authenticator) -> int:
    visitor.get("/auth/sign-in")
    asked = visitor.post("/auth/passkeys/options").json()
    return visitor.post(
        "/auth/passkeys/sign-in", flow=asked["flow"], credential=device.get(asked["options"])
    ).status_code


def test_the_second_step_follows_the_password(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    totp, codes = turn_on(house, visitor)
    assert len(codes) == 10
    other = house.visitor()
    page = other.sign_in("ann@example.com")
    assert "Second step" in page.text
    assert other.session() is None
    assert other.post("/auth/token").status_code == 401
    house.clock.advance(60)
    other.submit("/auth/mfa", code="000000")
    assert other.alert
    other.submit("/auth/mfa", code=totp.at(house.core.now()))
    session = other.session()
    assert session is not None and session["mfa_time"] == house.core.now()


def test_who_did_the_first_step_only_can_do_nothing_else(house: House) -> None:
    turn_on(house, house.sign_up("ann@example.com"))
    other = house.visitor()
    other.sign_in("ann@example.com")
    for path in ("/auth/account", "/auth/devices", "/auth/account/totp"):
        assert "Sign in to" in other.get(path).text
    other.sign_in("ann@example.com")
    assert "Sign in to" in other.submit("/auth/account/totp/off").text
    assert other.post("/auth/account/passkeys/options").status_code == 401
    assert other.request("GET", "/auth/account/export").status_code == 401


def test_a_code_of_the_app_works_once(house: House) -> None:
    totp, _ = turn_on(house, house.sign_up("ann@example.com"))
    house.clock.advance(60)
    code = totp.at(house.core.now())
    first, second = house.visitor(), house.visitor()
    first.sign_in("ann@example.com")
    second.sign_in("ann@example.com")
    first.submit("/auth/mfa", code=code)
    second.submit("/auth/mfa", code=code)
    assert first.session() is not None
    assert second.session() is None


def test_a_backup_code_works_once(house: House) -> None:
    _, codes = turn_on(house, house.sign_up("ann@example.com"))
    first, second = house.visitor(), house.visitor()
    first.sign_in("ann@example.com")
    first.submit("/auth/mfa", code=codes[0].upper().replace("-", " "))
    assert first.session() is not None
    second.sign_in("ann@example.com")
    second.submit("/auth/mfa", code=codes[0])
    assert second.session() is None
    assert "9 backup codes are left" in first.get("/auth/account").text


def test_five_wrong_second_steps_end_the_sign_in(house: House) -> None:
    totp, _ = turn_on(house, house.sign_up("ann@example.com"))
    house.clock.advance(60)
    other = house.visitor()
    other.sign_in("ann@example.com")
    flow = other.hidden["flow"]
    for _ in range(5):
        other.submit("/auth/mfa", code="000000")
    assert other.last.status_code == 410
    other.get("/auth/sign-in")
    assert other.submit("/auth/mfa", flow=flow, code=totp.at(house.core.now())).status_code == 410


def test_a_wrong_code_leaves_the_secret_of_the_page_as_it_is(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    visitor.get("/auth/account/totp")
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", visitor.last.text)
    assert found
    visitor.submit("/auth/account/totp", code="000000")
    assert visitor.alert == "This code is not right. Please look again." and found[0] in visitor.last.text
    totp = TOTP(found[1].replace(" ", ""))
    assert "backup codes" in visitor.submit("/auth/account/totp", code=totp.at(house.core.now())).text.lower()


def test_a_secret_is_taken_from_the_page_of_its_own_session_only(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    secret = "A" * 32
    visitor.get("/auth/account/totp")
    own = visitor.hidden["secret"]
    other = house.visitor()
    other.sign_in("ann@example.com")
    other.get("/auth/account/totp")
    code = TOTP(secret).at(house.core.now())
    for forged in (secret, "", own[:-4] + "AAAA", other.hidden["secret"], "v1:", "ä"):
        visitor.get("/auth/account/totp")
        visitor.submit("/auth/account/totp", code=code, secret=forged)
        assert visitor.alert == "The form has expired. Please send it again.", forged
    assert "Set up" in visitor.get("/auth/account").text


def test_turning_the_second_step_on_ends_other_sessions(house: House) -> None:
    visitor, other = house.sign_up("ann@example.com"), house.visitor()
    other.sign_in("ann@example.com")
    before = visitor.cookies["syncline_session"]
    turn_on(house, visitor)
    assert other.session() is None
    assert visitor.cookies["syncline_session"] != before
    visitor.get("/auth/account")
    visitor.submit("/auth/account/totp/off")
    assert "Not set up." in visitor.last.text
    assert house.mail("ann@example.com").kind == "factor_changed"


def test_a_passkey_signs_in_and_counts_as_both_steps(house: House) -> None:
    visitor, device = house.sign_up("ann@example.com"), Authenticator()
    add_passkey(visitor, device)
    turn_on(house, visitor)
    other = house.visitor()
    assert use_passkey(other, device) == 200
    session = other.session()
    assert session is not None and session["mfa_time"] is not None
    assert "Firefox, Linux" in other.get("/auth/account").text


@pytest.mark.parametrize("wrong", ["origin", "host", "no finger", "challenge", "another flow", "unknown key"])
def test_a_passkey_is_refused(house: House, wrong: str) -> None:
    visitor, device = house.sign_up("ann@example.com"), Authenticator()
    add_passkey(visitor, device)
    other = house.visitor()
    other.get("/auth/sign-in")
    asked = other.post("/auth/passkeys/options").json()
    flow, options = asked["flow"], asked["options"]
    match wrong:
        case "origin":
            device.origin = "https://evil.example"
        case "host":
            device.host = "evil.example"
        case "no finger":
            device.verifies = False
        case "challenge":
            options["challenge"] = "AAAA" + options["challenge"][4:]
        case "another flow":
            stranger = house.visitor()
            stranger.get("/auth/sign-in")
            flow = stranger.post("/auth/passkeys/options").json()["flow"]
        case _:
            device.id = b"another one here"
    answer = other.post("/auth/passkeys/sign-in", flow=flow, credential=device.get(options))
    assert answer.status_code == 400
    assert answer.json()["error"] == "passkey"
    assert other.session() is None


def test_what_a_passkey_signed_works_once_and_for_five_minutes(house: House) -> None:
    visitor, device = house.sign_up("ann@example.com"), Authenticator()
    add_passkey(visitor, device)
    other = house.visitor()
    other.get("/auth/sign-in")
    asked = other.post("/auth/passkeys/options").json()
    signed = device.get(asked["options"])
    assert other.post("/auth/passkeys/sign-in", flow=asked["flow"], credential=signed).status_code == 200
    assert other.post("/auth/passkeys/sign-in", flow=asked["flow"], credential=signed).status_code == 400
    late = house.visitor()
    late.get("/auth/sign-in")
    asked = late.post("/auth/passkeys/options").json()
    house.clock.advance(301)
    assert (
        late.post(
            "/auth/passkeys/sign-in", flow=asked["flow"], credential=device.get(asked["options"])
        ).status_code
        == 400
    )


def test_a_copy_of_a_passkey_is_noticed(house: House) -> None:
    visitor, device = house.sign_up("ann@example.com"), Authenticator()
    add_passkey(visitor, device)
    assert use_passkey(house.visitor(), device) == 200
    assert use_passkey(house.visitor(), device) == 200
    device.count = 0
    assert use_passkey(house.visitor(), device) == 403
    assert "may have been copied" in visitor.get("/auth/account").text
    events = [entry["event"] for entry in house.do(audit.entries)]
    assert "passkey.copied" in events


def test_the_last_way_to_sign_in_cannot_be_removed(house: House) -> None:
    visitor, device = house.sign_up("ann@example.com"), Authenticator()
    add_passkey(visitor, device)
    house.core.file.change("DELETE FROM passwords")
    house.core.file.change("UPDATE addresses SET verified_at = NULL")
    visitor.get("/auth/account")
    visitor.submit("/auth/account/passkeys", passkey=device.id.hex())
    assert "only way to sign in" in visitor.alert


def test_a_passkey_confirms_its_owner_before_something_important(house: House) -> None:
    visitor, device = house.sign_up("ann@example.com"), Authenticator()
    add_passkey(visitor, device)
    house.clock.advance(1000)
    assert visitor.post("/auth/account/passkeys/options").json()["error"] == "reverify"
    before = visitor.cookies["syncline_session"]
    asked = visitor.post("/auth/passkeys/options").json()
    done = visitor.post(
        "/auth/passkeys/reverify", flow=asked["flow"], credential=device.get(asked["options"])
    )
    assert done.status_code == 200
    assert visitor.cookies["syncline_session"] != before
    assert visitor.post("/auth/account/passkeys/options").status_code == 200


def test_a_code_by_mail_confirms_too(house: House) -> None:
    visitor = house.sign_up("ann@example.com", PASSWORD)
    house.clock.advance(1000)
    visitor.get("/auth/reverify?redirect=/auth/account/totp")
    visitor.submit("/auth/reverify", method="email")
    page = visitor.submit("/auth/verify", code=house.code("ann@example.com"))
    assert "Set up an authenticator app" in page.text


def test_with_a_second_step_the_first_one_alone_confirms_nobody(house: House) -> None:
    visitor = house.sign_up("ann@example.com", PASSWORD)
    totp, codes = turn_on(house, visitor)
    house.clock.advance(1000)
    for proof in ({"method": "password", "password": PASSWORD}, {"method": "email"}):
        visitor.get("/auth/reverify?redirect=/auth/account")
        assert visitor.submit("/auth/reverify", **proof).status_code == 400
        visitor.get("/auth/account")
        assert "Is it still you?" in visitor.submit("/auth/account/totp/off").text
    visitor.get("/auth/reverify?redirect=/auth/account")
    visitor.submit("/auth/reverify", method="totp", code=totp.at(house.core.now()))
    visitor.get("/auth/account")
    assert "Not set up." in visitor.submit("/auth/account/totp/off").text
    assert len(codes) == 10


def test_everybody_can_be_asked_for_a_second_step(tmp_path: Path) -> None:
    with live_house(
        tmp_path, CHEAP, EmailCode(), Accounts(algorithm="ES256", require_second_factor=True)
    ) as built:
        visitor = built.visitor()
        visitor.get("/auth/sign-up")
        visitor.submit("/auth/sign-up", email="ann@example.com", password=PASSWORD)
        page = visitor.submit("/auth/verify", code=built.code("ann@example.com"))
        assert "Set up an authenticator app" in page.text
        assert visitor.post("/auth/token").json()["error"] == "second_required"
        visitor.get("/auth/api-keys")  # Nor are there keys, which are exchanged for tokens.
        page = visitor.submit("/auth/api-keys", action="create", name="Robot")
        assert "Set up an authenticator app" in page.text and list(built.accounts.api_keys.list()) == []
        turn_on(built, visitor)
        assert visitor.post("/auth/token").status_code == 200


def test_passkeys_can_be_the_only_way(tmp_path: Path) -> None:
    with live_house(tmp_path, Passkey(), Accounts(algorithm="ES256")) as built:
        visitor, device = built.visitor(), Authenticator()
        visitor.get("/auth/sign-up")
        visitor.submit("/auth/sign-up", email="ann@example.com")
        page = visitor.submit("/auth/verify", code=built.code("ann@example.com"))
        assert "Add a passkey" in page.text
        add_passkey(visitor, device)
        other = built.visitor()
        assert use_passkey(other, device) == 200
        assert other.session() is not None
