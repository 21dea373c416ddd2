"""What type checkers infer of calls, and which calls they refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from support.projects import MYPY_CACHE

CASES = Path(__file__).with_name("typing_cases.py")
ROOT = CASES.parents[2]

#: Wrong code, one mistake per line.
WRONG = """\
from support.noticeboard import notices
from syncline.client import Client, SyncClient, Update

def show(update: Update[int]) -> None: ...

async def wrong(client: Client, blocking: SyncClient) -> None:
    await client.query(notices.list_notices)  # board is missing
    await client.query(notices.list_notices, board=5)  # not an int
    await client.query(notices.list_notices, bord="b")  # another name
    await client.mutation(notices.post, board="b", text=None)  # not None
    await client.action(notices.double, number="1")  # not a str
    number: int = await client.query(notices.whoami)  # str | None
    client.subscribe(notices.texts, 5)  # not an int
    blocking.subscribe(notices.texts, show, "b")  # list[str]
    blocking.query(print)  # no function of an application
"""
WRONG_LINES = [number for number, line in enumerate(WRONG.splitlines(), 1) if "  # " in line]


def test_mypy_knows_the_results_and_refuses_wrong_calls(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG)
    options = ["--strict", "--no-error-summary", "--no-color-output", f"--cache-dir={MYPY_CACHE}"]
    command = [sys.executable, "-m", "mypy", "--config-file=", *options, str(CASES), str(wrong)]
    environment = {"MYPYPATH": f"{ROOT / 'tests'}:{ROOT / 'src'}", "PATH": ""}
    output = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    reported = re.findall(r"^(.+?):(\d+): error:", output.stdout, re.MULTILINE)
    assert sorted({int(line) for name, line in reported if name.endswith("wrong.py")}) == WRONG_LINES, (
        output.stdout
    )
    assert all(name.endswith("wrong.py") for name, _ in reported), output.stdout


def test_pyright_knows_the_results_and_refuses_wrong_calls(tmp_path: Path) -> None:
    (tmp_path / "cases.py").write_text(CASES.read_text())
    (tmp_path / "wrong.py").write_text(WRONG)
    configuration = {
        "include": ["."],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(ROOT / "src"), str(ROOT / "tests")],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(configuration))
    command = [str(Path(sys.executable).parent / "pyright"), "--outputjson", "--pythonpath", sys.executable]
    output = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    found = json.loads(output.stdout)["generalDiagnostics"]
    lines = {
        each["range"]["start"]["line"] + 1
        for each in found
        if each["file"].endswith("wrong.py") and each["severity"] == "error"
    }
    assert sorted(lines) == WRONG_LINES, output.stdout
    assert all(each["file"].endswith("wrong.py") for each in found), output.stdout
