"""`syncline run`: call a function through the running server, or in this process if there is none."""

from __future__ import annotations

import asyncio
import os

import click
import msgspec

from syncline.database import Progress
from syncline.functions import Failure
from syncline.kernel.errors import SetupError
from syncline.kernel.identity import Caller
from syncline.protocol import PathError, ValueFormat, parse_path
from syncline.server.admin_key import read_admin_key
from syncline.server.console import WORTH_TELLING
from syncline.server.endpoint import find_endpoint
from syncline.server.local import call_once
from syncline.server.settings import Settings
from syncline.sync import acting_identity

from .failing import reason_in, show_failure
from .output import show_log_lines, show_value
from .server_client import Answer, ServerClient, Unreachable


def run_function(
    settings: Settings, function: str, arguments: str, identity: str | None, *, as_json: bool
) -> int:
    path = check_path(function)
    args = check_object(arguments, "the arguments")
    attributes = None if identity is None else check_object(identity, "--identity")
    answer = _through_server(settings, path, args, attributes)
    if answer is None:
        answer = _in_process(settings, path, args, attributes)
    return show_answer(answer, as_json=as_json)


def show_answer(answer: Answer, *, as_json: bool) -> int:
    """Print what a function gave. The exit code."""
    show_log_lines(answer.log_lines)
    if answer.error_message is not None:
        show_failure(answer.error_message, answer.error_data)
        return 1
    show_value(answer.value, as_json=as_json)
    return 0


def call_function(settings: Settings, path: str, arguments: dict[str, object]) -> bytes:
    """Call one of Syncline's own functions as the admin; the plain JSON of its result. SetupError if it fails."""
    args = msgspec.json.encode(arguments)
    answer = _through_server(settings, path, args, None) or _in_process(settings, path, args, None)
    if answer.error_message is not None:
        raise SetupError(reason_in(answer.error_message, answer.error_data))
    return answer.value


def check_path(function: str) -> str:
    """The canonical path of a function. UsageError if the text is none."""
    try:
        return parse_path(function)
    except PathError as error:
        raise click.UsageError(
            f"{error} Functions are named MODULE:FUNCTION, such as messages:list."
        ) from None


def check_object(text: str, what: str) -> bytes:
    """The text, which is a JSON object. UsageError if it is not."""
    try:
        msgspec.json.decode(text, type=dict[str, object])
    except (ValueError, RecursionError) as error:
        raise click.UsageError(
            f"{what} must be a JSON object in quotes, such as '{{\"limit\": 10}}': {error}"
        ) from None
    return text.encode()


def _through_server(settings: Settings, path: str, args: bytes, attributes: bytes | None) -> Answer | None:
    endpoint = find_endpoint(settings.data)
    key = read_admin_key(settings.data, os.environ)
    if endpoint is None or key is None:
        return None
    try:
        return ServerClient(endpoint.url, key, attributes).call(path, args)
    except Unreachable:
        return None  # It has stopped, or is just stopping. If it still holds the data, opening them says so.


def _in_process(settings: Settings, path: str, args: bytes, attributes: bytes | None) -> Answer:
    identity = None
    if attributes is not None:
        try:
            identity = acting_identity(msgspec.json.decode(attributes, type=dict[str, object]))
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    caller = Caller(identity, admin=True)
    outcome = asyncio.run(call_once(settings, os.environ, path, args, caller, show_progress))
    if isinstance(outcome, Failure):
        traceback = outcome.error.traceback
        lines = [*outcome.lines, *([f"[ERROR] {traceback}"] if traceback else [])]
        data = None if outcome.data is None else ValueFormat.CLEAN.render(outcome.data)
        return Answer(b"null", lines, outcome.message, data)
    return Answer(ValueFormat.CLEAN.render(outcome.value), list(outcome.lines), None, None)


def show_progress(progress: Progress) -> None:
    """Long work before a command can do its own, on stderr."""
    if progress.total >= WORTH_TELLING:
        click.echo(f"{progress.what}, {progress.done:,} of {progress.total:,} documents", err=True)


def no_server(settings: Settings) -> SetupError:
    return SetupError(f"no server is running on the data folder {settings.data}", "start one: syncline dev")
