"""`syncline audit`: rules, identity, indexes and limits of an application, with the data and the running server."""

from __future__ import annotations

import json
import os

import click
import msgspec

from syncline.analysis import Finding, Severity, in_order, source_files, without_waived
from syncline.analysis.audit import Audit, unique_candidates
from syncline.analysis.facts import Distinct, Facts, FieldSet, ServerFacts, distinct_values
from syncline.analysis.subjects import callers_by_subject
from syncline.analysis.usage import Usage, usage_of
from syncline.database.inspection import inspect
from syncline.functions import Release, load_application
from syncline.kernel.errors import SetupError
from syncline.server.admin_key import read_admin_key
from syncline.server.console import counted
from syncline.server.endpoint import find_endpoint
from syncline.server.settings import Settings
from syncline.server.viewing import open_view
from syncline.store import StoreView

from .checking import show_findings, summary
from .server_client import ServerClient, Unreachable


def audit_application(settings: Settings, *, strict: bool, hints: bool, as_json: bool) -> int:
    """Returns the exit code: 1 with errors and warnings; with any finding if `strict`."""
    with open_view(settings, os.environ) as view:
        release = load_application(settings.backend)
        sources = source_files(release)
        usage = usage_of(release, sources)
        distinct = {} if view is None else _distinct(view, release, usage)
    server = _server_facts(settings)
    looked_at = [
        "source",
        *(["data"] if view is not None else []),
        *(["server"] if server is not None else []),
    ]
    audit = Audit(release, usage, Facts(distinct, server), settings.make_limits())
    found = [*audit.all(), *callers_by_subject(release, sources)]
    findings = in_order(without_waived(found, sources))
    if as_json:
        click.echo(
            json.dumps(
                {
                    "findings": [finding.as_json() for finding in findings],
                    "functions": len(release.registry),
                    "looked_at": looked_at,
                }
            )
        )
    else:
        _show(release, findings, looked_at, hints=hints or strict)
    return 1 if any(strict or each.severity is not Severity.HINT for each in findings) else 0


def _distinct(view: StoreView, release: Release, usage: Usage) -> dict[FieldSet, Distinct]:
    wanted = unique_candidates(usage)
    if not wanted:
        return {}
    inspection = inspect(view, release.schema)
    reader = view.reader(inspection.tables_of_indexes)
    return distinct_values(reader, inspection, wanted)


def _server_facts(settings: Settings) -> ServerFacts | None:
    endpoint, key = find_endpoint(settings.data), read_admin_key(settings.data, os.environ)
    if endpoint is None or key is None:
        return None
    try:
        return msgspec.json.decode(ServerClient(endpoint.url, key).get("/api/statistics"), type=ServerFacts)
    except (Unreachable, SetupError):
        return None  # The source says enough; what runs is a bonus.


def _show(release: Release, findings: list[Finding], looked_at: list[str], *, hints: bool) -> None:
    told = [each for each in findings if hints or each.severity is not Severity.HINT]
    show_findings(told, err=False)
    left = len(findings) - len(told)
    parts = [summary(told) or "nothing found"]
    if left:
        parts.append(f"{counted(left, 'hint')} (syncline audit --hints)")
    click.echo(
        f"\n  {', '.join(parts)} in {counted(len(release.registry), 'function')}; looked at {', '.join(looked_at)}"
    )
