"""`syncline shell`: a Python prompt on the data of an application."""

from __future__ import annotations

import ast
import code
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import click

import syncline
from syncline.database import Query
from syncline.kernel.errors import SetupError, SynclineError
from syncline.server.console import counted
from syncline.server.endpoint import find_endpoint
from syncline.server.errors import show_setup_error
from syncline.server.settings import Settings
from syncline.server.viewing import Viewed, viewing

from .calling import show_progress
from .explaining import caller_of
from .shell_data import ShellData

_CONDITIONS = ("UNSET", "between", "contains", "gt", "gte", "lt", "lte")
_HISTORY = Path("~/.syncline_history")
_HISTORY_LINES = 1_000


def open_shell(settings: Settings, command: str | None, identity: str | None) -> int:
    """A prompt on a terminal; otherwise what `command` or stdin says. Returns the exit code."""
    with viewing(settings, os.environ, show_progress) as viewed:
        data = ShellData(settings, viewed, caller_of(identity))
        names = namespace(viewed, data)
        if command is not None or not sys.stdin.isatty():
            return _run_text(sys.stdin.read() if command is None else command, names, data)
        _Prompt(names, data).interact(_banner(settings, viewed), exitmsg="")
        return 0


def namespace(viewed: Viewed, data: ShellData) -> dict[str, Any]:
    """What one can name at the prompt: db, run, write, modules, document classes, conditions."""
    names: dict[str, Any] = {name: getattr(syncline, name) for name in _CONDITIONS}
    package = viewed.release.modules.package + "."
    for name, module in sorted(viewed.release.modules.modules.items()):
        inner = name.removeprefix(package)
        if name != inner and "." not in inner:
            names[inner] = module
    names |= {spec.cls.__name__: spec.cls for spec in viewed.release.schema}
    return names | {"db": data.database, "run": data.run, "write": data.write}


def _banner(settings: Settings, viewed: Viewed) -> str:
    endpoint = find_endpoint(settings.data)
    where = (
        "no server is running"
        if endpoint is None
        else f"the server at {endpoint.url} does what run(...) calls"
    )
    classes = ", ".join(spec.cls.__name__ for spec in viewed.release.schema) or "none"
    modules = sorted({definition.path.partition(":")[0] for definition in viewed.release.registry})
    documents = counted(sum(viewed.inspection.documents.values()), "document")
    return "\n".join(
        [
            f"Syncline {syncline.__version__} on {settings.shown(settings.data)} ({documents}); {where}.",
            f"  documents  {classes}",
            f"  functions  {', '.join(modules) or 'none'}",
            "  db.query(...) reads the newest data; run(fn, ...) calls a function; with write() as db: changes data.",
            "  Ctrl-D ends.",
        ]
    )


def _run_text(text: str, names: dict[str, Any], data: ShellData) -> int:
    """Run statements, each on the newest snapshot, printing what expressions give, until one fails."""
    previous, sys.displayhook = sys.displayhook, _display
    try:
        for statement in ast.parse(text, "<shell>").body:
            try:
                exec(compile(ast.Interactive([statement]), "<shell>", "single"), names)  # noqa: S102 - what it is for
            finally:
                _end_statement(names, data)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except Exception as error:
        _show_error(error)
        return 1
    finally:
        sys.displayhook = previous
    return 0


def _end_statement(names: dict[str, Any], data: ShellData) -> None:
    """Let the snapshot go, and `db` be what reads again: `with write() as db` may have taken the name."""
    data.end_statement()
    names["db"] = data.database


def _show_error(error: BaseException) -> None:
    """Errors of Syncline by what they say; others with where they come from, without the shell's own frames."""
    if isinstance(error, SetupError):
        show_setup_error(error, os.environ)
        return
    if isinstance(error, SynclineError):
        click.echo(f"{type(error).__name__}: {error}", err=True)
        return
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    traceback.print_exception(type(error), error, tb)


def _display(value: object) -> None:
    """What an expression gives, as the prompt shows it."""
    if value is None:
        return
    if isinstance(value, Query):
        click.echo("a query; nothing is read yet: end it with .take(10), .all(), .first() or .count()")
    elif isinstance(value, list):
        items: list[object] = value  # pyright: ignore[reportUnknownVariableType] - of anything
        inner = "".join(f"  {item!r},\n" for item in items)
        click.echo(f"[\n{inner}]" if items else "[]")
    else:
        click.echo(repr(value))


class _Prompt(code.InteractiveConsole):
    """Python's own prompt; each statement sees the newest data."""

    def __init__(self, names: dict[str, Any], data: ShellData) -> None:
        super().__init__(names, "<shell>")
        self._data = data

    def interact(self, banner: str | None = None, exitmsg: str | None = None) -> None:
        _use_readline(self.locals)
        previous, sys.displayhook = sys.displayhook, _display
        try:
            super().interact(banner, exitmsg)
        finally:
            sys.displayhook = previous
            _keep_history()

    def showtraceback(self) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, SynclineError):
            _show_error(error)
        else:
            super().showtraceback()

    def runcode(self, code: Any) -> None:
        try:
            super().runcode(code)
        finally:
            _end_statement(self.locals, self._data)


def _readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:
        return None  # A Python without it: no completion, no history.
    return readline


def _use_readline(names: Mapping[str, Any]) -> None:
    if (readline := _readline()) is None:
        return
    import rlcompleter

    readline.set_completer(rlcompleter.Completer(dict(names)).complete)
    readline.parse_and_bind("tab: complete")
    history = _HISTORY.expanduser()
    if history.is_file():
        readline.read_history_file(history)


def _keep_history() -> None:
    if (readline := _readline()) is None:
        return
    readline.set_history_length(_HISTORY_LINES)
    try:
        readline.write_history_file(_HISTORY.expanduser())
    except OSError:
        return  # A home that cannot be written: the history ends with the prompt.
