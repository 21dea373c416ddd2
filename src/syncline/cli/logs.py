"""`syncline logs`: what ran on the server, and what it printed."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import click
import msgspec

from syncline.server.admin_key import read_admin_key
from syncline.server.console import Console
from syncline.server.endpoint import find_endpoint
from syncline.server.settings import Settings

from .calling import no_server
from .server_client import ServerClient, Unreachable

_RETRY_SECONDS = 1.0


class _Line(msgspec.Struct, frozen=True):
    messages: list[str]
    level: str

    @property
    def text(self) -> str:
        return f"[{self.level}] {' '.join(self.messages)}"


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    udf_type: str
    identifier: str
    timestamp: float  # seconds since the epoch
    execution_time: float
    caller: str
    request_id: str
    error: str | None
    log_lines: list[_Line]


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    entries: list[_Entry]
    new_cursor: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls are shown. `function` is a path, with * for anything."""

    function: str | None
    kind: str | None
    errors: bool
    search: str | None

    def takes(self, entry: _Entry) -> bool:
        return (
            (self.function is None or fnmatchcase(entry.identifier, self.function))
            and (self.kind is None or entry.udf_type.lower() == self.kind)
            and (not self.errors or entry.error is not None)
            and (self.search is None or self.search in _all_text(entry))
        )


def show_logs(settings: Settings, wanted: Wanted, limit: int, *, follow: bool, as_json: bool) -> int:
    console = Console()
    client = _client(settings)
    page = _poll(client, 0.0)
    entries = [entry for entry in page.entries if wanted.takes(entry)]
    _show(console, entries[-limit:] if limit else [], as_json=as_json)
    if not entries and not follow:
        click.echo("nothing to show: the record begins with the server's start", err=True)
    while follow:
        try:
            page = _poll(client, page.new_cursor)
        except Unreachable:
            # It restarts, or has gone: a new one has a new address, and a record that begins anew.
            time.sleep(_RETRY_SECONDS)
            client = _client(settings, patient=True)
            continue
        _show(console, [entry for entry in page.entries if wanted.takes(entry)], as_json=as_json)
    return 0


def _client(settings: Settings, *, patient: bool = False) -> ServerClient:
    """A client of the running server. SetupError if there is none, unless `patient`."""
    while True:
        endpoint = find_endpoint(settings.data)
        key = read_admin_key(settings.data, os.environ)
        if endpoint is not None and key is not None:
            return ServerClient(endpoint.url, key)
        if not patient:
            raise no_server(settings)
        time.sleep(_RETRY_SECONDS)


def _poll(client: ServerClient, cursor: float) -> _Page:
    return msgspec.json.decode(client.get(f"/api/stream_function_logs?cursor={cursor!r}"), type=_Page)


def _show(console: Console, entries: Sequence[_Entry], *, as_json: bool) -> None:
    for entry in entries:
        if as_json:
            click.echo(msgspec.json.encode(_record(entry)).decode())
            continue
        error = (entry.error or "").strip()
        detail = f"{error.splitlines()[-1]}  [{entry.request_id}]" if error else ""
        seconds = entry.execution_time or None
        console.event(
            entry.udf_type.lower(), entry.identifier, seconds, detail, bad=bool(error), moment=entry.timestamp
        )
        console.details(line.text for line in entry.log_lines)
        if "\n" in error:
            console.details([error])


def _record(entry: _Entry) -> dict[str, object]:
    return {
        "time": entry.timestamp,
        "kind": entry.udf_type.lower(),
        "function": entry.identifier,
        "seconds": entry.execution_time,
        "caller": entry.caller,
        "requestId": entry.request_id,
        "error": entry.error,
        "lines": [line.text for line in entry.log_lines],
    }


def _all_text(entry: _Entry) -> str:
    return "\n".join([entry.error or "", *(line.text for line in entry.log_lines)])
