"""`syncline watch`: a live query on the terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from syncline.kernel.errors import SetupError
from syncline.server.admin_key import read_admin_key
from syncline.server.endpoint import find_endpoint
from syncline.server.settings import Settings

from .calling import check_object, check_path, no_server
from .failing import show_failure, styled
from .output import show_value
from .server_client import Refused, ServerClient, StreamEvent, Unreachable

_RETRY_SECONDS = 0.5
_GIVE_UP_SECONDS = 30.0


def watch_function(settings: Settings, function: str, arguments: str, *, as_json: bool) -> int:
    """Watch a query of the running server of the data folder, as the admin. Raises SetupError."""

    def connect() -> ServerClient:
        endpoint, key = find_endpoint(settings.data), read_admin_key(settings.data, os.environ)
        if endpoint is None or key is None:
            raise Unreachable
        return ServerClient(endpoint.url, key)

    def refuse(refused: Refused) -> None:
        raise refused

    return watch_server(connect, refuse, no_server(settings), function, arguments, as_json=as_json)


def watch_server(
    connect: Callable[[], ServerClient],
    refused: Callable[[Refused], None],
    gone: SetupError,
    function: str,
    arguments: str,
    *,
    as_json: bool,
) -> int:
    """Watch a query, over as many connections as it takes. `refused` raises what trying again would not help against.

    Raises `gone` if there is no server, or none for long.
    """
    path, args = check_path(function), check_object(arguments, "the arguments")
    last_id = ""
    heard = time.monotonic()
    connected = False
    while True:
        try:
            for event in connect().watch(path, args, last_id):
                never_watched = not connected
                connected, heard, last_id = True, time.monotonic(), event.id
                _show(event, as_json=as_json)
                if never_watched and _is_no_query(event):
                    return 1
        except Unreachable:
            if not connected or time.monotonic() - heard > _GIVE_UP_SECONDS:
                raise gone from None
        except Refused as refusal:
            refused(refusal)
        except KeyboardInterrupt:
            return 0
        try:
            time.sleep(_RETRY_SECONDS)
        except KeyboardInterrupt:
            return 0


def _is_no_query(event: StreamEvent) -> bool:
    """Whether there is nothing to watch: a query that fails may come right again, a missing function was mistyped."""
    return event.kind == "failure" and any(
        text in event.data for text in (b"Could not find", b"Trying to execute")
    )


def _show(event: StreamEvent, *, as_json: bool) -> None:
    if event.kind == "closed":
        return
    ts = event.id.partition("-")[0]
    if as_json:
        name = "value" if event.kind == "message" else "error"
        click.echo(f'{{"ts": {ts}, "{name}": {event.data.decode()}}}')
        return
    click.echo(styled(time.strftime("%H:%M:%S", time.localtime(int(ts) / 1e9)), sys.stdout, dim=True))
    if event.kind == "message":
        show_value(event.data, as_json=False)
    else:
        failure: dict[str, Any] = json.loads(event.data)
        data = failure.get("errorData")
        show_failure(failure["errorMessage"], None if data is None else json.dumps(data).encode())
