"""The README and the docs say what is true: their code runs, and it type-checks (see support.pages)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from support.pages import ROOT, SETUP, Reader, blocks_of, commands_of, matches
from support.projects import MYPY_CACHE
from syncline.kernel.limits import Limits

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Shown, not run. A shell's language would hide what a command prints: sessions are `console`.
SHOWN = {"", "text", "json", "toml", "yaml", "html", "js", "ts", "tsx", "css", "c"}
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """A folder per page, filled by the test that does the page."""
    return {page: tmp_path_factory.mktemp(page.stem) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_does_what_it_says(page: Path, folders: dict[Path, Path]) -> None:
    with Reader(folders[page]) as reader:
        for block in blocks_of(page):
            assert block.language in SHOWN | {"python", "console"}, f"{block}: {block.language}"
            reader.do(block)


def pages_with_python(folders: dict[Path, Path]) -> list[Path]:
    """The folders that imports start from: of projects that a page makes, and then its own."""
    roots: list[Path] = []
    for folder in folders.values():
        made = projects_in(folder)
        own = [file for file in folder.rglob("*.py") if not any(file.is_relative_to(other) for other in made)]
        roots += [*made, *([folder] if own else [])]
    return roots


def projects_in(folder: Path) -> list[Path]:
    return sorted(file.parent for file in folder.glob("*/pyproject.toml"))


def test_the_code_of_the_pages_passes_pyright(folders: dict[Path, Path], tmp_path: Path) -> None:
    roots = pages_with_python(folders)
    configuration = tmp_path / "pyrightconfig.json"
    configuration.write_text(
        json.dumps({
            "include": [str(root) for root in roots],
            "typeCheckingMode": "strict",
            "pythonVersion": "3.11",
            "executionEnvironments": [
                {"root": str(root), "extraPaths": [str(root), str(ROOT / "src")]} for root in roots
            ],
        })
    )  # fmt: skip
    command = [str(Path(sys.executable).parent / "pyright"), "--project", str(configuration)]
    command += ["--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_code_of_the_pages_passes_mypy(folders: dict[Path, Path]) -> None:
    for root in pages_with_python(folders):
        # Applications of different pages share module names: one run each, with one cache.
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(MYPY_CACHE)]
        command += ["--python-version", "3.11", "--explicit-package-bases", "."]
        command += [f"--exclude=^{project.name}/" for project in projects_in(root)]
        environment = {"MYPYPATH": str(ROOT / "src"), "PATH": ""}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", sorted({*PAGES, *ROOT.glob("*.md")}), ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    for target, _anchor in LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


def test_make_targets_in_the_pages_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        word
        for page in [*PAGES, *ROOT.glob("*.md")]
        for word in re.findall(r"(?:^\$ |`)make ([\w-]+)", page.read_text(), re.MULTILINE)
    }
    assert named <= targets, named - targets


def test_the_page_of_limits_lists_every_limit_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", (ROOT / "docs" / "limits.md").read_text(), re.MULTILINE)
    )
    assert rows == {field.name: shown(field.name, getattr(Limits(), field.name)) for field in fields(Limits)}


def shown(name: str, value: float) -> str:
    """A limit as the page writes it: 16 MiB, 60 s, 32,000."""
    if name.endswith("_seconds"):
        return f"{value:,.0f} s"
    if "bytes" in name:
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value % size == 0:
                return f"{value // size:,.0f} {unit}"
    return f"{value:,.0f}"


def test_a_session_is_read_as_commands_with_their_output() -> None:
    commands = list(commands_of("$ one\na\n$ two \\\n    --more\nb\nc\n"))
    assert [(command.text, command.expected) for command in commands] == [
        ("one", ["a"]),
        ("two --more", ["b", "c"]),
    ]


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ([], "anything\n"),
        (["a", "..."], "a\nb\nc\n"),
        (["a ... z"], "a b c z\n"),
        (["ready in 0.6 s"], "ready in 12 ms".replace("ms", "s") + "\n"),
        (["http://127.0.0.1:3210/"], "http://127.0.0.1:41999/\n"),
        (["14:02:38  send  4 ms"], "09:00:01  send  3.2 ms\n"),
    ],
)
def test_output_matches_what_a_page_shows(expected: list[str], printed: str) -> None:
    assert matches(expected, printed, port=41999)


@pytest.mark.parametrize(
    ("expected", "printed"), [(["a"], "b\n"), (["a"], "a\nb\n"), (["3 rows"], "4 rows\n")]
)
def test_other_output_does_not(expected: list[str], printed: str) -> None:
    assert not matches(expected, printed, port=41999)


def test_set_up_commands_are_few() -> None:
    assert len(SETUP) < 10, "a command that a page shows should be run"
