"""A new project's folder: its name, and writing it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from syncline.kernel.errors import SetupError, quoted

LONGEST_NAME = 64

_NAME = re.compile(r"[a-z](?:[a-z0-9_-]*[a-z0-9])?")
#: A project cannot be called as what it depends on: neither pip nor npm would install it.
_TAKEN = frozenset(
    {"syncline", "convex", "react", "react-dom", "next", "vite", "typescript", "pytest", "playwright"}
)


def check_name(name: str) -> None:
    """Raise SetupError, with the reason and a better name, if `name` cannot name a project."""
    reason = problem_with_project_name(name)
    if reason:
        raise SetupError(f"{quoted(name)} cannot name a project: {reason}", f"try `{suggested_name(name)}`")


def problem_with_project_name(name: str) -> str:
    """Why `name` cannot be the name of a Python project and of an npm package; empty if it can."""
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters, {LONGEST_NAME} at most are allowed"
    if name in _TAKEN:
        return "a package that it depends on is called so"
    if name != name.lower():
        return "npm allows no capital letters"
    if not name[:1].isascii() or not name[:1].isalpha():
        return "it must begin with a letter"
    if not _NAME.fullmatch(name):
        return "it may have letters, digits, - and _ only, and must end with a letter or digit"
    return ""


def suggested_name(name: str) -> str:
    """A name like `name` that is allowed."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    plain = re.sub(r"[^a-z0-9_]+", "-", words.lower()).strip("-_")
    plain = plain[: LONGEST_NAME - 4].strip("-_") or "my-app"
    if not plain[0].isalpha():
        plain = f"app-{plain}"
    return f"{plain}-app" if plain in _TAKEN else plain


def check_folder(folder: Path) -> None:
    """Raise SetupError if a project cannot be made in `folder`: nothing that exists is ever overwritten."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SetupError(
            f"{folder} exists and is a file", f"choose another name, for example {folder.name}-app"
        )
    found = sorted(place.name for place in folder.iterdir() if place.name != ".git")
    if found:
        more = ", ..." if len(found) > 3 else ""
        raise SetupError(
            f"the folder {folder} is not empty: it holds {', '.join(found[:3])}{more}",
            "choose another name, or an empty folder",
        )


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths in `folder`. Raises SetupError if the disk refuses."""
    try:
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise SetupError(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            "make room or choose another folder",
        ) from None
