"""`syncline start --admin-bind`: administration at an address of its own, which the command line finds."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import httpx
import pytest

from support.applications import write_application
from support.notes import MODULES
from support.processes import serving, syncline
from syncline.kernel.errors import SetupError
from syncline.server.listening import admin_address, listen_for_administrators, stop_listening
from syncline.server.settings import load_settings


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "unix:admin.sock"])
def test_commands_find_the_address_and_nobody_else_is_served_there(tmp_path: Path, bind: str) -> None:
    write_application(tmp_path, **MODULES)
    with serving(tmp_path, "start", "--admin-bind", bind) as server:
        key = (tmp_path / ".syncline" / "admin_key").read_text().strip()
        found: str = json.loads((tmp_path / ".syncline" / "server.json").read_text())["url"]
        assert f"Administration  {found}" in server.output
        assert found != server.url
        if bind.startswith("unix:"):
            socket = tmp_path / "admin.sock"
            assert found == f"unix:{socket}"
            assert stat.S_IMODE(socket.stat().st_mode) == 0o600

        def run(*arguments: str) -> str:
            done = syncline(*arguments, folder=tmp_path)
            assert done.returncode == 0, (arguments, done.stderr)
            return done.stdout

        assert run("run", "notes:add", '{"text": "through the server"}')
        # A server has the data: whatever answers is that server.
        assert "through the server" in run("run", "notes:list")
        run("env", "set", "COLOUR", "blue")
        assert "COLOUR" in run("env", "list")
        assert "notes:add" in run("logs")
        shell = syncline("shell", "-c", 'print(run("notes:list", list="a"))', folder=tmp_path)
        if bind.startswith("unix:"):
            assert "live connections do not go through unix:" in shell.stderr
        else:
            assert "through the server" in shell.stdout
        headers = {"authorization": f"Convex {key}"}
        for path in ("/metrics", "/api/check_admin_key", "/api/statistics"):
            assert httpx.get(server.url + path, headers=headers).status_code == 404
        call: dict[str, object] = {"path": "notes:secret", "args": dict[str, str]()}
        refused = httpx.post(f"{server.url}/api/query", json=call, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "BadDeployKey")
        public = httpx.post(f"{server.url}/api/query", json=call | {"path": "notes:list"})
        assert "through the server" in public.json()["value"]
    assert not (tmp_path / "admin.sock").exists()


def test_a_socket_left_behind_is_replaced_and_anything_else_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    bind = f"unix:{path}"
    killed = listen_for_administrators(bind)
    killed.close()
    assert path.exists()
    listener = listen_for_administrators(bind)
    try:
        assert admin_address(listener) == bind
        with pytest.raises(SetupError, match=f"cannot listen at {path}: somebody else does"):
            listen_for_administrators(bind)
    finally:
        stop_listening(listener)
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(SetupError, match=f"cannot listen at {path}: there is something else"):
        listen_for_administrators(bind)
    assert path.read_text() == "mine"
    with pytest.raises(
        SetupError, match="No such file or directory\n  help: name a path in a folder that is there"
    ):
        listen_for_administrators(f"unix:{tmp_path}/nowhere/admin.sock")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    taken = listen_for_administrators("127.0.0.1:0")
    try:
        address = admin_address(taken).removeprefix("http://")
        with pytest.raises(SetupError, match=r"or name another port: --admin-bind 127\.0\.0\.1:"):
            listen_for_administrators(address)
    finally:
        stop_listening(taken)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("127.0.0.1:3211", "127.0.0.1:3211"),
        ("[::1]:3211", "[::1]:3211"),
        ("unix:/run/app/admin.sock", "unix:/run/app/admin.sock"),
        ("unix:admin.sock", "unix:{folder}/admin.sock"),
        ("3211", None),
        ("127.0.0.1", None),
        ("127.0.0.1:http", None),
        ("127.0.0.1:70000", None),
        (":3211", None),
        ("unix:", None),
        ("unix:3211", "unix:{folder}/3211"),
    ],
)
def test_the_setting_is_an_address_with_a_port_or_a_path(tmp_path: Path, text: str, read: str | None) -> None:
    for environment, flags in (({"SYNCLINE_ADMIN_BIND": text}, {}), ({}, {"admin_bind": text})):
        if read is not None:
            found = load_settings(tmp_path, environment, flags).admin_bind
            assert found == read.format(folder=tmp_path)
            continue
        with pytest.raises(SetupError) as caught:
            load_settings(tmp_path, environment, flags)
        name = "--admin-bind" if flags else "the environment variable SYNCLINE_ADMIN_BIND"
        assert str(caught.value) == (
            f"{name} is '{text}'; it must be an address with a port, or the path of a socket\n"
            '  help: for example "127.0.0.1:3211" or "unix:/run/app/admin.sock"'
        )
