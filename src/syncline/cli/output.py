"""How results look on a terminal."""

from __future__ import annotations

import json

import click

_ECHO_BYTES = 1_000_000
_EXACT = 2**53


def show_value(raw: bytes, *, as_json: bool) -> None:
    """A result in plain JSON: on one line for programs, indented for people."""
    if as_json or len(raw) > _ECHO_BYTES:
        text = raw.decode()
    else:
        text = json.dumps(json.loads(raw, parse_float=_number), indent=2, ensure_ascii=False)
    click.echo(text)


def _number(text: str) -> float:
    """A number as people write it: on the wire, `3` is `3.0`."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def show_log_lines(lines: list[str]) -> None:
    """What a function printed, on stderr: stdout is for results."""
    for line in lines:
        click.echo(line, err=True)
