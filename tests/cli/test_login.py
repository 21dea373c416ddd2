"""`syncline login`, `logout`, `whoami`, and calls over the network as who is signed in."""

from __future__ import annotations

import json
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from support.logins import MODULES, Owner, begun, code_of
from support.processes import syncline
from support.serving import Running, running
from syncline.client.logins import Login, Logins
from syncline.server.endpoint import forget_endpoint, publish_endpoint


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(tmp_path_factory.mktemp("app"), MODULES) as server:
        yield server


@pytest.fixture(scope="module")
def ann(server: Running) -> Iterator[Owner]:
    owner = Owner(server, "ann@example.com")
    yield owner
    owner.close()


def run(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, whose logins are in `folder`."""
    done = syncline(*arguments, folder=folder, variables={"XDG_CONFIG_HOME": str(folder), **variables})
    return done.returncode, done.stdout, done.stderr


def test_a_login_from_its_code_to_its_end(server: Running, ann: Owner, tmp_path: Path) -> None:
    url = f"http://localhost:{server.port}"
    refused = tmp_path / "refused"
    refused.mkdir()
    with begun(tmp_path, "login", "--url", url) as login, begun(refused, "login", "--url", url) as other:
        assert "syncline on " in ann.decide(code_of(login))
        ann.decide(code_of(other), "refuse")
        _, said = login.communicate(timeout=60)
        assert (login.returncode, said.splitlines()[-1]) == (0, f"signed in at {url} as ann@example.com")
        _, said = other.communicate(timeout=60)
        assert other.returncode == 1
        assert (
            "error: the login was refused in the browser\n  help: syncline login begins another one" in said
        )
    assert not (refused / "syncline" / "logins.json").exists()
    assert "syncline on " in ann.http.get("/auth/devices").text

    assert run(tmp_path, "whoami", "--url", url) == (0, "ann@example.com\n", "")
    facts = json.loads(run(tmp_path, "whoami", "--url", url, "--json")[1])
    assert (facts["url"], facts["email"]) == (url, "ann@example.com") and facts["sub"].startswith("user_")
    added = run(tmp_path, "run", "--url", url, "notes:add", '{"text": "pears"}')
    assert added == (0, "null\n", "[LOG] 'adding' 'pears'\n")
    assert run(tmp_path, "run", "--url", url, "notes:mine", "--json") == (0, '["pears"]\n', "")
    code, _, said = run(tmp_path, "run", "--url", url, "notes:everything")
    assert code == 1 and "Could not find function" in said
    with begun(tmp_path, "watch", "--url", url, "notes:mine", "--json") as watch:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["value"] == ["pears"]
        assert run(tmp_path, "run", "--url", url, "notes:add", '{"text": "plums"}')[0] == 0
        assert json.loads(watch.stdout.readline())["value"] == ["pears", "plums"]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 0

    assert run(tmp_path, "logout", "--url", url) == (0, "", f"signed out at {url}\n")
    assert "syncline on " not in ann.http.get("/auth/devices").text
    assert run(tmp_path, "logout", "--url", url) == (0, "", f"nobody is signed in at {url}\n")


def test_the_browser_is_opened_with_the_code_if_there_is_one(server: Running, tmp_path: Path) -> None:
    program, opened = tmp_path / "browser", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    program.chmod(0o755)
    here = {"BROWSER": str(program), "CI": "", "SSH_CONNECTION": ""}
    with begun(tmp_path, "login", "--url", server.url, **here) as login:
        code = code_of(login)
        assert login.stderr is not None
        assert "The browser is open" in login.stderr.readline() + login.stderr.readline()
        assert opened.read_text().endswith(f"/auth/device?code={code}\n")
        opened.unlink()
    for variables, option in ((here, "--no-browser"), ({**here, "SSH_CONNECTION": "x"}, "--data=.")):
        with begun(tmp_path, "login", option, "--url", server.url, **variables) as login:
            code_of(login)
            assert login.stderr is not None
            assert "Open the address" in login.stderr.readline() + login.stderr.readline()
    assert not opened.exists()


@pytest.mark.parametrize("command", [("run", "notes:mine"), ("watch", "notes:mine")])
def test_who_is_not_signed_in_is_told_how(server: Running, tmp_path: Path, command: tuple[str, ...]) -> None:
    code, out, said = run(tmp_path, command[0], "--url", server.url, *command[1:])
    assert (code, out) == (1, "")
    assert (
        said
        == f"error: nobody is signed in at {server.url}: sign in with `syncline login --url {server.url}`\n"
    )


@pytest.mark.parametrize("command", [("whoami",), ("run", "notes:mine")])
def test_a_login_that_was_ended_in_the_browser_is_over(
    server: Running, ann: Owner, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ann.log_in(tmp_path / "syncline")
    ann.end_other_sessions()
    code, out, said = run(tmp_path, command[0], "--url", server.url, *command[1:])
    assert (code, out) == (1, "")
    assert (
        said
        == f"error: the login at {server.url} has ended: sign in again with `syncline login --url {server.url}`\n"
    )


def test_without_an_address_it_is_the_server_of_the_folder_or_the_setting(
    server: Running, tmp_path: Path
) -> None:
    code, _, said = run(tmp_path, "login")
    assert code == 1 and "no server is running on the data folder" in said
    assert "say which: --url https://app.example.com" in said
    (tmp_path / ".syncline").mkdir()
    publish_endpoint(tmp_path / ".syncline", server.url)
    assert f"nobody is signed in at {server.url}" in run(tmp_path, "whoami")[2]
    forget_endpoint(tmp_path / ".syncline")
    said = run(tmp_path, "whoami", SYNCLINE_URL="https://app.example.com")[2]
    assert "nobody is signed in at https://app.example.com" in said


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    code, _, said = run(tmp_path, "run", "--url", url, "--identity", "{}", "notes:mine")
    assert code == 2 and "--url calls as who is signed in" in said
    code, _, said = run(tmp_path, "login", "--url", "app.example.com/x")
    assert code == 1 and "--url is 'app.example.com/x'; it must be an origin" in said


def test_without_a_server_the_login_is_forgotten_and_that_it_may_live_on_is_said(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    code, _, said = run(tmp_path, "login", "--url", url)
    assert code == 1 and f"error: the server at {url} does not answer" in said
    logins = Logins(tmp_path / "syncline")
    with logins.locked():
        logins.put(url, Login("r", "x.e30.x", 1e12))
    code, _, said = run(tmp_path, "run", "--url", url, "notes:mine")
    assert code == 1 and f"error: no server answers at {url}" in said
    code, _, said = run(tmp_path, "logout", "--url", url)
    assert code == 1 and f"end it at {url}/auth/devices too" in said
    assert logins.get(url) is None


def test_a_server_that_signs_nobody_in_is_told_apart(tmp_path: Path) -> None:
    with running(tmp_path, {"notes": "x = 1"}) as server:
        code, _, said = run(tmp_path, "login", "--url", server.url)
    assert code == 1
    assert f"error: the server at {server.url} has no sign-in of its own" in said
