"""The commands that show and write out what is stored: data, export."""

from __future__ import annotations

from pathlib import Path

import click

from .options import data_option, json_option, settings_of


@click.command(short_help="Show what is stored.")
@click.argument("table", required=False)
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, metavar="N", help="At most so many (default: 100)."
)
@click.option(
    "--order", type=click.Choice(["asc", "desc"]), default="asc", help="By creation time (default: asc)."
)
@click.option(
    "--where", multiple=True, metavar="FIELD=JSON", help="Only these: 'author=\"Ada\"'. May be repeated."
)
@json_option
@data_option
def data(
    table: str | None, limit: int, order: str, where: tuple[str, ...], as_json: bool, **flags: object
) -> int:
    """Show the tables, or the documents of one.

    \b
    syncline data
    syncline data messages --order desc --limit 5
    syncline data messages --where 'channel="general"' --json

    Reads the data folder, also beside a running server. Needs no code of the application.
    """
    from .transferring import show_documents, show_tables

    settings = settings_of(flags)
    if table is None:
        return show_tables(settings, as_json=as_json)
    return show_documents(
        settings, table, limit=limit, newest_first=order == "desc", where=where, as_json=as_json
    )


@click.command(short_help="Write all documents into a file.")
@click.option("--path", type=click.Path(path_type=Path), metavar="FILE", help="The file to write.")
@click.option("--table", metavar="TABLE", help="Only this table, as --format says.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), help="Of one table (default: jsonl).")
@click.option("--include-file-storage", "files", is_flag=True, help="Stored files, too.")
@data_option
def export(path: Path | None, table: str | None, form: str | None, files: bool, **flags: object) -> int:
    """Write all documents, as of one moment, into a ZIP file in the layout of Convex.

    \b
    syncline export --path backup.zip
    syncline export --table messages --format csv

    Reads the data folder, also beside a running server. Needs no code of the application.
    """
    from .transferring import export as write

    return write(settings_of(flags), path, table, form, files=files)


COMMANDS = (data, export)
