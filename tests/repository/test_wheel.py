"""The wheel: everything it should hold, nothing else, and no Node needed to build it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "src" / "syncline" / "http" / "assets"


@pytest.mark.long
def test_the_wheel_holds_the_package_the_browser_client_and_the_licences(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, env=os.environ | {"PATH": "/usr/bin:/bin"})
    [wheel] = tmp_path.glob("syncline-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "syncline/py.typed" in names
    assert {"syncline/http/assets/" + file.name for file in ASSETS.iterdir()} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    strangers = [name for name in names if not name.startswith(("syncline/", "syncline-"))]
    assert not strangers


def test_ci_runs_the_whole_of_make_test() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
