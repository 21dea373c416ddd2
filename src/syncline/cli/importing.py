"""`syncline import`: a file into the data folder, or through the server that has it open."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.errors import SetupError, SynclineError
from syncline.server.admin_key import read_admin_key
from syncline.server.console import counted
from syncline.server.endpoint import find_endpoint
from syncline.server.file_vault import open_vault
from syncline.server.importing import store_for_import
from syncline.server.settings import Settings
from syncline.store import WriteRefusedError
from syncline.transfer import Format, Import, Mode, TableSummary, open_contents

from .calling import show_progress
from .progress import ProgressBar


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    path: Path
    table: str | None
    format: Format
    mode: Mode
    skip: tuple[str, ...]
    dry_run: bool
    yes: bool


def read_options(
    path: Path,
    table: str | None,
    form: str | None,
    *,
    append: bool,
    replace: bool,
    replace_all: bool,
    skip: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> Options:
    """Raises UsageError for options that contradict each other, SetupError for an unknown format."""
    if append + replace + replace_all > 1:
        raise click.UsageError("--append, --replace and --replace-all exclude each other.")
    mode = Mode.REQUIRE_EMPTY
    for chosen, of_choice in (
        (append, Mode.APPEND),
        (replace, Mode.REPLACE),
        (replace_all, Mode.REPLACE_ALL),
    ):
        mode = of_choice if chosen else mode
    return Options(path, table, Format.of(path, form), mode, skip, dry_run, yes)


def import_file(settings: Settings, options: Options) -> int:
    """Import a file. The server of the data folder does it, if there is one; otherwise this process does."""
    endpoint = find_endpoint(settings.data)
    key = read_admin_key(settings.data, os.environ)
    if endpoint is not None and key is not None:
        from .remote_import import import_through_server

        code = import_through_server(endpoint.url, key, options)
        if code is not None:
            return code  # Else it has stopped. If it still holds the data, opening them says so.
    return _in_process(settings, options)


def _in_process(settings: Settings, options: Options) -> int:
    with (
        ProgressBar() as bar,
        open_contents(options.path, options.format, options.table) as contents,
        store_for_import(settings, os.environ, show_progress) as (store, catalog),
    ):
        job = Import(
            store,
            catalog,
            contents,
            options.mode,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            limits=settings.make_limits(),
            skip=options.skip,
            vault=open_vault(settings, os.environ),
            report=bar.update,
        )
        forget = True
        try:
            if job.resumed:
                click.echo("  going on with what an interrupted import has read", err=True)
            summaries = job.stage()
            bar.clear()
            show_summary(summaries, job.notes, job.left_out)
            if options.dry_run:
                click.echo("  nothing was imported: this was a dry run", err=True)
                return 0
            confirm(summaries, options)
            added = job.load()
        except SetupError:
            raise
        except SynclineError as error:
            forget = not isinstance(error, WriteRefusedError)
            raise SetupError(str(error), "nothing was imported") from error
        except KeyboardInterrupt:
            forget = False
            bar.clear()
            click.echo("  interrupted, nothing was imported; the same command goes on from here", err=True)
            raise
        finally:
            job.close(forget=forget)
    show_result(added, len(summaries), options)
    return 0


def show_summary(summaries: Sequence[TableSummary], notes: Sequence[str], left_out: Sequence[str]) -> None:
    """What will happen, on stderr."""
    rows = [("table", "add", "delete", "keep")]
    rows += [(item.name, f"{item.added:,}", f"{item.deleted:,}", f"{item.kept:,}") for item in summaries]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        click.echo("  " + "  ".join([name.ljust(widths[0]), *cells]), err=True)
    for note in notes:
        click.echo(f"  note: {note}", err=True)
    if left_out:
        click.echo(f"  left out: {', '.join(left_out)}", err=True)


def confirm(summaries: Sequence[TableSummary], options: Options) -> None:
    """Ask before documents are deleted. Raises SetupError where nobody can be asked, Abort at a no."""
    deleted = sum(item.deleted for item in summaries)
    if not deleted or options.yes:
        return
    what = f"this deletes {counted(deleted, 'document')}"
    if not sys.stdin.isatty():
        raise SetupError(f"{what}, and there is no terminal to ask at", "add --yes. Nothing was imported")
    click.confirm(f"  {what}. Import?", abort=True, err=True)


def show_result(added: int, tables: int, options: Options) -> None:
    click.echo(f"  {options.path.name}  added {counted(added, 'document')} to {counted(tables, 'table')}")
