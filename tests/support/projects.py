"""Projects made by `syncline new` and `syncline add`, checked with the tools that their authors would use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).resolve().parents[2]
_SOURCE = _ROOT / "src"
#: Where mypy keeps what it knows of Syncline, for all tests that run it: reading it all again takes it ten seconds.
MYPY_CACHE = _ROOT / ".mypy_cache" / "tests"


def done(command: Sequence[str], folder: Path, **variables: str) -> str:
    """What a command prints; it must succeed. Programs of this environment are preferred."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "SYNCLINE_"))
    }
    environment = {**inherited, "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}", **variables}
    finished = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert finished.returncode == 0, f"{' '.join(command)}\n{finished.stdout}{finished.stderr}"
    return finished.stdout


def check_python(projects: Sequence[Path], cache: Path) -> None:
    """Fail if formatter, linter, or a type checker in its strictest form has anything to say about a project."""
    for project in projects:
        done(("ruff", "check", "--no-cache", "."), project)
        done(("ruff", "format", "--no-cache", "--check", "."), project)
    settings = {
        "include": [str(project) for project in projects],
        "exclude": ["**/node_modules"],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "executionEnvironments": [
            {"root": str(project), "extraPaths": [str(_SOURCE)]} for project in projects
        ],
    }
    cache.mkdir(exist_ok=True)
    (cache / "pyrightconfig.json").write_text(json.dumps(settings))
    done(("pyright", "--project", str(cache), "--pythonpath", sys.executable), cache)
    for project in projects:
        # Projects share the names of their modules: one run each, with one cache.
        mypy = ("mypy", "--strict", "--explicit-package-bases", "--cache-dir", str(MYPY_CACHE))
        done((*mypy, "--exclude", "node_modules", "."), project)
