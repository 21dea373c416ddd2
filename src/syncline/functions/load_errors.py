"""What an author reads when the application does not load: what, in which file and line, and what to do."""

from __future__ import annotations

import linecache
from pathlib import Path
from types import TracebackType
from typing import Any

from syncline.kernel.errors import SetupError

from .decorators import Function
from .sources import short_name


def while_importing(error: BaseException, folder: Path) -> SetupError:
    """The error for something that a module raised while it was imported."""
    root = f"{folder}/"
    if isinstance(error, SyntaxError) and error.filename is not None and error.lineno is not None:
        width = (
            (error.end_offset or 0) - (error.offset or 0) if error.end_lineno in (None, error.lineno) else 1
        )
        column = error.offset or 0
        return SetupError(
            f"{short_name(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}"
            + _excerpt(error.filename, error.lineno, column, width),
            "save the file again once it is fixed",
        )
    place = _last_place(error.__traceback__, root)
    what = str(error) if isinstance(error, SetupError) else f"{type(error).__name__}: {error}".rstrip(": ")
    if place is None:
        return SetupError(f"{folder.name} could not be imported: {what}")
    file, line, column, width = place
    head = f"{short_name(file)}:{line}: "
    if isinstance(error, SetupError):
        # It has its own help at the end; the place goes in front.
        text, _, hint = what.partition("\n  help: ")
        return SetupError(head + text + _excerpt(file, line, 0, 0), hint)
    return SetupError(head + what + _excerpt(file, line, column, width), _hint(error))


def at_function(function: Function[..., Any], text: str, hint: str = "") -> SetupError:
    """The error for something that is wrong with a function's declaration."""
    text, _, own_hint = text.partition("\n  help: ")
    line = function.line
    return SetupError(
        f"{short_name(function.file)}:{line}: {text}" + _excerpt(function.file, line, 0, 0), hint or own_hint
    )


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"is {package} installed in the environment that runs Syncline? For example: pip install {package}"
    return "modules are imported when the application loads; the line above is the last one of yours that ran"


def _last_place(tb: TracebackType | None, root: str) -> tuple[str, int, int, int] | None:
    """File, line, column (from 1) and width of the innermost place in the application's files."""
    found: tuple[str, int, int, int] | None = None
    while tb is not None:
        code = tb.tb_frame.f_code
        if code.co_filename.startswith(root):
            positions = list(code.co_positions())
            position = positions[tb.tb_lasti // 2] if tb.tb_lasti // 2 < len(positions) else (None,) * 4
            line, end_line, column, end_column = position
            if line == end_line and column is not None and end_column is not None:
                found = (code.co_filename, tb.tb_lineno, column + 1, end_column - column)
            else:
                found = (code.co_filename, tb.tb_lineno, 0, 0)
        tb = tb.tb_next
    return found


def _excerpt(file: str, line: int, column: int, width: int) -> str:
    """The source line with a mark under what is meant."""
    linecache.checkcache(file)
    source = linecache.getline(file, line).rstrip("\n")
    if not source.strip():
        return ""
    number = f"{line:>5} | "
    text = f"\n\n{number}{source.expandtabs(4)}"
    if column:
        text += f"\n{' ' * (len(number) - 2)}| {' ' * (column - 1)}{'^' * max(width, 1)}"
    return text + "\n"
