"""Logins that `syncline login` has stored, as the token of a client. Check S7."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

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
from syncline.client.logins import Login, Logins, config_folder

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
