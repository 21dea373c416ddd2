"""`syncline new` as its users see it: what it makes, what it prints, and what it refuses."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.processes import syncline
from support.projects import done
from syncline.cli.main import new
from syncline.kernel.errors import SetupError
from syncline.scaffold import TEMPLATES, check_name
from syncline.scaffold.project import problem_with_project_name, suggested_name


def test_a_project_is_made_and_its_next_three_commands_are_told(tmp_path: Path) -> None:
    finished = syncline("new", "shop", "--template", "html", folder=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    told = finished.stdout.partition("  Next:\n")[2].split("\n")
    assert [line.split("  ")[2] for line in told if line.strip()] == ["cd shop", "syncline dev", "pytest"]
    done(("pytest", "-q"), tmp_path / "shop")


def test_the_default_is_the_chat(tmp_path: Path) -> None:
    assert "from the template chat" in syncline("new", "talk", folder=tmp_path).stdout
    assert (tmp_path / "talk" / "backend" / "messages.py").is_file()
    assert (tmp_path / "talk" / ".gitignore").read_text().splitlines()[1] == ".syncline/"


def test_a_project_can_be_made_in_an_empty_folder_where_one_is(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    (folder / ".git").mkdir(parents=True)
    finished = syncline("new", ".", "--template", "html", folder=folder)
    assert finished.returncode == 0, finished.stderr
    assert "cd " not in finished.stdout
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] == "here"


def test_a_folder_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").write_text("mine")
    finished = syncline("new", "shop", folder=tmp_path)
    assert finished.returncode == 1
    assert finished.stderr == (
        "error: the folder shop is not empty: it holds notes.txt\n  help: choose another name, or an empty folder\n"
    )
    assert [file.name for file in (tmp_path / "shop").iterdir()] == ["notes.txt"]
    (tmp_path / "file").write_text("")
    assert "exists and is a file" in syncline("new", "file", folder=tmp_path).stderr


@pytest.mark.parametrize(
    ("name", "reason", "better"),
    [
        ("My Shop", "npm allows no capital letters", "my-shop"),
        ("myShop", "npm allows no capital letters", "my-shop"),
        ("my shop", "it may have letters, digits, - and _ only", "my-shop"),
        ("1st", "it must begin with a letter", "app-1st"),
        ("shop-", "it may have letters, digits, - and _ only", "shop"),
        ("react", "a package that it depends on is called so", "react-app"),
        ("é", "it must begin with a letter", "my-app"),
        ("a" * 65, "it has 65 characters, 64 at most are allowed", "a" * 60),
    ],
)
def test_a_bad_name_is_refused_with_the_reason_and_a_better_one(name: str, reason: str, better: str) -> None:
    with pytest.raises(SetupError) as refused:
        check_name(name)
    assert reason in str(refused.value)
    assert refused.value.hint == f"try `{better}`"


@given(st.text())
def test_a_suggested_name_is_allowed(name: str) -> None:
    assert problem_with_project_name(suggested_name(name)) == ""


def test_help_lists_the_templates(tmp_path: Path) -> None:
    text = syncline("new", "--help", folder=tmp_path).stdout
    for name in TEMPLATES:
        assert re.search(rf"^    {name} ", text, re.MULTILINE), name
    [option] = [option for option in new.params if option.name == "template"]
    assert list(getattr(option.type, "choices", ())) == list(TEMPLATES)
    wrong = syncline("new", "shop", "--template", "angular", folder=tmp_path)
    assert wrong.returncode == 2 and "'chat', 'html', 'vite', 'nextjs', 'nextjs-clerk'" in wrong.stderr


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda template: template.name)
def test_every_file_of_a_template_names_the_project_and_nothing_of_the_repository(template: object) -> None:
    files = TEMPLATES[getattr(template, "name", "")].render("shop")
    text = {path: content.decode() for path, content in files.items()}
    assert tomllib.loads(text["pyproject.toml"])["project"]["name"] == "shop"
    for path in (
        "README.md",
        ".gitignore",
        "backend/__init__.py",
        "backend/schema.py",
        "e2e/conftest.py",
        "e2e/test_page.py",
    ):
        assert path in text
    assert not any("__pycache__" in path or "my-app" in content for path, content in text.items())
    for path, content in text.items():
        if path.endswith(("package.json", "package-lock.json")):
            assert json.loads(content)["name"] == "shop"
        if path.endswith("README.md"):
            for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", content):
                assert target in text or any(other.startswith(target.rstrip("/") + "/") for other in text), (
                    target
                )


def test_the_types_of_a_frontend_are_there_before_a_server_has_run(tmp_path: Path) -> None:
    assert syncline("new", "shop", "--template", "vite", folder=tmp_path).returncode == 0
    assert syncline("codegen", "--check", folder=tmp_path / "shop").returncode == 0


def test_the_client_of_the_sign_in_is_imported_as_bundlers_want_it() -> None:
    files = TEMPLATES["nextjs"].render("shop")
    sources = {path: content.decode() for path, content in files.items() if path.startswith("web/auth/")}
    assert {"web/auth/index.ts", "web/auth/nextjs.ts", "web/auth/react.tsx"} <= sources.keys()
    for path, source in sources.items():
        assert not re.search(r"""["']\.[^"']*\.js["']""", source), path
