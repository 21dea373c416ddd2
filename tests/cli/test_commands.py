"""The commands, as their users see them: output to the letter, exit codes, and what happens beside."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from support.applications import write_application
from support.notes import MODULES
from support.processes import SYNCLINE, call, environment, serving, syncline
from syncline import __version__


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, **MODULES)
    return tmp_path


def run(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    done = syncline(*arguments, folder=folder, variables=variables)
    return done.returncode, done.stdout, done.stderr


def test_help_lists_the_commands_that_one_begins_with_first(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "--help")
    assert (code, err) == (0, "")
    commands = [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()]
    assert commands[:4] == ["new", "add", "dev", "start"]
    assert run(tmp_path)[:2] == (0, out)


def test_help_does_not_import_the_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [SYNCLINE, "--help"],
        env=environment(PYTHONPROFILEIMPORTTIME="1"),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported & {
        "apsw",
        "asyncio",
        "msgspec",
        "picows",
        "rich",
        "starlette",
        "uvicorn",
        "uvloop",
        "watchfiles",
    }


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert run(tmp_path, "--version") == (0, f"syncline {__version__}\n", "")


def test_usage_errors_are_exit_code_2(tmp_path: Path) -> None:
    for arguments in (
        ("nope",),
        ("run",),
        ("dev", "--prot", "1"),
        ("run", "notes:list", "[1]"),
        ("run", "a b"),
    ):
        code, out, err = run(tmp_path, *arguments)
        assert (code, out) == (2, "")
        assert "Error: " in err and "Traceback" not in err


# run


def test_run_calls_any_function_in_this_process_if_no_server_runs(folder: Path) -> None:
    code, out, err = run(folder, "run", "notes:add", '{"text": "one"}')
    assert (code, err) == (0, "") and isinstance(json.loads(out), str)
    assert run(folder, "run", "notes:list") == (0, '[\n  "one"\n]\n', "")
    assert run(folder, "run", "notes:list", "--json") == (0, '["one"]\n', "")
    assert run(folder, "run", "notes:secret") == (0, '"internal"\n', "")
    assert run(folder, "run", "notes:calculate", '{"number": 3}') == (0, "6\n", "")
    assert run(folder, "run", "notes:shout", '{"text": "a"}') == (0, '"A"\n', "[LOG] 'shouting' 'a'\n")
    identity = '{"subject": "ann", "issuer": "https://id"}'
    assert run(folder, "run", "notes:me", "--identity", identity) == (0, '"https://id|ann"\n', "")


def test_run_goes_through_the_server_that_holds_the_data(folder: Path) -> None:
    with serving(folder) as server:
        assert run(folder, "run", "notes:add", '{"text": "one"}')[0] == 0
        assert call(server.url, "query", "notes:list") == {"status": "success", "value": ["one"]}
        assert run(folder, "run", "notes:secret") == (0, '"internal"\n', "")
        assert run(folder, "run", "notes:shout", '{"text": "a"}') == (0, '"A"\n', "[LOG] 'shouting' 'a'\n")
        identity = '{"subject": "ann", "issuer": "https://id"}'
        assert run(folder, "run", "notes:me", "--identity", identity) == (0, '"https://id|ann"\n', "")
        code, out, err = run(folder, "run", "notes:refused")
        assert (code, out) == (1, "")
        assert err.splitlines()[-1] == '  data: {"code":"no","limit":3.0}'


def test_run_uses_the_key_of_the_environment(folder: Path) -> None:
    key = "acme|" + "0123456789abcdef" + "2f8a6c0e9b1d7354"
    with serving(folder, "start", variables={"SYNCLINE_ADMIN_KEY": key}):
        assert run(folder, "run", "notes:secret", SYNCLINE_ADMIN_KEY=key) == (0, '"internal"\n', "")
        code, out, err = run(folder, "run", "notes:secret", SYNCLINE_ADMIN_KEY=key[:-1] + "0")
        assert (code, out) == (1, "")
        assert err.startswith(
            "error: the server refused the call: this is not the admin key of this deployment."
        )
    assert not (folder / ".syncline" / "admin_key").exists()


def test_a_function_that_fails_is_exit_code_1_with_its_message(folder: Path) -> None:
    code, out, err = run(folder, "run", "notes:broken")
    assert (code, out) == (1, "")
    assert "error: ValueError: a bug\n    at broken (backend/notes.py:" in err
    assert "[ERROR] Traceback (most recent call last):\n" in err
    code, out, err = run(folder, "run", "notes:refused")
    assert (code, out) == (1, "")
    assert err.endswith('  data: {"code":"no","limit":3.0}\n') and "Traceback" not in err
    code, out, err = run(folder, "run", "notes:missing")
    assert (code, out) == (1, "")
    assert (
        "error: Could not find function for 'notes:missing'. Did you forget to run `syncline dev`?\n" in err
    )


def test_a_server_file_that_was_left_behind_does_not_mislead(folder: Path) -> None:
    run(folder, "run", "notes:add", '{"text": "one"}')
    for pid in (2**22 + 1, 1):
        (folder / ".syncline" / "server.json").write_text(
            json.dumps({"url": "http://127.0.0.1:9", "pid": pid})
        )
        assert run(folder, "run", "notes:list", "--json") == (0, '["one"]\n', "")


# watch


def test_watch_prints_each_result_until_it_is_interrupted(folder: Path) -> None:
    with serving(folder) as server:
        process = subprocess.Popen(
            [SYNCLINE, "watch", "notes:list", "--json"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None and process.stderr is not None
            assert json.loads(process.stdout.readline())["value"] == []
            call(server.url, "mutation", "notes:add", text="x")
            event = json.loads(process.stdout.readline())
            assert event["value"] == ["x"] and event["ts"] > 1_700_000_000_000_000_000
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert process.stderr.read() == ""


def test_watch_goes_on_with_the_next_process_and_says_nothing_twice(folder: Path) -> None:
    with serving(folder, "start") as server:
        call(server.url, "mutation", "notes:add", text="x")
        process = subprocess.Popen(
            [SYNCLINE, "watch", "notes:list", "--json"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["value"] == ["x"]
            os.kill(server.children()[0], signal.SIGKILL)
            server.wait_for("ready", times=2)
            call(server.url, "mutation", "notes:add", text="y")
            assert json.loads(process.stdout.readline())["value"] == ["x", "y"]
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("notes:ad", "Could not find public function for 'notes:ad'"),
        ("notes:add", "as Query, but it is defined as Mutation"),
    ],
)
def test_watch_ends_when_there_is_no_such_query(folder: Path, path: str, said: str) -> None:
    with serving(folder):
        code, _, error = run(folder, "watch", path, '{"text": "x"}')
        assert code == 1
        assert said in error


def test_watch_without_a_server_says_how_to_start_one(folder: Path) -> None:
    assert run(folder, "watch", "notes:list") == (
        1,
        "",
        f"error: no server is running on the data folder {folder}/.syncline\n  help: start one: syncline dev\n",
    )


# check


def test_check_says_what_it_looked_at(folder: Path) -> None:
    assert run(folder, "check") == (
        0,
        "  code  backend  17 functions, 1 table, 1 index\n  data  .syncline  none yet\n",
        "",
    )
    assert not (folder / ".syncline").exists()
    run(folder, "run", "notes:add", '{"text": "one"}')
    assert run(folder, "check") == (
        0,
        "  code  backend  17 functions, 1 table, 1 index\n  data  .syncline  1 document, verified\n",
        "",
    )
    code, out, err = run(folder, "check", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "functions": 17,
        "tables": 1,
        "indexes": 1,
        "documents": {"notes": 1},
        "damage": [],
        "findings": [],
        "to_build": [],
        "to_remove": [],
        "without_class": [],
    }


def test_check_finds_damage(folder: Path) -> None:
    for text in ("one", "two"):
        run(folder, "run", "notes:add", json.dumps({"text": text}))
    with closing(sqlite3.connect(folder / ".syncline" / "syncline.db")) as connection, connection:
        connection.execute("DELETE FROM entries WHERE key = (SELECT max(key) FROM entries)")
    code, out, err = run(folder, "check")
    assert code == 1
    assert out == "  code  backend  17 functions, 1 table, 1 index\n"
    lines = err.splitlines()
    assert lines[0] == "  data  .syncline  2 documents, damaged:"
    assert lines[-1] == "  help: keep a copy of the data folder, then restore the newest backup"
