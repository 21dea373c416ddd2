"""Sessions, their tokens and their ends. Checks S2, S3, S5, S6, S8, S10, S16 (tokens), S22."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from support.houses import CHEAP, PASSWORD, House
from support.houses import house as live_house
from syncline.accounts import organizations, passwords, sessions, signing_keys, users
from syncline.accounts.signing_keys import ANNOUNCED_SECONDS
from syncline.auth import Accounts, EmailCode
from syncline.identity.claims import identity_of


def claims_of(house: House, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(house.provider.key_set)  # type: ignore[arg-type]  # a key set as JSON
    claims: dict[str, Any] = jwt.decode(token, keys, algorithms=["RS256", "ES256"]).claims
    return claims


def test_a_token_says_who_and_for_how_long(house: House) -> None:
    visitor = house.sign_up("ann@example.com", name="Ann")
    response = visitor.post("/auth/token").json()
    claims = claims_of(house, response["token"])
    session = visitor.session()
    assert session is not None
    assert claims["iss"] == "http://localhost:3210/auth"
    assert claims["aud"] == "convex"
    assert claims["sub"] == visitor.user()["id"]
    assert claims["sid"] == session["id"]
    assert claims["exp"] - claims["iat"] == response["expires_in"] == 300
    assert (claims["email"], claims["email_verified"], claims["name"]) == ("ann@example.com", True, "Ann")
    assert claims["auth_time"] == session["auth_time"]


def test_two_tokens_of_a_session_differ_in_nothing_that_counts(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    first, same_second = visitor.token(), visitor.token()
    house.clock.advance(200)
    later = visitor.token()
    assert len({first, same_second, later}) == 3
    volatile = {"iat", "nbf", "exp", "jti", "fva"}
    claims = [claims_of(house, each) for each in (first, later)]
    described = [{k: v for k, v in each.items() if k not in volatile} for each in claims]
    assert described[0] == described[1]
    assert [each["fva"] for each in claims] == [[0, -1], [3, -1]]
    identities = [identity_of(each, each["iss"], each["sub"]) for each in claims]
    assert identities[0] == identities[1]


def test_a_token_says_how_long_ago_each_step_was_proved(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    session = visitor.session()
    assert session is not None
    house.clock.advance(125)
    house.do(sessions.confirm, session["id"], second=True)
    house.clock.advance(61)
    claims = claims_of(house, visitor.token())
    assert claims["fva"] == [3, 1]
    assert [claims["iat"] - claims[name] for name in ("auth_time", "mfa_time")] == [186, 61]


def test_a_session_ends_without_use_and_at_its_end(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    for _ in range(4):
        house.clock.advance(6.9 * 86400)
        assert visitor.session() is not None
    house.clock.advance(6.9 * 86400)
    assert visitor.session() is None  # 34 days
    other = house.visitor()
    other.sign_in("ann@example.com")
    house.clock.advance(7.1 * 86400)
    assert other.session() is None


def test_devices_are_listed_and_signed_out_one_by_one(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    phone = house.visitor(agent="Mozilla/5.0 (iPhone) Safari/600")
    phone.sign_in("ann@example.com")
    page = visitor.get("/auth/devices").text
    assert "Safari, iPhone" in page and "This device" in page
    session = phone.session()
    assert session is not None
    visitor.submit("/auth/devices", action="revoke", session=session["id"])
    assert phone.session() is None
    assert visitor.session() is not None


def test_signing_out_everywhere_ends_all_sessions_and_is_heard_at_once(house: House) -> None:
    heard: list[str] = []
    house.provider.set_listeners(on_ended=heard.extend, on_keys=lambda: None)
    visitors = [house.sign_up("ann@example.com"), house.visitor(), house.visitor()]
    for each in visitors[1:]:
        each.sign_in("ann@example.com")
    ids = {session["id"] for each in visitors if (session := each.session())}
    visitors[0].get("/auth/devices")
    visitors[0].submit("/auth/devices", action="everywhere")
    assert all(each.session() is None for each in visitors)
    assert set(heard) == ids
    assert set(house.provider.ended_lately()) == ids


@pytest.mark.parametrize("keeps", [False, True])
def test_the_end_of_all_sessions_leaves_nothing_in_the_browser(tmp_path: Path, keeps: bool) -> None:
    settings = Accounts(algorithm="ES256", clear_storage=not keeps)
    wanted = '"cache"' if keeps else '"cache", "storage"'
    with live_house(tmp_path, CHEAP, EmailCode(), settings) as house:
        visitor = house.sign_up("ann@example.com")
        # Anything less leaves the application's own data alone.
        for page, fields in (("devices", {"action": "others"}), ("sign-out", {})):
            visitor.get(f"/auth/{page}")
            visitor.submit(f"/auth/{page}", **fields)
            assert "clear-site-data" not in {name for each in visitor.answers for name in each.headers}
        for page, path, fields in (
            ("devices", "devices", {"action": "everywhere"}),
            ("account", "account/delete", {"word": "delete"}),
        ):
            visitor.sign_in("ann@example.com")
            visitor.get(f"/auth/{page}")
            visitor.submit(f"/auth/{path}", **fields)
            answer = visitor.answers[0]
            assert answer.headers["clear-site-data"] == wanted
            ended = [each for each in answer.headers.get_list("set-cookie") if "syncline_session=" in each]
            assert len(ended) == 1 and "Max-Age=0" in ended[0]


def test_nobody_ends_sessions_of_others(house: House) -> None:
    ann, bob = house.sign_up("ann@example.com"), house.sign_up("bob@example.com")
    session = bob.session()
    assert session is not None
    ann.get("/auth/devices")
    assert ann.submit("/auth/devices", action="revoke", session=session["id"]).status_code == 404
    assert bob.session() is not None


def test_a_deleted_users_sessions_are_over(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    visitor.get("/auth/account")
    visitor.submit("/auth/account/delete", word="no")
    assert visitor.alert == "Write “delete” to confirm."
    visitor.submit("/auth/account/delete", word="delete")
    assert visitor.session() is None
    assert house.do(users.find, "ann@example.com") is None
    assert house.provider.ended_lately()
    assert house.mail("ann@example.com").kind == "deleted"


def test_what_is_important_needs_a_recent_proof(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    house.clock.advance(11 * 60)
    visitor.get("/auth/account")
    page = visitor.submit("/auth/account/password", password="another long sentence")
    assert "Is it still you?" in page.text
    before = visitor.cookies["syncline_session"]
    visitor.submit("/auth/reverify", method="password", password="wrong words here", redirect="/auth/account")
    assert visitor.alert == "The current password is not right."
    visitor.submit("/auth/reverify", method="password", password=PASSWORD, redirect="/auth/account")
    assert visitor.cookies["syncline_session"] != before
    visitor.submit("/auth/account/password", password="another long sentence")
    assert "Saved." in visitor.last.text


def test_changing_the_password_ends_other_sessions_and_renews_this_one(house: House) -> None:
    visitor, other = house.sign_up("ann@example.com"), house.visitor()
    other.sign_in("ann@example.com")
    before = visitor.cookies["syncline_session"]
    visitor.get("/auth/account")
    visitor.submit("/auth/account/password", password="another long sentence")
    assert other.session() is None
    assert visitor.session() is not None
    assert visitor.cookies["syncline_session"] != before
    assert house.do(sessions.find, before) is None


def test_a_session_that_ends_while_a_request_arrives_changes_nothing(house: House) -> None:
    """Whoever is thrown out must not have kept a request open that still lets him do what he likes."""
    thief = house.sign_up("ann@example.com")
    thief.get("/auth/account")
    user_id = thief.user()["id"]
    stored = house.do(passwords.get, user_id)
    body = urlencode({**thief.hidden, "password": "another long sentence 78"}).encode()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:20]
        house.do(sessions.end_all, user_id, "revoked")
        yield body[20:]

    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "origin": house.settings.url,
        "accept": "text/html",
    }
    answer = thief.request("POST", "/auth/account/password", content=slowly(), headers=headers)
    assert (answer.status_code, house.do(passwords.get, user_id)) == (401, stored)


def test_a_session_that_ends_while_its_new_password_is_hashed_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief = house.sign_up("ann@example.com")
    thief.get("/auth/account")
    user_id, hasher = thief.user()["id"], house.provider.hasher
    assert hasher is not None
    hashed, stored = hasher.hash, house.do(passwords.get, user_id)

    def busy(password: str) -> str:
        house.do(sessions.end_all, user_id, "revoked")
        return hashed(password)

    monkeypatch.setattr(hasher, "hash", busy)
    answer = thief.submit("/auth/account/password", password="another long sentence 78")
    assert (answer.status_code, house.do(passwords.get, user_id)) == (401, stored)


def test_a_new_primary_address_is_told_to_the_old_one(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    visitor.get("/auth/account")
    visitor.submit("/auth/account/emails", action="add", email="ann@new.example")
    visitor.submit("/auth/verify", code=house.code("ann@new.example"))
    told = house.mail("ann@example.com")
    assert told.kind == "factor_changed" and "ann@new.example" in told.text
    other = house.visitor()
    other.sign_in("ann@new.example")
    assert other.session() is not None
    visitor.submit("/auth/account/emails", action="primary", email="ann@new.example")
    assert visitor.user()["email"] == "ann@new.example"
    assert other.session() is None
    assert house.mail("ann@example.com").kind == "email_changed"


def test_an_address_of_somebody_else_cannot_be_added_and_nobody_is_told_so(house: House) -> None:
    house.sign_up("bob@example.com")
    visitor = house.sign_up("ann@example.com")
    visitor.get("/auth/account")
    page = visitor.submit("/auth/account/emails", action="add", email="bob@example.com")
    assert "If bob@example.com can be used here" in page.text
    assert house.mail("bob@example.com").kind == "taken"


def test_a_signing_key_is_announced_before_it_signs_and_kept_while_its_tokens_live(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    old = visitor.token()
    new = house.do(signing_keys.rotate)
    assert house.do(signing_keys.rotate).id == new.id  # It waits: no second one.
    house.provider.workers.call(house.provider.refresh_keys)
    assert len(house.provider.key_set["keys"]) == 2
    assert claims_of(house, old)["sid"]
    house.clock.advance(24 * 3600 - 60)  # A day: whoever keeps key sets for that long knows the next one.
    last = visitor.token()
    assert jwt.decode(last, KeySet.import_key_set(house.provider.key_set)).header["kid"] != new.id  # type: ignore[arg-type]  # as above
    house.clock.advance(ANNOUNCED_SECONDS - 24 * 3600 + 61)
    assert (
        jwt.decode(
            visitor.token(),
            KeySet.import_key_set(house.provider.key_set),  # type: ignore[arg-type]  # as above
        ).header["kid"]
        == new.id
    )
    house.clock.advance(3600)
    house.provider.workers.call(house.provider.refresh_keys)
    assert claims_of(house, last)["sid"]
    house.clock.advance(400)
    house.provider.workers.call(house.provider.refresh_keys)
    assert [key["kid"] for key in house.provider.key_set["keys"]] == [new.id]


def test_a_stolen_key_is_withdrawn_at_once(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    old = visitor.token()
    changed: list[bool] = []
    house.provider.set_listeners(on_ended=lambda ids: None, on_keys=lambda: changed.append(True))
    house.do(signing_keys.rotate, revoke_now=True)
    house.provider.workers.call(house.provider.refresh_keys)
    assert changed
    with pytest.raises((JoseError, ValueError)):
        claims_of(house, old)
    assert claims_of(house, visitor.token())


def test_private_keys_are_sealed_in_the_file(house: House) -> None:
    house.sign_up("ann@example.com").token()
    stored: str = house.do(lambda core: core.file.value("SELECT private FROM signing_keys"))
    assert stored.startswith("v1:")
    assert '"d"' not in stored


def test_a_session_gets_at_most_sixty_tokens_a_minute(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    for _ in range(60):
        assert visitor.post("/auth/token").status_code == 200
    refused = visitor.post("/auth/token")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    house.clock.advance(2)
    assert visitor.post("/auth/token").status_code == 200


def test_the_active_organisation_is_in_the_token(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    user_id, session = visitor.user()["id"], visitor.session()
    assert session is not None
    made = house.do(organizations.create, "Acme", user_id)
    assert "o" not in claims_of(house, visitor.token())
    house.do(sessions.choose_organization, session["id"], made.organization)
    assert claims_of(house, visitor.token())["o"] == {"id": made.organization, "slg": "acme", "rol": "admin"}
    house.do(organizations.delete, made.organization)
    assert "o" not in claims_of(house, visitor.token())
