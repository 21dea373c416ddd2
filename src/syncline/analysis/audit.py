"""What is risky or slow in an application: who may see what, which queries have no index, what is near a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from syncline.database import TableBinding
from syncline.database.catalog import IndexBinding
from syncline.database.plans import Plan, make_plan
from syncline.functions import Kind, Release
from syncline.kernel.limits import Limits
from syncline.schema import (
    Members,
    OwnedBy,
    TableCodec,
    TableNumbers,
    TableSpec,
    table_of,
)
from syncline.system import SYSTEM_TABLES

from .advice import serving_index
from .exposure import memberships_for_the_taking, scheduled_in_the_open
from .facts import Facts, FieldSet
from .findings import Finding, Severity
from .usage import QueryUse, Usage

#: The share of a limit from which on a function is near it.
_NEAR: Final = 0.5
_CREATED: Final = "created_at"


def unique_candidates(usage: Usage) -> list[FieldSet]:
    """Fields by which functions look for one document, though no unique index says that there is one."""
    found: dict[FieldSet, None] = {}
    for use in usage.queries:
        fields = _looked_up(use)
        if fields is not None:
            found[use.rows.cls, fields] = None
    return list(found)


class Audit:
    """Yields findings; `all` gives every one of them."""

    def __init__(self, release: Release, usage: Usage, facts: Facts, limits: Limits) -> None:
        self._release = release
        self._usage = usage
        self._facts = facts
        self._limits = limits
        self._signs_in = bool(release.app is not None and release.app.auth)
        numbers = TableNumbers({spec.name: number for number, spec in enumerate(release.schema, 10_001)})
        self._tables = {spec.cls: _binding(spec, numbers) for spec in (*SYSTEM_TABLES, *release.schema)}

    def all(self) -> Iterator[Finding]:
        yield from self._tables_without_rules()
        yield from self._functions_without_identity()
        yield from self._unrestricted()
        yield from self._unique_without_owner()
        yield from memberships_for_the_taking(self._release, self._usage)
        yield from scheduled_in_the_open(self._release, self._usage)
        yield from self._queries_without_index()
        yield from self._unused_indexes()
        yield from self._unique_candidates()
        yield from self._near_limits()

    # Who may see what

    def _tables_without_rules(self) -> Iterator[Finding]:
        for spec in self._release.schema:
            if spec.access is None:
                yield Finding(
                    "access",
                    Severity.ERROR if self._signs_in else Severity.HINT,
                    f"{spec.cls.__name__} has no `access`",
                    "every public function can read and change all of its rows, whoever calls it",
                    'say who may: access = owned_by("user_id"), members(...), public_read(...), private or Rules(...)',
                    self._usage.table_places.get(spec.cls),
                )

    def _functions_without_identity(self) -> Iterator[Finding]:
        for definition in self._release.registry:
            if definition.internal or definition.anonymous:
                continue
            reached = self._usage.reached(definition)
            if any(use.looks_at_identity for use in reached):
                continue
            tables = {table_of(cls).name for use in reached for cls in use.tables}
            open_tables = sorted(name for name in tables if self._is_open(name))
            if not open_tables:
                continue
            yield Finding(
                "identity",
                Severity.WARNING if self._signs_in else Severity.HINT,
                f"{definition.path} never looks at who is calling",
                f"it uses {', '.join(open_tables)}, which has no rule either: any caller gets the same"
                if len(open_tables) == 1
                else f"it uses {', '.join(open_tables)}, which have no rules either: any caller gets the same",
                "give the tables an `access`, look at ctx.auth, or say that anybody may: anonymous=True, internal=True",
                self._usage.places.get(definition.path),
            )

    def _is_open(self, table: str) -> bool:
        return any(spec.name == table and spec.access is None for spec in self._release.schema)

    def _unrestricted(self) -> Iterator[Finding]:
        for place, path in self._usage.unrestricted:
            definition = None if path is None else self._release.registry.get(path)
            if definition is None or not definition.internal:
                yield Finding(
                    "unrestricted",
                    Severity.HINT,
                    f"{path or 'this'} uses the database or files without their rules",
                    "what it returns and changes is up to its own checks alone",
                    "look whether they are there; then waive this with the reason",
                    place,
                )

    def _unique_without_owner(self) -> Iterator[Finding]:
        for spec in self._release.schema:
            if not isinstance(spec.access, OwnedBy):
                continue
            owner = spec.access.owner
            for index in spec.indexes:
                if index.unique and owner not in index.fields:
                    yield Finding(
                        "unique-owner",
                        Severity.WARNING,
                        f"{spec.name}.{index.name} is unique over all owners",
                        "an insert that is refused tells one user what another one has",
                        f'begin with the owner: Index("{owner}", {_quoted(index.fields)}, unique=True)',
                        self._usage.index_places.get(index),
                    )

    # Indexes

    def _queries_without_index(self) -> Iterator[Finding]:
        said: set[str | None] = set()
        for use in self._usage.queries:
            plan, shape = self._plan(use)
            if plan is None or not plan.filters or use.rows.index is not None:
                continue
            said.add(use.function)
            spec = table_of(use.rows.cls)
            index = serving_index(spec, shape)
            fix = (
                f"add to {spec.cls.__name__}: {index}"
                if index is not None
                else "no index can serve all of these conditions: narrow the others first"
            )
            left = ", ".join(plan.filters)
            if plan.index is None:
                what = f"no index of {spec.name} serves {left}"
                why = "every document of the table is read each time, and every change to it reruns the query"
            else:
                what = f"{plan.index.label} does not serve {left}"
                why = "rows are read and left out, and changes to them rerun the query"
            severity = Severity.WARNING if plan.index is None else Severity.HINT
            yield Finding("no-index", severity, what, why, fix, use.place)
        yield from self._counted_without_index(said)

    def _counted_without_index(self, said: set[str | None]) -> Iterator[Finding]:
        for report in self._facts.server.functions if self._facts.server is not None else ():
            if report.unserved_queries and report.path not in said and self._is_ours(report.path):
                yield Finding(
                    "no-index",
                    Severity.WARNING,
                    f"{report.path} ran queries that no index serves whole: {report.unserved_queries:,} so far",
                    f"up to {report.max_documents_read:,} documents were read in one call",
                    f"see which: syncline explain {report.path}",
                    self._usage.places.get(report.path),
                )

    def _unused_indexes(self) -> Iterator[Finding]:
        used = self._used_indexes()
        for spec in self._release.schema:
            unclear = any(use.rows.cls is spec.cls and not use.rows.exact for use in self._usage.queries)
            for index in spec.indexes:
                label = f"{spec.name}.{index.name}"
                if index.unique or label in used or index in self._usage.named:
                    continue
                yield Finding(
                    "unused-index",
                    Severity.HINT if unclear else Severity.WARNING,
                    f"nothing uses {label}",
                    "every insert and change of the table pays for it",
                    "remove it, unless queries that cannot be seen in the source need it",
                    self._usage.index_places.get(index),
                )

    def _used_indexes(self) -> set[str]:
        used = set(self._facts.server.indexes_used) if self._facts.server is not None else set[str]()
        for use in self._usage.queries:
            # With the owner's condition and without: internal functions are not under rules.
            for plan in (self._plan(use)[0], self._plan(use, ruled=False)[0]):
                if plan is not None and plan.index is not None:
                    used.add(plan.index.label)
        for spec in self._release.schema:
            access = spec.access
            if isinstance(access, OwnedBy):
                used |= _first_with(spec, access.owner)
            elif isinstance(access, Members):
                used |= _first_with(spec, access.group)
                used |= {
                    f"{other.name}.{access.via.name}"
                    for other in self._release.schema
                    if access.via in other.indexes
                }
        return used

    def _plan(self, use: QueryUse, *, ruled: bool = True) -> tuple[Plan | None, list[tuple[str, str]]]:
        """How a query will be answered, and its conditions; None if those are not all in the source."""
        rows = use.rows
        if not rows.exact or rows.index is not None:
            return None, []
        shape = list(dict.fromkeys(rows.conditions))
        access = table_of(rows.cls).access
        owner = access.owner if isinstance(access, OwnedBy) else None
        definition = None if use.function is None else self._release.registry.get(use.function)
        if (
            ruled
            and owner is not None
            and owner not in dict(shape)
            and not (definition and definition.internal)
        ):
            shape.append((owner, "equal"))
        return make_plan(self._tables[rows.cls], tuple(shape)), shape

    # Data and statistics

    def _unique_candidates(self) -> Iterator[Finding]:
        for use in self._usage.queries:
            fields = _looked_up(use)
            distinct = None if fields is None else self._facts.distinct.get((use.rows.cls, fields))
            if fields is None or distinct is None:
                continue
            spec = table_of(use.rows.cls)
            names = ", ".join(fields)
            index = next((each for each in spec.indexes if sorted(each.fields) == list(fields)), None)
            name = "by_" + "_".join(fields) if index is None else index.name
            ordered = fields if index is None else index.fields
            fix = f"{name} = Index({_quoted(ordered)}, unique=True)"
            if distinct.repeated and use.end == "unique":
                yield Finding(
                    "unique-candidate",
                    Severity.WARNING,
                    f".unique() by {names}, but {distinct.repeated:,} of {distinct.documents:,} documents repeat another's",
                    "for those it is an error",
                    f"use .first(), or remove the duplicates and declare {fix}",
                    use.place,
                )
            elif not distinct.repeated and distinct.documents > 1:
                yield Finding(
                    "unique-candidate",
                    Severity.HINT,
                    f"one document is looked for by {names}, and no two of the {distinct.documents:,} stored ones repeat it",
                    "nothing keeps two mutations from storing the same one twice",
                    f"declare it: {fix}",
                    use.place,
                )

    def _near_limits(self) -> Iterator[Finding]:
        limits = self._limits
        for report in self._facts.server.functions if self._facts.server is not None else ():
            definition = self._release.registry.get(report.path)
            if definition is None:
                continue
            if definition.kind is Kind.ACTION:
                seconds, name = definition.timeout or limits.action_seconds, "the seconds of an action"
            else:
                seconds, name = limits.run_seconds, "run_seconds"
            for used, limit, what, shown in (
                (report.max_seconds, seconds, name, f"{report.max_seconds:.2f} s"),
                (
                    report.max_documents_read,
                    limits.read_documents,
                    "read_documents",
                    f"{report.max_documents_read:,}",
                ),
                (report.max_bytes_read, limits.read_bytes, "read_bytes", f"{report.max_bytes_read:,}"),
                (
                    report.max_documents_written,
                    limits.write_documents,
                    "write_documents",
                    f"{report.max_documents_written:,}",
                ),
            ):
                if used >= limit * _NEAR:
                    yield Finding(
                        "near-limit",
                        Severity.WARNING,
                        f"{report.path} has used {shown} of {what} (the limit is {limit:,g})",
                        f"in {report.calls:,} calls; with more data it will fail",
                        "give it more time: timeout=..., or do less at once"
                        if definition.kind is Kind.ACTION
                        else f"see what it reads: syncline explain {report.path}",
                        self._usage.places.get(report.path),
                    )

    def _is_ours(self, path: str) -> bool:
        return self._release.registry.get(path) is not None


def _looked_up(use: QueryUse) -> tuple[str, ...] | None:
    """The fields by which a query looks for one document, if no unique index covers them."""
    rows = use.rows
    if use.end not in ("unique", "first") or not rows.exact or rows.filtered or not rows.conditions:
        return None
    if any(kind != "equal" for _, kind in rows.conditions):
        return None
    fields = {name for name, _ in rows.conditions}
    if any(index.unique and set(index.fields) <= fields for index in table_of(rows.cls).indexes):
        return None
    return tuple(sorted(fields))


def _binding(spec: TableSpec, numbers: TableNumbers) -> TableBinding:
    indexes = [IndexBinding(number, index, spec) for number, index in enumerate(spec.indexes)]
    return TableBinding(0, spec, TableCodec(spec, numbers), 0, 0, indexes)


def _first_with(spec: TableSpec, field: str) -> set[str]:
    found = next((index for index in spec.indexes if index.fields[0] == field), None)
    return set() if found is None else {f"{spec.name}.{found.name}"}


def _quoted(fields: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in fields)
