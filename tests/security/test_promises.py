"""The page of security checks names tests that exist, for every check."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
CHECKS = 48


def rows() -> dict[str, str]:
    found = re.findall(r"^\| (S\d+) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(found) == len(dict(found)), "a check is there twice"
    return dict(found)


def test_every_check_is_there_with_a_test_or_says_that_it_does_not_apply_yet() -> None:
    found = rows()
    assert list(found) == [f"S{number}" for number in range(1, CHECKS + 1)]
    for name, text in found.items():
        assert "`tests/" in text or "does not apply yet" in text.lower(), name


def test_every_test_that_is_named_exists() -> None:
    for name, text in rows().items():
        for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
            place = ROOT / file
            assert place.is_file(), (name, file)
            assert re.search(rf"^(async )?def {test}\(", place.read_text(), re.MULTILINE), (name, file, test)
