"""The command that brings data in, and its options."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_option, data_option, settings_of


@click.command(name="import", short_help="Read documents from a file.")
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--table", metavar="TABLE", help="The table of a file that is no ZIP.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["zip", "jsonl", "json", "csv"]),
    help="Of the file (default: as its name says).",
)
@click.option("--append", is_flag=True, help="Add to the documents that are there.")
@click.option("--replace", is_flag=True, help="Delete what the tables of the file hold.")
@click.option("--replace-all", is_flag=True, help="Delete what all tables hold.")
@click.option("--skip", multiple=True, metavar="TABLE", help="Leave a table of a ZIP out. May be repeated.")
@click.option("--dry-run", is_flag=True, help="Check everything and import nothing.")
@click.option("-y", "--yes", is_flag=True, help="Delete documents without asking.")
@backend_option
@data_option
def import_(
    path: Path,
    table: str | None,
    form: str | None,
    append: bool,
    replace: bool,
    replace_all: bool,
    skip: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    **flags: object,
) -> int:
    """Import a ZIP in the layout of Convex, JSON lines, a JSON array or CSV: all rows of it, or none.

    \b
    syncline import snapshot.zip
    syncline import messages.csv --table messages --append

    Rows that do not fit the schema are named with file and line. Ids and creation times are kept. Without --append,
    --replace or --replace-all the tables must be empty. The server of the data folder does it, if there is one.
    """
    from .importing import import_file, read_options

    options = read_options(
        path,
        table,
        form,
        append=append,
        replace=replace,
        replace_all=replace_all,
        skip=skip,
        dry_run=dry_run,
        yes=yes,
    )
    return import_file(settings_of(flags), options)


COMMANDS = (import_,)
