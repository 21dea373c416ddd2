"""Failures of functions as people read them: what the application said first, then where, then the request id.

On the wire a failure's text begins with its request id, and arguments that do not fit are told in the words of
Convex's validators, which client tools know. Here ours come first.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, Final, cast

import click

_ENVELOPE: Final = re.compile(r"\[Request ID: (\w+)\] Server Error\n?(.*)", re.DOTALL)
_SURPLUS: Final = re.compile(r"`\$\.?([^`]*)`: expected no field `(\w+)`( \(did you mean `\w+`\?\))?")
_ROOT: Final = re.compile(r"`\$\.?")


def styled(text: str, stream: Any = None, **style: Any) -> str:
    """Text with colour on a terminal, and never when NO_COLOR is set."""
    target = sys.stderr if stream is None else stream
    return click.style(text, **style) if target.isatty() and not os.environ.get("NO_COLOR") else text


def show_failure(message: str, data: bytes | None) -> None:
    """A function that failed. What its message says already is not said again as data."""
    request, text, fields = _parts(message, data)
    said, rest = _in_order(text, fields)
    click.echo(f"{styled('error', fg='red', bold=True)}: {said}", err=True)
    for line in rest:
        click.echo(line, err=True)
    if request is not None:
        click.echo(styled(f"  request id: {request}", dim=True), err=True)
    if data is not None:
        if fields.keys() == {"code", "message"} and (str(fields["message"]) in text or not text):
            click.echo(f"  code: {fields['code']}", err=True)
        else:
            click.echo(f"  data: {data.decode()}", err=True)


def reason_in(message: str, data: bytes | None) -> str:
    """What a failure says, in one line and without its kind: for errors of Syncline's own functions."""
    _, text, fields = _parts(message, data)
    said, _ = _in_order(text.lstrip(), fields)
    kind, colon, reason = said.partition(": ")
    return reason if colon and kind.isidentifier() else said


def _parts(message: str, data: bytes | None) -> tuple[str | None, str, dict[str, Any]]:
    """The request id, if there is one; the text behind it; the data, if they are an object."""
    found = _ENVELOPE.fullmatch(message)
    request, text = (found[1], found[2]) if found is not None else (None, message)
    content: Any = None if data is None else json.loads(data)
    return request, text.rstrip(), cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _in_order(text: str, fields: dict[str, Any]) -> tuple[str, list[str]]:
    """What to say first, and the lines behind it."""
    if not text:
        if fields.get("message"):
            return _in_order(str(fields["message"]), {})
        if fields:
            return "the function refused", []
        return "the server keeps the reason for its log: look there for the request id", []
    first, *rest = text.splitlines()
    kind = first.partition(":")[0]
    if kind in ("ArgumentValidationError", "ReturnsValidationError") and len(rest) > 1:
        return _validation(kind, rest)
    said = first.removeprefix("Uncaught ")
    if said.startswith("ConvexError: "):
        message = fields.get("message")
        said = (
            f"AppError: {message}" if isinstance(message, str) else said.replace("ConvexError", "AppError", 1)
        )
    return said, rest


def _validation(kind: str, lines: list[str]) -> tuple[str, list[str]]:
    """Our own sentence, which is the last one, and what the function takes or returns."""
    ours = lines[-1]
    surplus = _SURPLUS.match(ours)
    argument = kind == "ArgumentValidationError"
    if surplus is not None:
        noun = "argument" if argument and "." not in surplus[1] else "field"
        said = f"there is no {noun} `{surplus[2]}`{surplus[3] or ''}"
    else:
        said = _ROOT.sub("`", ours, count=1).replace("``", "its result", 1)
    what = "arguments that do not fit" if argument else "a result that is not what its hint says"
    taken = next((line.partition(": ")[2] for line in lines if line.startswith("Validator: ")), "")
    label = "the function takes" if argument else "the function returns"
    return f"{what}: {said}", [f"  {label}: {taken}"] if taken else []
