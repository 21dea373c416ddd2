"""`syncline codegen`, and `syncline dev` that does the same on every save."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.engines import write_backend
from syncline.cli.main import run_command

FUNCTIONS = """
    from syncline import QueryCtx, query

    @query
    def hello(ctx: QueryCtx, name: str) -> str:
        return f"Hello {name}"
"""


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_backend(tmp_path, greetings=FUNCTIONS)
    (tmp_path / "pyproject.toml").write_text('[tool.syncline]\ntypescript = "web/_generated"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_are_written_once(application: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["codegen"]) == 0
    assert capsys.readouterr().out == "  web/_generated  wrote api.js, api.d.ts, dataModel.d.ts\n"
    assert "hello: FunctionReference" in (application / "web" / "_generated" / "api.d.ts").read_text()
    assert run_command(["codegen"]) == 0
    assert capsys.readouterr().out == "  web/_generated  nothing to do\n"


def test_check_fails_when_files_are_stale(application: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["codegen", "--check"]) == 1
    error = "error: api.js, api.d.ts, dataModel.d.ts in web/_generated not up to date\n  help: run `syncline codegen`\n"
    assert capsys.readouterr().err == error
    assert not (application / "web").exists()
    run_command(["codegen"])
    write_backend(
        application, greetings=FUNCTIONS.replace("name: str", "who: str").replace("{name}", "{who}")
    )
    capsys.readouterr()
    assert run_command(["codegen", "--check"]) == 1
    assert "error: api.d.ts in web/_generated not up to date" in capsys.readouterr().err


def test_without_a_folder_it_says_how_to_name_one(
    application: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (application / "pyproject.toml").write_text("[tool.syncline]\n")
    assert run_command(["codegen"]) == 1
    error = capsys.readouterr().err
    assert "nothing says where the generated TypeScript goes" in error
    assert "--output web/src/_generated" in error
