"""The commands that show and write out what is stored: data, export."""

from __future__ import annotations

from pathlib import Path

import click

from .options import backend_option, data_option, json_option, settings_of


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
@click.option("--id", "id", metavar="ID", help="One document.")
@click.option("--set", "assignments", multiple=True, metavar="FIELD=JSON", help="Change it. May be repeated.")
@click.option("--delete", is_flag=True, help="Delete it.")
@json_option
@backend_option
@data_option
def data(
    table: str | None,
    limit: int,
    order: str,
    where: tuple[str, ...],
    id: str | None,
    assignments: tuple[str, ...],
    delete: bool,
    as_json: bool,
    **flags: object,
) -> int:
    """Show the tables, the documents of one, or one document; change or delete that.

    \b
    syncline data
    syncline data messages --order desc --limit 5
    syncline data messages --where 'channel="general"' --json
    syncline data --id j57a4yf... --set 'likes=3' --set 'body="hello"'

    Reads the data folder, also beside a running server. Needs no code of the application, but for --id: what is changed
    is checked by the document's class.
    """
    from .transferring import show_documents, show_tables

    settings = settings_of(flags)
    if id is not None:
        from .editing import delete_one, edit_one, show_one

        if delete and assignments:
            raise click.UsageError("--delete and --set exclude each other")
        if delete:
            return delete_one(settings, id)
        if assignments:
            return edit_one(settings, id, assignments, as_json=as_json)
        return show_one(settings, id, as_json=as_json)
    if delete or assignments:
        raise click.UsageError("say which document: --id ID")
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
