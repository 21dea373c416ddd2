"""Administrators, API keys, imports, exports and the log. Checks S5, S11, S22, S40, S44, S46."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import bcrypt
import pytest

from support.houses import PASSWORD, House
from support.houses import house as houses
from syncline.accounts import audit, deletion, users
from syncline.accounts.importing import read_export
from syncline.client import AccountsError
from syncline.kernel.errors import SetupError


def test_a_ban_takes_effect_at_once_and_can_be_lifted(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    house.accounts.users.ban("ann@example.com")
    assert visitor.session() is None
    assert len(house.provider.ended_lately()) == 1
    again = house.visitor()
    again.sign_in("ann@example.com")
    assert again.last.status_code == 403
    assert "This account is locked" in again.alert
    house.accounts.users.unban("ann@example.com")
    again.sign_in("ann@example.com")
    assert again.session() is not None


def test_an_administrator_acts_as_somebody_for_a_while_with_a_trace(house: House) -> None:
    ann = house.sign_up("ann@example.com")
    url = house.accounts.users.impersonate("ann@example.com", reason="ticket 7")
    admin = house.visitor()
    admin.get(url.removeprefix("http://localhost:3210"))
    admin.submit("/auth/impersonate")
    session = admin.session()
    assert session is not None and session["actor"] == "tester"
    assert admin.user()["id"] == ann.user()["id"]
    claims = admin.claims()
    assert (claims["act"], claims["fva"]) == ({"sub": "tester"}, [-1, -1])
    assert session["auth_time"] is None and "auth_time" not in claims  # Nothing was proved lately.
    assert "You are acting as ann@example.com." in admin.get("/auth/account").text
    house.do(users.rename, ann.user()["id"], "Ann <b>Smith</b>")
    assert "acting as Ann &lt;b&gt;Smith&lt;/b&gt; (ann@example.com)." in admin.get("/auth/account").text
    assert "acting as" not in ann.get("/auth/account").text
    assert "opened by an administrator" in ann.get("/auth/devices").text
    events = {entry["event"]: entry for entry in house.do(audit.entries)}
    assert events["impersonation.allowed"]["data"] == {"reason": "ticket 7"}
    assert events["impersonation.began"]["actor"] == "tester"
    house.clock.advance(15 * 60 + 1)
    assert admin.session() is None


def test_who_acts_as_somebody_cannot_change_how_that_one_signs_in(house: House) -> None:
    house.sign_up("ann@example.com")
    url = house.accounts.users.impersonate("ann@example.com")
    admin = house.visitor()
    admin.get(url.removeprefix("http://localhost:3210"))
    admin.submit("/auth/impersonate")
    forms = {
        "/auth/account/password": {"password": "another long sentence"},
        "/auth/account/emails": {"action": "add", "email": "x@example.com"},
        "/auth/account/delete": {"word": "delete"},
        "/auth/account/totp/off": {},
        "/auth/account/passkeys": {"passkey": "00"},
        "/auth/api-keys": {"action": "create", "name": "mine"},
    }
    for path, fields in forms.items():
        admin.get("/auth/account")
        assert admin.submit(path, **fields).status_code == 403, path
        assert "acting as somebody cannot do this" in admin.alert
    assert admin.post("/auth/account/passkeys/options").json()["error"] == "impersonated"
    assert house.do(users.find, "ann@example.com") is not None
    taken_again = house.visitor()
    assert taken_again.get(url.removeprefix("http://localhost:3210")).status_code == 410
    taken_again.get("/auth/sign-in")
    ticket = dict(parse_qsl(urlsplit(url).query))
    assert taken_again.submit("/auth/impersonate", **ticket).status_code == 410


def test_users_are_made_found_and_changed(house: House) -> None:
    people = house.accounts.users
    made = people.create(email="Ann@example.com", name="Ann", password="a long sentence 77")
    assert [each.id for each in people.list(search="ann@")] == [made.id]
    people.update(made.id, name="Anna", public_metadata={"plan": "pro"})
    shown = people.get("ann@example.com")
    assert (shown.name, shown.public_metadata, shown.password) == ("Anna", {"plan": "pro"}, True)
    visitor = house.visitor()
    visitor.sign_in("ann@example.com", "a long sentence 77")
    assert visitor.session() is not None
    with pytest.raises(AccountsError) as refused:
        people.create(email="bob@example.com", password="password1")
    assert (refused.value.code, refused.value.field) == ("password_common", "password")
    people.delete("ann@example.com")
    assert list(people.list()) == [] and people.count() == 0


def test_an_api_key_is_exchanged_for_a_token_until_it_is_revoked(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    visitor.get("/auth/api-keys")
    page = visitor.submit("/auth/api-keys", action="create", name="Robot").text
    secret = "sk_" + page.partition("<code>sk_")[2].partition("<")[0]
    program = house.visitor(agent="robot")
    token = program.request("POST", "/auth/token", json={}, headers={"authorization": f"Bearer {secret}"})
    assert token.status_code == 200
    assert secret.encode() not in (house.folder / "identity.db-wal").read_bytes()
    [key] = house.accounts.api_keys.list(user="ann@example.com")
    visitor.get("/auth/api-keys")
    visitor.submit("/auth/api-keys", action="revoke", key=key.id)
    refused = program.request("POST", "/auth/token", json={}, headers={"authorization": f"Bearer {secret}"})
    assert refused.status_code == 401
    assert key.id in house.provider.ended_lately()


def test_a_user_takes_everything_along(house: House) -> None:
    visitor = house.sign_up("ann@example.com", name="Ann")
    visitor.post("/auth/token")
    exported = visitor.request("GET", "/auth/account/export")
    assert exported.headers["content-disposition"].startswith("attachment")
    content = exported.json()
    assert content["user"]["email"] == "ann@example.com"
    assert [entry["event"] for entry in content["events"]] == ["sign_up", "sign_in"]
    text = exported.text
    assert "$argon2" not in text and "hash" not in text


def test_the_log_of_who_is_gone_says_only_that_something_happened(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    user_id = visitor.user()["id"]
    house.do(deletion.delete_user, user_id)
    entries = house.do(audit.entries, user_id=user_id)
    assert [entry["event"] for entry in entries] == ["sign_up", "sign_in", "user.deleted"]
    assert all(entry["address"] == "" for entry in entries)


def test_clerks_csv_brings_users_with_their_passwords(house: House, tmp_path: Path) -> None:
    digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    file = tmp_path / "clerk.csv"
    file.write_text(
        "id,first_name,last_name,username,primary_email_address,primary_phone_number,verified_email_addresses,"
        "unverified_email_addresses,verified_phone_numbers,unverified_phone_numbers,totp_secret,password_digest,"
        "password_hasher\n"
        f"user_1,Ann,Example,,ann@example.com,,ann2@example.com|ann@example.com,,,,,{digest},bcrypt\n"
        "user_2,Bob,,,bob@example.com,,,bob@example.com,,,,$scrypt$x,scrypt_firebase\n"
        "user_3,Eve,,,not an address,,not an address,,,,,,\n"
    )
    report = house.accounts.users.import_rows(read_export(file))
    assert report.imported == 2
    assert report.without_password == 1
    assert report.skipped == [{"id": "user_3", "why": "This is not an email address."}]
    visitor = house.visitor()
    visitor.sign_in("ann@example.com")
    assert visitor.user()["email"] == "ann@example.com"
    assert visitor.user()["external_id"] == "user_1"
    stored: str = house.do(lambda core: core.file.value("SELECT hash FROM passwords"))
    assert stored.startswith("$argon2id$")
    again = house.accounts.users.import_rows(read_export(file))
    assert again.imported == 0 and len(again.skipped) == 3


def test_clerks_json_brings_metadata_and_the_primary_address(house: House, tmp_path: Path) -> None:
    file = tmp_path / "clerk.json"
    address = {"verification": {"status": "verified"}}
    content = [
        {
            "id": "user_9", "first_name": "Ann", "last_name": None, "primary_email_address_id": "idn_2",
            "email_addresses": [
                {"id": "idn_1", "email_address": "other@example.com", **address},
                {"id": "idn_2", "email_address": "ann@example.com", **address},
            ],
            "public_metadata": {"plan": "pro"}, "created_at": 1700000000000, "banned": False,
        }
    ]  # fmt: skip
    file.write_text(json.dumps(content))
    house.accounts.users.import_rows(read_export(file))
    user = house.do(users.find, "user_9")
    assert user is not None
    assert (user.email, user.name, user.created_at) == ("ann@example.com", "Ann", 1700000000)
    assert user.public_metadata == {"plan": "pro"}
    with pytest.raises(SetupError):
        (tmp_path / "bad.json").write_text("{")
        read_export(tmp_path / "bad.json")


def test_the_command_line_works_without_a_server(tmp_path: Path) -> None:
    backend = tmp_path / "backend"
    backend.mkdir()
    (backend / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\n")
    (backend / "app.py").write_text("from syncline import App\n\napp = App()\n")

    def syncline(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("syncline")), "users", *words]
        return subprocess.run(
            command, cwd=tmp_path, input=given, capture_output=True, text=True, env=os.environ
        )

    refused = syncline("list")
    assert refused.returncode == 1
    assert "the application has no accounts" in refused.stderr
    (backend / "app.py").write_text(
        "from syncline import App\nfrom syncline.auth import Password\n\napp = App(auth=[Password()])\n"
    )
    assert "made user_" in syncline("create", "ann@example.com", "--password", given=PASSWORD).stdout
    assert "ann@example.com" in syncline("list").stdout
    assert "banned user_" in syncline("ban", "ann@example.com").stdout
    assert json.loads(syncline("show", "ann@example.com", "--json").stdout)["banned"] is True
    unknown = syncline("ban", "bob@example.com")
    assert unknown.returncode == 1 and "There is no such user" in unknown.stderr
    assert "user.banned" in syncline("audit").stdout
    assert "signs from" in syncline("rotate-keys").stdout


def test_a_restart_remembers_whose_tokens_are_refused(tmp_path: Path) -> None:
    with houses(tmp_path) as first:
        ann = first.sign_up("ann@example.com")
        token = ann.token()
        ended = [
            first.accounts.api_keys.create("ann@example.com", f"robot {number}").id for number in range(2)
        ]
        first.accounts.api_keys.revoke(ended[0])
        ended.append(next(iter(first.accounts.sessions.list())).id)
        # Nothing else is left of who is gone.
        first.accounts.users.delete("ann@example.com")
    with houses(tmp_path) as second:
        assert token and set(second.provider.ended_lately()) == set(ended)
        second.clock.advance(3700)
        second.do(lambda core: second.provider._round())  # pyright: ignore[reportPrivateUsage] - what the loop does now and then
    with houses(tmp_path) as third:
        third.clock.advance(3700)
        assert third.do(lambda core: core.file.value("SELECT count(*) FROM revoked")) == 0


def test_a_key_works_again_once_its_user_is_let_in(house: House) -> None:
    visitor = house.sign_up("ann@example.com")
    key = house.accounts.api_keys.create(visitor.user()["id"], "robot")
    headers = {"authorization": f"Bearer {key.secret}"}
    program = house.visitor(agent="robot")
    for keep_out, let_in in (("ban", "unban"), ("lock", "unlock")):
        getattr(house.accounts.users, keep_out)("ann@example.com")
        assert program.request("POST", "/auth/token", json={}, headers=headers).status_code == 401
        getattr(house.accounts.users, let_in)("ann@example.com")
        token = program.request("POST", "/auth/token", json={}, headers=headers).json()["token"]
        sid = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["sid"]
        assert not house.provider.is_revoked(sid)
