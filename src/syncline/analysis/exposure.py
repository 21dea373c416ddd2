"""Declarations that keep their rule and still let more people in than they seem to."""

from __future__ import annotations

from collections.abc import Iterator

from syncline.functions import Release
from syncline.schema import Members, OwnedBy, PublicRead, TableSpec

from .findings import Finding, Severity
from .usage import Usage


def memberships_for_the_taking(release: Release, usage: Usage) -> Iterator[Finding]:
    """Tables of memberships into which people may write themselves: whoever knows the id of a team joins it."""
    for spec in release.schema:
        if not isinstance(spec.access, Members):
            continue
        via = spec.access.via
        granting = next((other for other in release.schema if via in other.indexes), None)
        if granting is None or not _owners_insert(granting, via.fields[0]):
            continue
        yield Finding(
            "open-membership",
            Severity.WARNING,
            f"any caller can insert {granting.cls.__name__} rows that open {spec.name}",
            "who may read and change a row depends on memberships, and these anybody may write for himself",
            f'let members add members: access = members("{spec.access.field}", via=...), or insert them in internal '
            "functions: access = private",
            usage.table_places.get(granting.cls),
        )


def scheduled_in_the_open(release: Release, usage: Usage) -> Iterator[Finding]:
    """Public functions that schedule public ones: those run without the caller and without rules."""
    for place, path, scheduled in usage.scheduled:
        caller = None if path is None else release.registry.get(path)
        if caller is None or caller.internal or not scheduled or scheduled.internal:
            continue
        yield Finding(
            "scheduled",
            Severity.HINT,
            f"{path} schedules {scheduled.path}, which will run without rules",
            "what is scheduled runs for nobody in particular: an id that the caller made up would be followed",
            "check the ids here, before they are scheduled; then waive this with the reason",
            place,
        )


def _owners_insert(table: TableSpec, subject: str) -> bool:
    access = table.access
    return access is None or (isinstance(access, OwnedBy | PublicRead) and access.owner == subject)
