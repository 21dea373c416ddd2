"""Files of an application that are no Python: all of them, where loading it stops at the first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from syncline.functions.sources import short_name

from .findings import Finding, Severity
from .sources import Place

_SKIPPED: Final = frozenset({"__pycache__", "node_modules"})


def broken_files(folder: Path) -> list[Finding]:
    """A finding for each file in `folder` that cannot be parsed, at the place where that stops."""
    return list(_broken(folder)) if folder.is_dir() else []


def _broken(folder: Path) -> Iterator[Finding]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if _SKIPPED.intersection(parts) or any(part.startswith(".") for part in parts):
            continue
        text = ""
        try:
            text = path.read_text(encoding="utf-8")
            ast.parse(text, str(path))
        except SyntaxError as error:
            line, column = error.lineno or 1, error.offset or 1
            lines = text.splitlines()
            source = lines[line - 1] if line <= len(lines) else ""
            name = short_name(str(path))
            yield Finding(
                "syntax",
                Severity.ERROR,
                f"{type(error).__name__}: {error.msg}",
                "",
                "save the file again once it is fixed",
                Place(name, line, column, 1, source),
            )
        except (OSError, ValueError) as error:
            yield Finding("syntax", Severity.ERROR, f"{short_name(str(path))} cannot be read: {error}")
