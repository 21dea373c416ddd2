"""`syncline check`: is the application loadable, do the data fit it, and are they whole?"""

from __future__ import annotations

import json
import os

import click

from syncline.server.console import counted
from syncline.server.local import check_everything
from syncline.server.settings import Settings

from .calling import show_progress


def check_application(settings: Settings, *, as_json: bool) -> int:
    findings = check_everything(settings, os.environ, show_progress)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "functions": findings.functions,
                    "tables": findings.tables,
                    "indexes": findings.indexes,
                    "documents": findings.documents,
                    "damage": findings.damage,
                }
            )
        )
        return 1 if findings.damage else 0
    backend, data = settings.shown(settings.backend), settings.shown(settings.data)
    counts = [counted(findings.functions, "function"), counted(findings.tables, "table")]
    click.echo(f"  code  {backend}  {', '.join([*counts, counted(findings.indexes, 'index', 'indexes')])}")
    if findings.documents is None:
        click.echo(f"  data  {data}  none yet")
        return 0
    total = counted(sum(findings.documents.values()), "document")
    if not findings.damage:
        click.echo(f"  data  {data}  {total}, verified")
        return 0
    click.echo(f"  data  {data}  {total}, damaged:", err=True)
    for problem in findings.damage:
        click.echo(f"    {problem}", err=True)
    click.echo("  help: keep a copy of the data folder, then restore the newest backup", err=True)
    return 1
