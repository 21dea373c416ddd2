"""What type checkers accept and refuse in the code of applications."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.projects import MYPY_CACHE

CASES = Path(__file__).with_name("typing_cases.py")

#: Wrong code, one mistake per line, with the error that mypy should report there.
WRONG = """\
from typing_cases import Message, User, get, insert
from syncline.schema import Document, Id, Index, Page

def wrong(user: Id[User], message: Message, page: Page[Message]) -> None:
    Message(channel="x")  # call-arg
    Message("x", user)  # call-arg
    Message(channel=5, author=user)  # arg-type
    Message(channel="x", author="j57")  # arg-type
    Message(channel="x", author=message.id)  # arg-type
    Message(channel="x", author=user, chanel="y")  # call-arg
    Message(channel="x", author=user, id=message.id)  # call-arg
    Message(channel="x", author=user, by_channel=Index("x"))  # call-arg
    message.channel = "y"  # misc
    message.id = message.id  # misc
    message.chanel  # attr-defined
    get("j57")  # arg-type
    insert("x")  # type-var
    found: Message | None = get(user)  # assignment
    other: Id[User] = message.id  # assignment
    Index("name", uniq=True)  # call-arg
    page.map(lambda row: row.chanel)  # attr-defined

class Wrong(Document):
    ids: Id[int]  # type-var
    name: str = 5  # assignment
"""


def test_mypy_accepts_what_is_right_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG)
    options = ["--strict", "--no-error-summary", "--no-color-output", f"--cache-dir={MYPY_CACHE}"]
    # Without a configuration file, so that the outcome is what an application's author sees.
    command = [sys.executable, "-m", "mypy", "--config-file=", *options, str(CASES), str(wrong)]
    environment = {"MYPYPATH": f"{CASES.parent}:{CASES.parents[2] / 'src'}", "PATH": ""}
    output = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    reported = re.findall(r"^(.+?):(\d+): error: .*\[([a-z-]+)\]$", output.stdout, re.MULTILINE)
    expected = [
        (number, line.rpartition("# ")[2])
        for number, line in enumerate(WRONG.splitlines(), 1)
        if "  # " in line
    ]
    assert [(int(line), code) for name, line, code in reported if name.endswith("wrong.py")] == expected
    assert len(reported) == len(expected), output.stdout + output.stderr
