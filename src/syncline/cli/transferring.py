"""`syncline data` and `syncline export`: what is stored, without a server and without the application's code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import cast

import click

from syncline.kernel.clock import SystemClock
from syncline.kernel.errors import SetupError
from syncline.server.console import counted
from syncline.server.data_key import read_data_key
from syncline.server.file_vault import open_vault
from syncline.server.settings import Settings
from syncline.store import StoreView
from syncline.transfer import (
    FILES,
    Filter,
    StoredSnapshot,
    StoredTable,
    export_csv,
    export_jsonl,
    export_zip,
    open_snapshot,
    parse_filter,
)
from syncline.values import Json, decode_canonical, parse_json, to_export_json

from .calling import show_progress

_CELL = 40


def show_tables(settings: Settings, *, as_json: bool) -> int:
    with _snapshot(settings) as snapshot:
        counts = {name: snapshot.count(table) for name, table in snapshot.tables.items()}
    if as_json:
        for name, count in counts.items():
            click.echo(json.dumps({"table": name, "documents": count}))
        return 0
    width = max(map(len, counts), default=0)
    for name, count in counts.items():
        click.echo(f"  {name:<{width}}  {counted(count, 'document')}")
    if not counts:
        click.echo("  no tables yet")
    return 0


def show_documents(
    settings: Settings, name: str, *, limit: int, newest_first: bool, where: tuple[str, ...], as_json: bool
) -> int:
    filters = [parse_filter(text) for text in where]
    with _snapshot(settings) as snapshot:
        table = snapshot.table(name)
        for condition in filters:
            if (error := table.missing_field(condition.field)) is not None:
                raise error
        found = islice(_matching(snapshot, table, filters, newest_first=newest_first), limit)
        if as_json:
            for body in found:
                click.echo(to_export_json(body))
            return 0
        documents = [cast("dict[str, Json]", parse_json(to_export_json(body))) for body in found]
        columns = ["_id", "_creationTime", *table.fields]
        for line in _aligned(columns, documents):
            click.echo(line)
        click.echo(f"  {len(documents):,} of {counted(snapshot.count(table), 'document')}", err=True)
    return 0


def export(
    settings: Settings, path: Path | None, name: str | None, form: str | None, *, files: bool = False
) -> int:
    if form is not None and name is None:
        raise SetupError(f"--format {form} needs a table", "name one: --table messages. A ZIP has all tables")
    if files and name is not None:
        raise SetupError("--include-file-storage goes with a ZIP of everything", "leave --table out")
    with _snapshot(settings) as snapshot:
        suffix = "zip" if name is None else form or "jsonl"
        stored = 0
        stem = "snapshot" if name is None else name
        target = path if path is not None else Path(f"{stem}_{snapshot.ts}.{suffix}")
        if name is None:
            vault = open_vault(settings, os.environ) if files else None
            counts = export_zip(snapshot, target, show_progress, vault)
            stored = counts.pop(FILES, 0)
        else:
            table = snapshot.table(name)
            write = export_csv if form == "csv" else export_jsonl
            counts = {name: write(snapshot, table, target, show_progress)}
    total = counted(sum(counts.values()), "document")
    besides = f" and {counted(stored, 'file')}" if files else ""
    click.echo(f"  {target}  {total} of {counted(len(counts), 'table')}{besides}")
    return 0


@contextmanager
def _snapshot(settings: Settings) -> Generator[StoredSnapshot]:
    key = read_data_key(os.environ)
    with (
        StoreView(settings.data, monotonic=SystemClock().monotonic, key=key) as view,
        open_snapshot(view) as snapshot,
    ):
        yield snapshot


def _matching(
    snapshot: StoredSnapshot, table: StoredTable, filters: list[Filter], *, newest_first: bool
) -> Iterator[bytes]:
    for body in snapshot.bodies(table, newest_first=newest_first):
        if filters:
            document = decode_canonical(body)
            assert isinstance(document, dict)
            if not all(condition.accepts(document) for condition in filters):
                continue
        yield body


def _aligned(columns: list[str], documents: list[dict[str, Json]]) -> Iterator[str]:
    """A header and one line per document; long cells are cut on a terminal only."""
    cut = sys.stdout.isatty()
    rows = [columns, *([_cell(document, name, cut=cut) for name in columns] for document in documents)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cell(document: dict[str, Json], name: str, *, cut: bool) -> str:
    if name not in document:
        return ""
    value = document[name]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    text = json.dumps(value, ensure_ascii=False) if name != "_id" else str(value)
    # JSON leaves some control characters as they are, and a terminal would obey them.
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return text if not cut or len(text) <= _CELL or name == "_id" else text[: _CELL - 1] + "…"
