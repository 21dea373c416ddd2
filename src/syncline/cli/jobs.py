"""`syncline jobs`, `crons` and `migrations`: what runs later, what became of it, and running it by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
import msgspec

from syncline.server.settings import Settings

from .calling import call_function
from .output import show_value

_JOBS = "_system/jobs:"
_MIGRATIONS = "_system/migrations:"
_CUT = 80


class _Run(msgspec.Struct):
    state: str
    completed_at: float
    error: str | None = None


class _Cron(msgspec.Struct):
    function: str
    schedule: str
    runs: list[_Run]


class _Job(msgspec.Struct, rename={"id": "_id"}):
    id: str
    function: str
    state: str
    scheduled_for: float
    error: str | None = None


def list_jobs(
    settings: Settings, state: str | None, function: str | None, limit: int, *, as_json: bool
) -> int:
    arguments: dict[str, object] = {"state": state, "function": function, "limit": limit}
    raw = call_function(settings, _JOBS + "list", arguments)
    if as_json:
        show_value(raw, as_json=True)
        return 0
    found = msgspec.json.decode(raw, type=list[_Job])
    if not found:
        click.echo("nothing is scheduled, and nothing was in the last week", err=True)
    _show([[job.id, job.function, job.state, _time(job.scheduled_for), _short(job.error)] for job in found])
    return 0


def cancel_job(settings: Settings, id: str) -> int:
    call_function(settings, _JOBS + "cancel", {"id": id})
    job = msgspec.json.decode(call_function(settings, _JOBS + "get", {"id": id}), type=_Job | None)
    click.echo(f"{id} {'is forgotten' if job is None else f'is {job.state}'}", err=True)
    return 0


def list_crons(settings: Settings, *, as_json: bool) -> int:
    raw = call_function(settings, _JOBS + "crons", {})
    if as_json:
        show_value(raw, as_json=True)
        return 0
    following = msgspec.json.decode(
        call_function(settings, _JOBS + "next_runs", {}), type=dict[str, _Job | None]
    )
    found = msgspec.json.decode(raw, type=list[_Cron])
    if not found:
        click.echo("there are no crons: put @every(...) or @cron(...) above a mutation or action", err=True)
    _show(
        [
            [cron.function, cron.schedule, _next(following.get(cron.function)), _last(cron.runs)]
            for cron in found
        ]
    )
    return 0


def run_cron(settings: Settings, function: str) -> int:
    id = msgspec.json.decode(call_function(settings, _JOBS + "run_cron", {"function": function}), type=str)
    click.echo(f"{function} is due now, as the job {id}", err=True)
    return 0


def _show(rows: Iterable[Sequence[str]]) -> None:
    """Rows in columns."""
    lines = list(rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))] if lines else []
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _next(job: _Job | None) -> str:
    if job is None or job.state != "pending":
        return "running"
    return f"next {_time(job.scheduled_for)}"


def _last(runs: list[_Run]) -> str:
    if not runs:
        return ""
    text = f"last {_time(runs[0].completed_at)} {runs[0].state}"
    return f"{text}: {_short(runs[0].error)}" if runs[0].error else text


def _time(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(text: str | None) -> str:
    line = (text or "").partition("\n")[0]
    return line if len(line) <= _CUT else line[: _CUT - 4] + " ..."


class _Migration(msgspec.Struct):
    function: str
    state: str
    dry_run: bool
    seen: float
    changed: float
    error: str | None = None


def list_migrations(settings: Settings, *, as_json: bool) -> int:
    raw = call_function(settings, _MIGRATIONS + "list", {})
    if as_json:
        show_value(raw, as_json=True)
        return 0
    found = msgspec.json.decode(raw, type=list[_Migration])
    if not found:
        click.echo("no migration was run: syncline migrations run MODULE:NAME", err=True)
    _show([[item.function, item.state, _counts(item), _short(item.error)] for item in found])
    return 0


def run_migration(settings: Settings, function: str, *, dry_run: bool) -> int:
    call_function(settings, _MIGRATIONS + "start", {"function": function, "dry_run": dry_run})
    click.echo(f"{function} has begun; see how far it is: syncline migrations", err=True)
    return 0


def _counts(item: _Migration) -> str:
    text = f"{int(item.seen):,} seen, {int(item.changed):,} changed"
    return f"{text} (dry run: nothing was)" if item.dry_run else text
