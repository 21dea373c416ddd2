"""What no file of the repository may contain."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK_FILES = ("package-lock.json",)
LARGEST = 400 * 1024

#: Spelled in pieces, so that this file does not contain what it forbids.
MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:" + "work|root|home|tmp|opt|Users" + r")/[a-z.][\w-]*")
REGISTRY_HOST = re.compile(
    "|".join(["registry" + r"\.npmjs", "files" + r"\.pythonhosted", "pypi" + r"\.org/simple"])
)
UNFINISHED = re.compile(
    "|".join([
        r"\b" + "TO" + r"DO\b",
        r"\b" + "FIX" + r"ME\b",
        r"\b" + "XX" + r"X\b",
        "raise Not" + "ImplementedError",
        r"pytest\.mark\.(?:skip|xfail)\b",
        r"pytest\." + r"skip\(",
        r"\b(?:it|test|describe)\.(?:skip|only|todo)\(",
    ])
)  # fmt: skip
#: A switched-off check needs its reason beside it.
BARE_EXCEPTION = re.compile(
    r"#\s*(?:type: ignore|pyright: ignore|noqa)(?:\[[^\]]*\]|: ?[A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*)?\s*$"
)


@cache
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


@cache
def text_of(name: str) -> str:
    try:
        return (ROOT / name).read_text()
    except UnicodeDecodeError:
        return ""  # pictures and the like


def found(pattern: re.Pattern[str], suffixes: tuple[str, ...] = ()) -> list[str]:
    hits: list[str] = []
    for name in tracked():
        if name.endswith(LOCK_FILES) or (suffixes and not name.endswith(suffixes)):
            continue
        for number, line in enumerate(text_of(name).splitlines(), 1):
            if pattern.search(line):
                hits.append(f"{name}:{number}: {line.strip()[:120]}")
    return hits


def test_no_file_names_a_path_of_one_machine() -> None:
    hits = found(MACHINE_PATH)
    assert not hits, "\n".join(hits)


def test_no_file_names_a_package_registry() -> None:
    hits = found(REGISTRY_HOST)
    assert not hits, "\n".join(hits)


def test_nothing_is_left_unfinished_or_skipped() -> None:
    hits = found(UNFINISHED, (".py", ".ts", ".tsx", ".js", ".mjs", ".c", ".h"))
    assert not hits, "\n".join(hits)


def test_a_switched_off_check_says_why() -> None:
    hits = found(BARE_EXCEPTION, (".py",))
    assert not hits, "\n".join(hits)


def test_nothing_that_is_built_or_cached_is_tracked() -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout == ""


def test_files_are_small() -> None:
    large = [
        name for name in tracked() if (ROOT / name).stat().st_size > LARGEST and not name.endswith(LOCK_FILES)
    ]
    assert not large, large


@pytest.mark.parametrize(
    "line",
    [
        "open('/wo" + "rk/main/x')",
        "cp /ho" + "me/ada/file .",
        "see /ro" + "ot/.cache/x",
        "PATH=/op" + "t/venv/bin",
    ],
)
def test_a_path_of_one_machine_would_be_found(line: str) -> None:
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize(
    "line", ["https://example.com/work/item", "./home/x", "~/work/x", "$HOME/root/x", "/usr/bin/chromium"]
)
def test_other_paths_are_left_alone(line: str) -> None:
    assert not MACHINE_PATH.search(line)
