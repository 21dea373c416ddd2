"""What `syncline check` and `syncline audit` say of the examples, which others learn from: nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.processes import syncline

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(file.parent.name for file in EXAMPLES.glob("*/pyproject.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_check_and_audit_find_nothing_in_an_example(name: str, tmp_path: Path) -> None:
    checked = syncline("check", "--data", str(tmp_path / "data"), folder=EXAMPLES / name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    audited = syncline("audit", folder=EXAMPLES / name)
    assert audited.returncode == 0 and "nothing found" in audited.stdout, audited.stdout + audited.stderr


def test_all_examples_are_asked() -> None:
    assert {"ask", "chat", "chat-react", "todo", "webhooks"} <= set(NAMES)
