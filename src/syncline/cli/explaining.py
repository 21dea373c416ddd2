"""`syncline explain`: what a function reads and by which index, what would rerun it, and what did."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

import click
import msgspec

from syncline.analysis.explain import Explanation, ReadStep, explain_run
from syncline.functions import Failure, Kind
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.errors import FunctionNotFoundError, SetupError
from syncline.kernel.identity import Caller
from syncline.server.admin_key import read_admin_key
from syncline.server.console import counted, duration, size
from syncline.server.endpoint import find_endpoint
from syncline.server.settings import Settings
from syncline.server.viewing import viewing
from syncline.sync import acting_identity

from .calling import check_object, check_path, show_progress
from .failing import show_failure
from .output import show_log_lines
from .server_client import ServerClient, Unreachable

_MOST_RANGES = 12


def explain_function(
    settings: Settings, function: str, arguments: str, identity: str | None, *, as_json: bool
) -> int:
    path, args = check_path(function), check_object(arguments, "the arguments")
    caller = caller_of(identity)
    with viewing(settings, os.environ, show_progress) as viewed:
        try:
            definition = viewed.registry.find(path, None, caller)
        except FunctionNotFoundError as error:
            raise SetupError(str(error)) from None
        if definition.kind is Kind.ACTION:
            raise SetupError(
                f"{path} is an action: it has no database of its own",
                "explain the queries and mutations that it calls",
            )
        reader = viewed.reader()
        explanation = explain_run(
            definition,
            args,
            caller,
            viewed.catalog,
            reader,
            viewed.settings,
            SystemClock(),
            SystemEntropy(),
            viewed.cursor_key,
        )
    reruns = _reruns(settings, path) if definition.kind is Kind.QUERY else None
    if as_json:
        click.echo(json.dumps(_as_json(explanation, reruns)))
    else:
        for line in _lines(explanation, reruns):
            click.echo(line)
        show_log_lines(list(explanation.outcome.lines))
        if isinstance(explanation.outcome, Failure):
            show_failure(explanation.outcome.message, explanation.outcome.data)
    return 1 if isinstance(explanation.outcome, Failure) else 0


def caller_of(identity: str | None) -> Caller:
    """An admin, acting as a user if there are attributes of one. Raises UsageError."""
    if identity is None:
        return Caller(admin=True)
    attributes = msgspec.json.decode(check_object(identity, "--identity"), type=dict[str, object])
    try:
        return Caller(acting_identity(attributes), admin=True)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _reruns(settings: Settings, path: str) -> list[dict[str, Any]] | None:
    """Why the live queries of the function ran again, as the running server remembers; None without a server."""
    endpoint, key = find_endpoint(settings.data), read_admin_key(settings.data, os.environ)
    if endpoint is None or key is None:
        return None
    try:
        answer = ServerClient(endpoint.url, key).get(f"/api/reruns?path={quote(path)}")
    except Unreachable:
        return None
    return cast("list[dict[str, Any]]", json.loads(answer)["reruns"])


# As people read it


def _lines(found: Explanation, reruns: list[dict[str, Any]] | None) -> Iterator[str]:
    read = f"{counted(found.documents_read, 'document')} read ({size(found.bytes_read)})"
    written = (
        f", {counted(found.documents_written, 'document')} written and taken back"
        if found.documents_written
        else ""
    )
    result = "" if isinstance(found.outcome, Failure) else f", result {size(len(found.outcome.value))}"
    yield f"  {found.path}  {found.kind}, {duration(found.seconds)}, {read}{written}{result}"
    yield ""
    if not found.steps:
        yield "  reads nothing"
    for number, step in enumerate(found.steps, 1):
        yield from _step(number, step)
    if found.kind == "query":
        yield ""
        yield "  runs again when something is inserted, changed or deleted in"
        for index, text in found.read_set[:_MOST_RANGES]:
            yield f"    {index}  {text}"
        if len(found.read_set) > _MOST_RANGES:
            yield f"    and {counted(len(found.read_set) - _MOST_RANGES, 'more range')}"
        if not found.read_set:
            yield "    nothing: the result never changes"
    for note in found.notes:
        yield f"  note: {note}"
    if reruns is not None:
        yield ""
        yield from _rerun_lines(reruns)


def _step(number: int, step: ReadStep) -> Iterator[str]:
    if step.what == "get":
        missing = f", {step.filtered} of them missing" if step.filtered else ""
        documents = counted(step.scanned, "document")
        yield f"  {number:>2}  {step.index}  {documents}{missing}, {size(step.bytes)}"
        return
    if step.what == "search":
        yield f"  {number:>2}  {step.index}  searched"
        return
    ranges = "; ".join(step.ranges[:3]) + (
        f"; and {len(step.ranges) - 3} more" if len(step.ranges) > 3 else ""
    )
    yield f"  {number:>2}  {step.index}  {ranges or 'no range'}"
    verb = "counted" if step.what == "count" else "scanned"
    counts = f"{counted(step.scanned, 'row')} {verb}"
    if step.left_out_by:
        counts += f", {step.kept:,} kept, {step.filtered:,} left out by {', '.join(step.left_out_by)}"
    yield f"      {counts}{', then sorted' if step.sorted else ''}, {size(step.bytes)}"
    if step.advice:
        yield f"      help: {step.advice}"


def _rerun_lines(reruns: list[dict[str, Any]]) -> Iterator[str]:
    if not reruns:
        yield "  on the running server: none of its live queries ran again lately"
        return
    yield "  on the running server its live queries ran again lately because of"
    for rerun in reruns:
        moment = datetime.fromtimestamp(int(rerun["ts"]) / 1e9, UTC).astimezone().strftime("%H:%M:%S")
        cause = "a commit of many changes" if rerun["index"] is None else f"{rerun['index']}  {rerun['key']}"
        yield f"    {moment}  {json.dumps(rerun['args'])}  {cause}"


# As programs read it


def _as_json(found: Explanation, reruns: list[dict[str, Any]] | None) -> dict[str, object]:
    outcome = found.outcome
    return {
        "path": found.path,
        "kind": found.kind,
        "seconds": found.seconds,
        "documents_read": found.documents_read,
        "bytes_read": found.bytes_read,
        "documents_written": found.documents_written,
        "result_bytes": None if isinstance(outcome, Failure) else len(outcome.value),
        "error": outcome.error.message if isinstance(outcome, Failure) else None,
        "reads": [
            {
                "what": step.what,
                "table": step.table,
                "index": step.index,
                "ranges": list(step.ranges),
                "scanned": step.scanned,
                "kept": step.kept,
                "filtered": step.filtered,
                "bytes": step.bytes,
                "left_out_by": list(step.left_out_by),
                "sorted": step.sorted,
                "advice": step.advice,
            }
            for step in found.steps
        ],
        "read_set": [{"index": index, "range": text} for index, text in found.read_set],
        "notes": list(found.notes),
        "reruns": reruns,
    }
