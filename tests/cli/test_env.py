"""`syncline env`, as its users see it: stored, sealed, and seen by functions at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.applications import write_application
from support.processes import serving, syncline

FUNCTIONS = """
import os
from syncline import ActionCtx, QueryCtx, action, query

AT_IMPORT = os.environ.get("WORD", "none")

@query
def show(ctx: QueryCtx) -> list[str]:
    return [ctx.env.get("WORD", "none"), AT_IMPORT]

@action
async def act(ctx: ActionCtx) -> list[str]:
    return [ctx.env.get("WORD", "none"), os.environ.get("WORD", "none")]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, words=FUNCTIONS)
    return tmp_path


def shown(folder: Path, function: str, **variables: str) -> list[str]:
    done = syncline("run", function, "--json", folder=folder, variables=variables)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_functions_and_modules_see_what_is_set(folder: Path) -> None:
    assert shown(folder, "words:show") == ["none", "none"]
    done = syncline("env", "set", "WORD=hushed", "OTHER=x=y", folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "set WORD, OTHER\n")
    assert shown(folder, "words:show") == ["hushed", "hushed"]
    assert shown(folder, "words:act") == ["hushed", "hushed"]
    assert syncline("env", "list", folder=folder).stdout == "OTHER\nWORD\n"
    assert json.loads(syncline("env", "list", "--values", "--json", folder=folder).stdout) == {
        "OTHER": "x=y",
        "WORD": "hushed",
    }
    assert syncline("env", "get", "OTHER", folder=folder).stdout == "x=y\n"


def test_what_is_stored_comes_before_what_the_process_was_started_with(folder: Path) -> None:
    assert shown(folder, "words:show", WORD="outer") == ["outer", "outer"]
    syncline("env", "set", "WORD=stored", folder=folder)
    assert shown(folder, "words:act", WORD="outer") == ["stored", "stored"]


def test_values_are_sealed_on_disk(folder: Path) -> None:
    syncline("env", "set", "WORD=correct horse", folder=folder)
    files = [path for path in (folder / ".syncline").iterdir() if path.is_file()]
    assert not [path.name for path in files if b"correct horse" in path.read_bytes()]
    assert (folder / ".syncline" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_lost_key_is_said_and_loses_nothing(folder: Path) -> None:
    syncline("env", "set", "WORD=a", folder=folder)
    key = folder / ".syncline" / "secret_key"
    kept = key.read_text()
    key.write_text("00" * 32)
    done = syncline("run", "words:show", folder=folder)
    assert done.returncode == 1
    assert "the stored value of WORD cannot be decrypted" in done.stderr
    key.write_text(kept)
    assert shown(folder, "words:show") == ["a", "a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["set", "9x=1"], "'9x' cannot name an environment variable: letters, digits and _"),
        (["set", "SYNCLINE_PORT=1"], "SYNCLINE_PORT is a setting of the server itself"),
        (["set", "A=1", "B=" + "x" * 9000], "environment value bytes: B has 9,000, the limit is 8,192"),
        (["set"], "say what to set: syncline env set NAME=VALUE"),
        (["set", "--from-file", "bad.env"], "bad.env:2: expected NAME=VALUE, got 'nonsense'"),
        (["get", "ABSENT"], "no variable ABSENT is stored"),
        (["remove", "ABSENT"], "no variable ABSENT is stored; nothing was removed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_done_changes_nothing(folder: Path, arguments: list[str], message: str) -> None:
    (folder / "bad.env").write_text("A=1\nnonsense\n")
    done = syncline("env", *arguments, folder=folder)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert syncline("env", "list", folder=folder).stdout == ""


def test_a_file_sets_several(folder: Path) -> None:
    (folder / ".env").write_text("# for tests\nexport A=1\n\nB=\"two words\"\nC='#3'\n")
    syncline("env", "set", "--from-file", ".env", folder=folder)
    found = json.loads(syncline("env", "list", "--values", "--json", folder=folder).stdout)
    assert found == {"A": "1", "B": "two words", "C": "#3"}


def test_variables_can_be_set_before_the_application_loads(folder: Path) -> None:
    (folder / "backend" / "words.py").write_text(FUNCTIONS.replace('.get("WORD", "none")', '["WORD"]', 1))
    assert "KeyError: 'WORD'" in syncline("run", "words:show", folder=folder).stderr
    assert syncline("env", "set", "WORD=there", folder=folder).returncode == 0
    assert shown(folder, "words:show") == ["there", "there"]


def test_a_running_server_follows_and_its_log_does_not_tell(folder: Path) -> None:
    syncline("env", "set", "WORD=first", folder=folder)
    with serving(folder) as server:
        assert shown(folder, "words:show") == ["first", "first"]
        syncline("env", "set", "WORD=correct horse", folder=folder)
        server.wait_for("reload ")
        assert shown(folder, "words:show") == ["correct horse", "correct horse"]
        assert shown(folder, "words:act") == ["correct horse", "correct horse"]
        syncline("env", "remove", "WORD", folder=folder)
        assert shown(folder, "words:act") == ["none", "none"]
        assert "correct horse" not in server.output
