"""`syncline env`: environment variables of the deployment, changed while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click
import msgspec

from syncline.kernel.errors import SetupError
from syncline.server.settings import Settings

from .calling import call_function

_LIST = "_system/environment:list"
_GET = "_system/environment:get"
_CHANGE = "_system/environment:change"


def list_variables(settings: Settings, *, values: bool, as_json: bool) -> int:
    found = msgspec.json.decode(call_function(settings, _LIST, {}), type=dict[str, str])
    if as_json:
        shown = found if values else sorted(found)
        click.echo(msgspec.json.encode(shown, order="sorted").decode())
    elif not found:
        click.echo("no variables are set: syncline env set NAME=VALUE", err=True)
    else:
        for name in sorted(found):
            click.echo(f"{name}={found[name]}" if values else name)
    return 0


def get_variable(settings: Settings, name: str) -> int:
    value = msgspec.json.decode(call_function(settings, _GET, {"name": name}), type=str | None)
    if value is None:
        raise SetupError(f"no variable {name} is stored", "see those that are: syncline env list")
    click.echo(value)
    return 0


def set_variables(settings: Settings, assignments: tuple[str, ...], file: Path | None) -> int:
    changes: dict[str, str | None] = {}
    if file is not None:
        changes |= _from_file(file)
    for text in assignments:
        name, given, value = text.partition("=")
        changes[name] = value if given else _ask(name)
    if not changes:
        raise click.UsageError("say what to set: syncline env set NAME=VALUE")
    call_function(settings, _CHANGE, {"changes": changes})
    click.echo(f"set {', '.join(changes)}", err=True)
    return 0


def remove_variables(settings: Settings, names: tuple[str, ...]) -> int:
    known = msgspec.json.decode(call_function(settings, _LIST, {}), type=dict[str, str])
    missing = [name for name in names if name not in known]
    if missing:
        raise SetupError(
            f"no variable {' or '.join(missing)} is stored; nothing was removed",
            "see those that are: syncline env list",
        )
    call_function(settings, _CHANGE, {"changes": dict.fromkeys(names)})
    click.echo(f"removed {', '.join(names)}", err=True)
    return 0


def _ask(name: str) -> str:
    """The value from the keyboard, unseen, or from a pipe: neither ends up in the shell's history."""
    if sys.stdin.isatty():
        return str(click.prompt(f"Value of {name}", hide_input=True, err=True))
    return sys.stdin.read().removesuffix("\n")


def _from_file(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from None
    return dict(_assignments(file, lines))


def _assignments(file: Path, lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """`NAME=VALUE` and `NAME="VALUE"`, with or without `export`; empty lines and those after # say nothing."""
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, given, value = text.partition("=")
        if not given:
            raise SetupError(f"{file}:{number}: expected NAME=VALUE, got {line.strip()!r}", "nothing was set")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        yield name.strip(), value
