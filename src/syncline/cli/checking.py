"""`syncline check`: is the application loadable, do names and data fit it, and are the data whole?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import click

from syncline.analysis import (
    DataFindings,
    Finding,
    Severity,
    broken_files,
    check_data,
    check_fields,
    in_order,
    source_files,
    without_waived,
)
from syncline.functions import load_application
from syncline.kernel.errors import SetupError
from syncline.server.accounts import check_mails
from syncline.server.console import counted
from syncline.server.errors import show_setup_error
from syncline.server.settings import Settings
from syncline.server.viewing import open_view

from .calling import show_progress


def check_application(settings: Settings, *, as_json: bool) -> int:
    """Look at everything, say everything. Writes nothing. Returns the exit code."""
    with open_view(settings, os.environ) as view:
        try:
            release = load_application(settings.backend)
            check_mails(release.app)
        except SetupError as error:
            return _not_loadable(settings, error, [] if view is None else view.check(), as_json=as_json)
        stored = None if view is None else check_data(view, release.schema, show_progress)
    sources = source_files(release)
    findings = in_order(without_waived(check_fields(release, sources), sources))
    if stored is not None:
        findings += stored.findings()
    counts = {
        "functions": len(release.registry),
        "tables": len(release.schema),
        "indexes": sum(len(spec.indexes) for spec in release.schema),
    }
    if as_json:
        click.echo(json.dumps(counts | _as_json(findings, stored)))
    else:
        _show(settings, counts, findings, stored)
    return 1 if findings or (stored is not None and stored.damage) else 0


def _not_loadable(settings: Settings, error: SetupError, damage: list[str], *, as_json: bool) -> int:
    """What keeps the code from loading, other files that cannot be read, and damage of the data."""
    others = [each for each in broken_files(settings.backend) if not _is_at(error, each)]
    if as_json:
        text, _, hint = str(error).partition("\n  help: ")
        findings = [Finding("load", Severity.ERROR, text.strip(), "", hint), *others]
        click.echo(json.dumps({"findings": [each.as_json() for each in findings], "damage": damage}))
        return 1
    show_setup_error(error, os.environ)
    show_findings(others)
    if damage:
        _show_damage(settings.shown(settings.data), "the data", damage)
    return 1


def _is_at(error: SetupError, finding: Finding) -> bool:
    """Whether an error tells of the same place as a finding."""
    place = finding.place
    return place is not None and str(error).startswith(f"{place.file}:{place.line}:")


def show_findings(findings: Iterable[Finding], *, err: bool = True) -> None:
    """Each with its source line, an empty line between them."""
    for finding in findings:
        click.echo("\n" + "\n".join(finding.lines()), err=err)


def summary(findings: Iterable[Finding]) -> str:
    """`2 errors, 1 warning`."""
    found = list(findings)
    parts = [
        counted(number, severity.value)
        for severity in Severity
        if (number := sum(each.severity is severity for each in found))
    ]
    return ", ".join(parts)


def _as_json(findings: list[Finding], stored: DataFindings | None) -> dict[str, object]:
    inspection = None if stored is None else stored.inspection
    return {
        "documents": None if inspection is None else inspection.documents,
        "damage": [] if stored is None else stored.damage,
        "findings": [finding.as_json() for finding in findings],
        "to_build": []
        if inspection is None
        else [{"index": label, "documents": count} for label, count in inspection.missing],
        "to_remove": [] if inspection is None else inspection.surplus,
        "without_class": []
        if inspection is None
        else [{"table": name, "documents": count} for name, count in inspection.unclaimed],
    }


def _show(
    settings: Settings, counts: dict[str, int], findings: list[Finding], stored: DataFindings | None
) -> None:
    backend, data = settings.shown(settings.backend), settings.shown(settings.data)
    parts = [counted(counts["functions"], "function"), counted(counts["tables"], "table")]
    click.echo(f"  code  {backend}  {', '.join([*parts, counted(counts['indexes'], 'index', 'indexes')])}")
    if stored is None:
        click.echo(f"  data  {data}  none yet")
    else:
        _show_data(data, stored)
    show_findings(findings)
    if findings:
        click.echo(f"\n{summary(findings)}", err=True)


def _show_damage(data: str, what: str, damage: list[str]) -> None:
    click.echo(f"  data  {data}  {what}, damaged:", err=True)
    for problem in damage:
        click.echo(f"    {problem}", err=True)
    click.echo("  help: keep a copy of the data folder, then restore the newest backup", err=True)


def _show_data(data: str, stored: DataFindings) -> None:
    inspection = stored.inspection
    total = counted(sum(inspection.documents.values()), "document")
    if stored.damage:
        _show_damage(data, total, stored.damage)
    else:
        verdict = "verified" if not inspection.problems else "whole, but they do not fit"
        click.echo(f"  data  {data}  {total}, {verdict}")
    for label, count in inspection.missing:
        click.echo(f"        the next start builds the index {label} over {counted(count, 'document')}")
    for label in inspection.surplus:
        click.echo(f"        the next start removes the index {label}")
    for name, count in inspection.unclaimed:
        click.echo(f"        {counted(count, 'document')} in {name}, a table without a class, are kept")
