"""The wheel: everything it should hold, nothing else, and no Node needed to build it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "src" / "syncline" / "http" / "assets"


#: Folders that are templates, too.
LINKS = {"examples/chat": "chat", "packages/auth/src": "auth"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, env=os.environ | {"PATH": "/usr/bin:/bin"})
    [wheel] = folder.glob("syncline-*.whl")
    return wheel


def templates_in(names: Iterable[str], prefix: str) -> set[str]:
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix) and not name.endswith("/")}


def templates_in_git() -> set[str]:
    """The files of the templates. Some are links into other folders, whose files count."""
    listed = subprocess.run(
        ["git", "ls-files", "src/syncline/templates", *LINKS],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for folder, template in LINKS.items():
        listed = [name.replace(f"{folder}/", f"src/syncline/templates/{template}/") for name in listed]
    return templates_in(listed, "src/syncline/templates/") - set(LINKS.values())


@pytest.mark.long
def test_the_wheel_holds_the_package_the_browser_client_and_the_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "syncline/py.typed" in names
    assert {"syncline/http/assets/" + file.name for file in ASSETS.iterdir()} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    strangers = [name for name in names if not name.startswith(("syncline/", "syncline-"))]
    assert not strangers


@pytest.mark.long
def test_the_wheel_holds_the_templates_and_makes_projects_of_them(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
        assert templates_in(archive.namelist(), "syncline/templates/") == templates_in_git()
    command = [sys.executable, "-c", "from syncline.cli import main; main()"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    subprocess.run(
        [*command, "new", "talk"], cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    add = [*command, "add", "notes", "text:str"]
    subprocess.run(add, cwd=tmp_path / "talk", env=environment, check=True, stdout=subprocess.DEVNULL)
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run(pytest_run, cwd=tmp_path / "talk", env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.long
def test_the_source_distribution_holds_the_templates(tmp_path: Path) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--target",
        str(tmp_path / "hatchling"),
        "hatchling>=1.25",
    ]
    subprocess.run(pip, check=True)
    build = [sys.executable, "-c", f"import hatchling.build; hatchling.build.build_sdist({str(tmp_path)!r})"]
    subprocess.run(build, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path / "hatchling")}, check=True)
    [made] = tmp_path.glob("syncline-*.tar.gz")
    with tarfile.open(made) as archive:
        files = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert templates_in(files, "src/syncline/templates/") == templates_in_git()


def test_ci_runs_the_whole_of_make_test() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
