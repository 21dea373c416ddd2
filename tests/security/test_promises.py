"""The page of security checks names tests that exist, for every check."""

from __future__ import annotations

import re
from pathlib import Path

from syncline.kernel.limits import Limits

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


#: What rows say of limits, by the limits' names.
NUMBERS = {
    "S30": {"16 MiB": "frame_bytes", "64 KiB before": "frame_bytes_before_connect"},
    "S33": {"`connect_seconds`, 120 s": "connect_seconds", "64 KiB at most": "frame_bytes_before_connect"},
    "S34": {
        "512 live queries": "session_queries",
        "12,000 of them": "session_query_changes",
        "1,000 mutations": "session_mutations",
        "30 tokens": "session_authentications",
        "8 MiB unsent": "session_unsent_bytes",
        "32 MiB of all": "session_argument_bytes",
    },
}
_UNITS = {"KiB": 1024, "MiB": 1024 * 1024}


def test_numbers_of_rows_are_the_limits() -> None:
    """As the defaults have them: who changes one says so where it is promised."""
    found, limits = rows(), Limits()
    for row, numbers in NUMBERS.items():
        for text, name in numbers.items():
            assert text in found[row], (row, text)
            number = re.search(r"(\d[\d,]*)(?: (KiB|MiB))?", text)
            assert number is not None
            # A frame has room for a function's largest arguments and what is around them.
            around = 2048 if name == "frame_bytes" else 0
            said = int(number[1].replace(",", "")) * _UNITS.get(number[2], 1) + around
            assert getattr(limits, name) == said, (row, text, name)
