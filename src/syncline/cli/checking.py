"""`syncline check`: is the application loadable, do the data fit it, and are they whole?"""

from __future__ import annotations

import json
import os

import click

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
    click.echo(
        f"  code  {backend}  {findings.functions:,} functions, {findings.tables:,} tables, {findings.indexes:,} indexes"
    )
    if findings.documents is None:
        click.echo(f"  data  {data}  none yet")
        return 0
    total = sum(findings.documents.values())
    if not findings.damage:
        click.echo(f"  data  {data}  {total:,} documents, verified")
        return 0
    click.echo(f"  data  {data}  {total:,} documents, damaged:", err=True)
    for problem in findings.damage:
        click.echo(f"    {problem}", err=True)
    click.echo("  help: keep a copy of the data folder, then restore the newest backup", err=True)
    return 1
