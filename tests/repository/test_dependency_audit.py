"""`make audit-dependencies`: what PyPI and npm say is told, and their silence is never taken for good news.

The tests put programs of their own in the place of pip-audit and npm, which say what the real ones say: the
answers of registries change from day to day, and are not asked here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "audit_dependencies.py"

CLICK: object = {"name": "click", "version": "8.5.1", "vulns": []}
FINE: object = {"dependencies": [CLICK], "fixes": []}
NOTHING = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 12}}}


def program(path: Path, says: object, errors: str, code: int) -> None:
    """A program that writes `says` as JSON, unless it is empty, and `errors`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(says) if says else ""
    path.write_text(
        f"#!{sys.executable}\nimport sys\nprint({text!r})\nprint({errors!r}, file=sys.stderr)\nsys.exit({code})\n"
    )
    path.chmod(0o755)


def audit(
    folder: Path,
    pip: tuple[object, str, int] = (FINE, "", 0),
    npm: tuple[object, str, int] = (NOTHING, "", 0),
) -> subprocess.CompletedProcess[str]:
    """The audit with a pip-audit and an npm that answer so: what they write, to stderr, and their exit code."""
    program(folder / "tools" / "bin" / "pip-audit", *pip)
    program(folder / "path" / "npm", *npm)
    (folder / "runtime" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return subprocess.run(
        [sys.executable, str(SCRIPT), "audit", str(folder / "tools"), str(folder / "runtime")],
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": f"{folder / 'path'}:{os.environ['PATH']}"},
    )


def lock_files() -> Sequence[str]:
    listed = subprocess.run(
        ["git", "ls-files", "*package-lock.json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [str(Path(name).parent) for name in listed.stdout.splitlines()]


def test_every_lock_file_is_audited(tmp_path: Path) -> None:
    done = audit(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Python: 1 packages looked up",
        *(f"{folder}: 12 packages looked up" for folder in lock_files()),
    ]


def test_what_is_known_to_be_vulnerable_fails_the_audit(tmp_path: Path) -> None:
    found: object = {
        "id": "PYSEC-2026-1",
        "fix_versions": ["8.6.0", "9.0.0"],
        "aliases": [],
        "description": "",
    }
    known = {"dependencies": [{"name": "click", "version": "8.5.1", "vulns": [found]}], "fixes": []}
    package = {"range": "<4.1.0", "severity": "high", "fixAvailable": True}
    packages = NOTHING | {"vulnerabilities": {"vite": package, "ws": package | {"fixAvailable": False}}}
    done = audit(tmp_path, (known, "", 1), (packages, "", 1))
    assert done.returncode == 1
    first, *others = done.stderr.splitlines()
    assert first == "error: click 8.5.1: PYSEC-2026-1, repaired in 8.6.0 or 9.0.0"
    assert others[:2] == [
        f"error: {lock_files()[0]}: vite <4.1.0: high; `npm audit fix` repairs it",
        f"error: {lock_files()[0]}: ws <4.1.0: high; no version repairs it yet",
    ]


SILENCE: Mapping[str, tuple[tuple[object, str, int], tuple[object, str, int], str]] = {
    "pypi does not answer": (
        ({}, "Traceback\nrequests.exceptions.ProxyError: Max retries exceeded", 1),
        (NOTHING, "", 0),
        "error: pypi.org could not be asked: requests.exceptions.ProxyError: Max retries exceeded. Nothing is known",
    ),
    # pip-audit's exit code is 0 then.
    "pypi does not know a package": (
        ({"dependencies": [{"name": "click", "skip_reason": "Dependency not found on PyPI"}]}, "", 0),
        (NOTHING, "", 0),
        "error: pypi.org could not be asked: it says nothing of 1 packages (click). Nothing is known",
    ),
    "npm does not answer": (
        (FINE, "", 0),
        ({"message": "connect ECONNREFUSED", "error": {"summary": "", "detail": ""}}, "", 1),
        "npm could not be asked: connect ECONNREFUSED. Nothing is known of these packages, neither good nor bad: "
        "look whether this machine reaches it, and run this once more",
    ),
    "npm fails": ((FINE, "", 0), ("", "npm error", 1), "npm could not be asked: npm error. Nothing is known"),
}  # fmt: skip


@pytest.mark.parametrize("case", SILENCE)
def test_what_could_not_be_found_out_fails_the_audit(case: str, tmp_path: Path) -> None:
    pip, npm, text = SILENCE[case]
    done = audit(tmp_path, pip, npm)
    assert done.returncode == 1
    assert text in done.stderr


def test_syncline_itself_is_not_missed_on_pypi(tmp_path: Path) -> None:
    ours: object = {"name": "syncline", "skip_reason": "Dependency not found on PyPI"}
    assert audit(tmp_path, ({"dependencies": [CLICK, ours]}, "", 0)).returncode == 0


def test_the_workflow_audits_and_lists_components() -> None:
    [workflow] = (ROOT / ".github" / "workflows").glob("*.yml")
    steps = workflow.read_text()
    assert "- run: make audit-dependencies\n" in steps
    wheel = steps[steps.index("\n  wheel:") :]
    assert wheel.index("make wheel components") < wheel.index("upload-artifact") < wheel.index("path: dist/")
    makefile = (ROOT / "Makefile").read_text()
    assert "COMPONENTS := dist/" in makefile
    assert "audit-dependencies" not in makefile[makefile.index("\ntest:") : makefile.index("\ntest-long:")]
