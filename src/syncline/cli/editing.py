"""`syncline data --id`: one document, to look at, to change and to delete."""

from __future__ import annotations

import click
import msgspec

from syncline.kernel.errors import SetupError
from syncline.server.settings import Settings

from .calling import call_function
from .output import show_value


def show_one(settings: Settings, id: str, *, as_json: bool) -> int:
    value = call_function(settings, "_system/documents:get", {"id": id})
    if value == b"null":
        raise SetupError(f"there is no document {id}", "see those that there are: syncline data TABLE")
    show_value(value, as_json=as_json)
    return 0


def edit_one(settings: Settings, id: str, assignments: tuple[str, ...], *, as_json: bool) -> int:
    changes: dict[str, object] = {}
    for text in assignments:
        field, given, raw = text.partition("=")
        if not given:
            raise click.UsageError(f"--set takes FIELD=JSON, such as --set 'likes=3'; got {text!r}")
        try:
            changes[field] = msgspec.json.decode(raw)
        except (ValueError, RecursionError):
            raise click.UsageError(
                f"--set {field}=...: {raw!r} is not JSON. Text needs quotes of its own: --set '{field}=\"text\"'"
            ) from None
    value = call_function(settings, "_system/documents:patch", {"id": id, "changes": changes})
    show_value(value, as_json=as_json)
    return 0


def delete_one(settings: Settings, id: str) -> int:
    call_function(settings, "_system/documents:delete", {"id": id})
    click.echo(f"deleted {id}", err=True)
    return 0
