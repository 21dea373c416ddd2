"""Logins that `syncline login` has stored, as the token of a client. Check S7."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest

from support.logins import MODULES, Owner
from support.processes import environment
from support.serving import Running, running
from syncline.client import (
    AuthenticationError,
    Client,
    ClientError,
    ConnectionLostError,
    StoredLogin,
    SyncClient,
)
from syncline.client.login_server import LoginServer
from syncline.client.logins import Login, Logins, config_folder
from syncline.kernel.clock import SystemClock

NUMBERS = count()


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(tmp_path_factory.mktemp("app"), MODULES) as server:
        yield server


@pytest.fixture
def ann(accounts: Running) -> Iterator[Owner]:
    owner = Owner(accounts, f"ann{next(NUMBERS)}@example.com")
    yield owner
    owner.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "syncline"


def overdue(url: str, folder: Path) -> None:
    """Let the stored access token be about to end."""
    logins = Logins(folder)
    login = logins.get(url)
    assert login is not None
    logins.put(url, Login(login.refresh_token, login.token, 0.0))


def test_a_client_is_who_signed_in_until_that_ends(ann: Owner, folder: Path) -> None:
    url = ann.server.url
    ann.log_in(folder)

    async def follow() -> None:
        async with Client(url, token=StoredLogin(url, folder=folder)) as client:
            await client.mutation("notes:add", text="pears")
            assert await client.query("notes:mine") == ["pears"]
            assert await client.query("notes:me") == ann.email
            await asyncio.to_thread(ann.end_other_sessions)
            while True:
                await client.query("notes:mine")

    with pytest.raises(
        AuthenticationError, match=f"the login at {url} has ended.*syncline login --url {url}"
    ):
        asyncio.run(follow())
    assert Logins(folder).get(url) is None


def test_who_is_not_signed_in_enters_nowhere(accounts: Running, folder: Path) -> None:
    url = accounts.url

    async def enter() -> None:
        async with Client(url, token=StoredLogin(url, folder=folder)):
            pass

    with pytest.raises(
        AuthenticationError, match=f"nobody is signed in at {url}: sign in with `syncline login --url"
    ):
        asyncio.run(enter())


def test_a_blocking_client_takes_a_login_too(ann: Owner, folder: Path) -> None:
    ann.log_in(folder)
    with SyncClient(ann.server.url, token=StoredLogin(ann.server.url, folder=folder)) as client:
        assert client.query("notes:me") == ann.email


def test_of_many_threads_and_processes_one_renews_the_login_and_all_go_on(ann: Owner, folder: Path) -> None:
    url = ann.server.url
    ann.log_in(folder)
    found = set[str]()
    for _ in range(3):
        overdue(url, folder)
        code = f"from syncline.client import stored_login; print(stored_login({url!r}).token())"
        variables = environment(XDG_CONFIG_HOME=str(folder.parent))
        processes = [
            subprocess.Popen([sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        with ThreadPoolExecutor(8) as pool:
            tokens = [pool.submit(StoredLogin(url, folder=folder).token) for _ in range(16)]
            found = {each.result() for each in tokens}
        found |= {process.communicate(timeout=60)[0].strip() for process in processes}
        assert len(found) == 1
    stored = Logins(folder).get(url)
    assert stored is not None and stored.token in found


def test_a_token_that_was_refused_is_not_given_again(ann: Owner, folder: Path) -> None:
    url = ann.server.url
    first = ann.log_in(folder).token
    one, other = StoredLogin(url, folder=folder), StoredLogin(url, folder=folder)
    assert one.token() == other.token() == first
    second = one.token(refused=True)
    assert second != first
    assert other.token(refused=True) == second  # Renewed already, by somebody else.


def test_an_ended_login_is_forgotten(ann: Owner, folder: Path) -> None:
    ann.log_in(folder)
    ann.end_other_sessions()
    login = StoredLogin(ann.server.url, folder=folder)
    with pytest.raises(AuthenticationError, match="has ended"):
        login.token(refused=True)
    with pytest.raises(AuthenticationError, match="nobody is signed in"):
        login.token()


def test_a_login_is_kept_while_its_server_is_away(folder: Path) -> None:
    url, logins = "http://127.0.0.1:9", Logins(folder)
    with logins.locked():
        logins.put(url, Login("r"))
    with pytest.raises(ConnectionLostError, match=f"the server at {url} does not answer"):
        StoredLogin(url, folder=folder).token()
    assert logins.get(url) == Login("r")


def test_a_login_is_kept_when_something_else_refuses(odd: LoginServer) -> None:
    Odd.answers += [(401, '{"error": "proxy"}'), (503, '{"error": "busy"}'), (401, '{"error": "grant"}')]
    for _ in range(2):
        with pytest.raises(ClientError) as raised:
            odd.refresh("r")
        assert not isinstance(raised.value, AuthenticationError)
    with pytest.raises(AuthenticationError):
        odd.refresh("r")


def test_only_its_owner_can_read_the_file_and_it_is_replaced_as_a_whole(folder: Path) -> None:
    logins = Logins(folder)
    folder.mkdir(mode=0o755)
    leftover = folder / "logins.new"
    leftover.write_text("x")
    with logins.locked():
        logins.put("https://one.example.com", Login("r1", "t1", 5.0))
        first = logins.path.stat().st_ino
        logins.put("https://two.example.com", Login("r2"))
    assert logins.path.stat().st_ino != first and not leftover.exists()
    assert stat.S_IMODE(logins.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert logins.get("https://one.example.com") == Login("r1", "t1", 5.0)
    with logins.locked():
        logins.remove("https://one.example.com")
    assert logins.get("https://one.example.com") is None
    assert logins.get("https://two.example.com") == Login("r2")
    assert "r2" not in repr(logins.get("https://two.example.com"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://app.example.com", "HTTPS://App.example.com:443/"),
        ("http://127.0.0.1:3210", "http://localhost:3210"),
        ("http://[::1]:3210", "http://localhost:3210/"),
    ],
)
def test_a_server_has_one_login_however_its_address_is_written(folder: Path, one: str, other: str) -> None:
    logins = Logins(folder)
    with logins.locked():
        logins.put(one, Login("r"))
    assert logins.get(other) == Login("r")
    for another in (
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "http://localhost:3211",
    ):
        assert logins.get(another) is None


def test_a_file_that_cannot_be_read_says_what_to_do(folder: Path) -> None:
    folder.mkdir()
    (folder / "logins.json").write_text("{")
    with pytest.raises(
        ClientError, match=r"logins\.json cannot be read: .*Remove it, and sign in again: syncline login"
    ):
        Logins(folder).get("https://app.example.com")


@pytest.mark.parametrize("url", ["ftp://example.com", "example.com", "http://", "http://x:99999999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="is no address of a server"):
        StoredLogin(url)


def test_the_folder_is_where_programs_of_the_user_keep_such_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert config_folder() == Path("/somewhere/syncline")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")  # The specification says to ignore it.
    assert config_folder() == Path(os.environ["HOME"]) / ".config" / "syncline"


class Odd(BaseHTTPRequestHandler):
    """Says what the test wants it to say."""

    answers: ClassVar[list[tuple[int, str]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, text = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def odd() -> Iterator[LoginServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield LoginServer(f"http://127.0.0.1:{server.server_address[1]}", SystemClock())
    server.shutdown()
    thread.join()
    server.server_close()


CODES = {
    "device_code": "d",
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://x/auth/device",
    "expires_in": 600,
}


@pytest.mark.parametrize(
    ("status", "answer", "complaint"),
    [
        (200, "<html>", "does not answer as a Syncline server does"),
        (200, "[]", "does not answer as a Syncline server does"),
        (200, '{"device_code": 1}', "does not answer as a Syncline server does"),
        (200, json.dumps({**CODES, "user_code": "\x1b[2J"}), "does not answer as a Syncline server does"),
        (200, json.dumps({**CODES, "verification_uri": "file:///etc/passwd"}), "does not answer as"),
        (
            200,
            json.dumps({**CODES, "verification_uri_complete": "javascript:alert(1)"}),
            "does not answer as",
        ),
        (200, json.dumps({**CODES, "expires_in": float("nan")}), "does not answer as"),
        (200, "[" * 100_000, "does not answer as"),
        (404, "", "has no sign-in of its own"),
        (429, '{"error": "too_many", "message": "wait\\u001b[2J"}', r"refused: wait\[2J"),
        (500, "{}", "refused: status 500"),
    ],
)
def test_a_server_that_answers_oddly_is_not_believed(
    odd: LoginServer, status: int, answer: str, complaint: str
) -> None:
    Odd.answers.append((status, answer))
    with pytest.raises(ClientError, match=complaint):
        odd.ask("a test")


def test_a_server_cannot_let_a_program_wait_for_ever_or_ask_without_end(odd: LoginServer) -> None:
    Odd.answers += [
        (200, json.dumps({**CODES, "expires_in": 1e300, "interval": 1e300})),
        (200, json.dumps({**CODES, "interval": -5})),
    ]
    long, short = odd.ask("a test"), odd.ask("a test")
    assert (long.seconds, long.interval, short.interval) == (3600, 60, 1)
    assert long.page_with_code == CODES["verification_uri"]


def test_what_a_poll_says_is_a_word_of_the_standard_or_a_failure(odd: LoginServer) -> None:
    Odd.answers.append((200, json.dumps(CODES)))
    asked = odd.ask("a test")
    for error in ("authorization_pending", "slow_down", "access_denied", "expired_token", "invalid_grant"):
        Odd.answers.append((400, json.dumps({"error": error})))
        assert odd.poll(asked) == error
    Odd.answers.append((429, '{"error": "too_many"}'))
    assert odd.poll(asked) == "slow_down"
    Odd.answers.append((400, '{"error": "server_error", "message": "no"}'))
    with pytest.raises(ClientError, match="refused: no"):
        odd.poll(asked)
