"""The identity provider in a whole server: its tokens, revocation at open sockets, encryption. Checks S2, S5, S41, S46, S47."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.applications import write_application
from support.houses import PASSWORD
from support.people import Person
from support.processes import serving
from support.serving import running
from support.sockets import SyncSocket
from syncline.accounts import FILE, IdentityFile
from syncline.auth import Accounts, EmailCode, GitHub, Microsoft, Passkey, Password
from syncline.client import AccountsClient, AccountsError
from syncline.functions import App
from syncline.kernel.clock import SystemEntropy
from syncline.kernel.errors import SetupError
from syncline.server.accounts import account_settings
from syncline.server.admin_keys import create_key
from syncline.server.endpoint import publish_endpoint
from syncline.server.settings import Mode, Settings

APP = """
    from syncline import App
    from syncline.auth import Accounts, EmailCode, Password

    app = App(auth=[Password(memory_kib=8192, passes=1), EmailCode(), Accounts(name="Orchard", algorithm="ES256")])
"""
PEOPLE = """
    from syncline import QueryCtx, query

    @query
    def me(ctx: QueryCtx) -> str:
        return ctx.auth.require().email or ""

    @query(anonymous=True)
    def hello(ctx: QueryCtx) -> str:
        return "hello"
"""
MODULES = {"app": APP, "people": PEOPLE}


def users_command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`syncline users` beside the server."""
    command = [
        str(Path(sys.executable).with_name("syncline")),
        "users",
        *words,
        "--data",
        str(folder / "data"),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_token_of_the_pages_opens_functions_and_sockets_until_its_session_ends(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server:
        ann = Person(server, "ann@example.com")
        ann.sign_up()
        token = ann.token()
        assert ann.call(token) == "ann@example.com"
        with SyncSocket(server.port) as sync:
            sync.connect()
            sync.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
            sync.subscribe(0, "people:me")
            assert sync.value(0) == "ann@example.com"
            began = time.monotonic()
            page = ann.http.get("/auth/devices")
            ann.submit("/auth/devices", page, action="everywhere")
            while (message := sync.receive())["type"] != "AuthError":
                assert time.monotonic() - began < 30  # The server sends pings for ever.
            assert time.monotonic() - began < 5  # A second, on a machine with nothing else to do.
            assert message["authUpdateAttempted"] is False
        assert ann.call(token) == 401


def test_sockets_of_a_keys_token_end_with_the_keys(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server:
        ann = Person(server, "ann@example.com")
        ann.sign_up()
        page = ann.http.get("/auth/api-keys")
        page = ann.submit("/auth/api-keys", page, action="create", name="Robot")
        secret = re.search(r"<code>(sk_[\w-]{43})</code>", page.text)
        assert secret
        headers = {"authorization": f"Bearer {secret[1]}"}
        token = httpx.post(f"{server.url}/auth/token", json={}, headers=headers).json()["token"]
        with SyncSocket(server.port).connect() as sync:
            sync.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
            sync.subscribe(0, "people:me")
            assert sync.value(0) == "ann@example.com"
            page = ann.http.get("/auth/account")
            changed = {"password": "a new sentence 88", "keys": "1"}
            assert "Saved" in ann.submit("/auth/account/password", page, **changed).text
            while sync.receive()["type"] != "AuthError":
                pass
        assert ann.call(token) == 401


def test_a_ban_by_the_admin_key_closes_everything_and_a_restart_remembers(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server:
        ann = Person(server, "ann@example.com")
        ann.sign_up()
        token = ann.token()
        headers = {"authorization": f"Convex {server.admin_key}"}
        answer = server.http.post("/auth/v1/users/ann@example.com/ban", headers=headers)
        assert answer.json()["banned"] is True
        assert ann.call(token) == 401
        assert server.http.get("/auth/v1/users").status_code == 403
        publish_endpoint(server.deployment.settings.data, server.url)
        refused = users_command(tmp_path, "show", "bob@example.com")
        assert refused.returncode == 1 and "There is no such user" in refused.stderr
        assert (
            json.loads(users_command(tmp_path, "show", "ann@example.com", "--json").stdout)["banned"] is True
        )
    with running(tmp_path, MODULES) as server:
        again = Person(server, "ann@example.com")
        assert again.call(token) == 401


def test_the_log_names_the_admin_key_and_one_for_reading_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    keys = {
        scope: create_key(data, "syncline", scope, scope, None, 0, SystemEntropy())
        for scope in ("admin", "read")
    }
    with running(tmp_path, MODULES) as server:
        url = f"http://127.0.0.1:{server.port}"
        with AccountsClient(url, keys["admin"][1]) as accounts:
            ann = accounts.users.create(email="ann@example.com")
        with AccountsClient(url, keys["read"][1]) as accounts:
            assert accounts.users.get(ann.id).email == "ann@example.com"
            with pytest.raises(AccountsError) as refused:
                accounts.users.ban(ann.id)
            assert (refused.value.status, refused.value.code) == (403, "key_scope")
            [event] = accounts.audit.list(user=ann.id)
            assert (event.event, event.actor) == ("user.created", f"key:{keys['admin'][0].id}")
            assert (event.address, event.agent[:12]) == ("127.0.0.1", "python-httpx")


def test_the_banner_leads_to_the_host_that_cookies_and_passkeys_belong_to(tmp_path: Path) -> None:
    write_application(tmp_path, app=APP)
    with serving(tmp_path) as server:
        assert server.url == f"http://localhost:{server.port}"
        assert f"Sign-in    {server.url}/auth/sign-in" in server.output
        assert httpx.get(f"{server.url}/auth/sign-in").status_code == 200


def test_an_application_without_accounts_has_no_pages(tmp_path: Path) -> None:
    with running(tmp_path, {"people": PEOPLE}) as server:
        assert server.http.get("/auth/sign-in").status_code == 404
        assert not (tmp_path / "data" / FILE).exists()


def test_identity_data_are_in_a_file_of_their_own_encrypted_like_the_others(tmp_path: Path) -> None:
    key = "ab" * 32
    with running(tmp_path, MODULES, environment={"SYNCLINE_DATA_KEY": key}) as server:
        Person(server, "ann@example.com").sign_up()
        listed = server.http.get("/api/query", headers={"authorization": f"Convex {server.admin_key}"})
        assert "argon2" not in listed.text
    path = tmp_path / "data" / FILE
    assert oct(path.stat().st_mode)[-3:] == "600"
    for file in (tmp_path / "data").glob("*"):
        if file.is_file():
            assert b"ann@example.com" not in file.read_bytes(), file
    with pytest.raises(SetupError):
        IdentityFile(path)
    opened = IdentityFile(path, key=bytes.fromhex(key))
    assert opened.value("SELECT email FROM addresses") == "ann@example.com"
    opened.close()


def test_the_discovery_document_leads_to_the_keys(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server:
        found = server.http.get("/auth/.well-known/openid-configuration").json()
        assert found["issuer"].endswith("/auth")
        keys = server.http.get("/auth/.well-known/jwks.json")
        assert [key["alg"] for key in keys.json()["keys"]] == ["ES256"]
        assert "d" not in keys.json()["keys"][0]
        assert keys.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"host": "0.0.0.0"}, "the address under which browsers reach this server is not known"),
        ({"url": "http://app.example.com"}, "over http anybody on the way can take over sessions"),
    ],
)
def test_production_needs_an_address_of_its_own(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    settings = Settings(backend=tmp_path, data=tmp_path, **changes)
    with pytest.raises(SetupError, match=complaint):
        account_settings(settings, Mode.START, None, {})
    assert (
        account_settings(Settings(backend=tmp_path, data=tmp_path), Mode.START, None, {}).url
        == "http://localhost:3210"
    )
    with pytest.raises(SetupError, match="it lists networks"):
        account_settings(
            Settings(backend=tmp_path, data=tmp_path),
            Mode.DEV,
            None,
            {"SYNCLINE_TRUSTED_PROXIES": "nonsense"},
        )


def test_production_does_not_start_without_the_mails_that_its_sign_in_needs(tmp_path: Path) -> None:
    settings = Settings(backend=tmp_path, data=tmp_path)
    for providers, complaint in (
        ([Password()], r"Password\(\) needs mails, and no mail server is set"),
        ([GitHub(), Microsoft()], r"Microsoft\(\) needs mails"),
        (
            [GitHub(), Passkey(), EmailCode(), Password()],
            r"Password\(\), EmailCode\(\) and Passkey\(\) need mails",
        ),
    ):
        with pytest.raises(SetupError, match=complaint) as raised:
            account_settings(settings, Mode.START, App(auth=providers), {})
        assert "set SYNCLINE_MAIL_URL" in str(raised.value)
        assert account_settings(settings, Mode.DEV, App(auth=providers), {}).mail_url is None
        on_purpose = {"SYNCLINE_MAIL_URL": "none"}
        assert account_settings(settings, Mode.START, App(auth=providers), on_purpose).mail_url is None
    account_settings(settings, Mode.START, App(auth=[GitHub()]), {})
    some = {"SYNCLINE_MAIL_URL": "smtps://mail.example.com"}
    assert (
        account_settings(settings, Mode.START, App(auth=[Password()]), some).mail_url
        == "smtps://mail.example.com"
    )


def test_an_application_of_settings_alone_has_no_way_to_sign_in() -> None:
    with pytest.raises(SetupError, match="lists no way to sign in"):
        App(auth=[Accounts(name="Acme")])


def test_what_the_log_of_the_server_says_holds_no_secret(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server:
        ann = Person(server, "ann@example.com")
        ann.sign_up()
        token, cookie = ann.token(), ann.http.cookies["syncline_session"]
        ann.call(token)
        ann.http.get("/auth/link?flow=x&token=planted-secret")
        admin = {"authorization": f"Convex {server.admin_key}"}
        recorded = server.http.get("/api/stream_function_logs?cursor=0", headers=admin)
        assert "people:me" in recorded.text
        text = server.log.getvalue() + recorded.text
        assert not [each for each in (PASSWORD, token, cookie, "planted-secret") if each in text]
