"""The deny matrix: every row of every table with a rule, every kind of caller, every operation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncline.kernel.identity import Caller
from syncline.schema import Members, TableSpec
from syncline.system import SYSTEM_TABLES

from .backend import Backend, User, World
from .expectations import EVERYTHING, OPERATIONS, READS, WRITES, Expected, Row, expected
from .probes import INTERNAL, PUBLIC


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one operation: "allowed", "not found", "forbidden" or "unauthenticated"."""

    table: str
    row: str
    caller: str
    operation: str
    outcome: str


@dataclass(frozen=True, slots=True)
class DenyMatrix:
    """What everybody could do with everything. Its text is a table."""

    cells: tuple[Cell, ...]

    def allowed(self, table: str, operation: str) -> set[str]:
        """The callers who could do this with at least one row."""
        return {
            cell.caller
            for cell in self.cells
            if cell.table == table and cell.operation == operation and cell.outcome == "allowed"
        }

    def __str__(self) -> str:
        lines: dict[tuple[str, str, str], dict[str, str]] = {}
        for cell in self.cells:
            lines.setdefault((cell.table, cell.row, cell.caller), {})[cell.operation] = cell.outcome
        head = ["table", "row", "caller", *OPERATIONS]
        rows = [[*place, *(found[name] for name in OPERATIONS)] for place, found in lines.items()]
        widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            for row in (head, *rows)
        )


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of caller. `bound`: the rules hold for it."""

    name: str
    caller: Caller
    functions: str
    bound: bool


def deny_matrix(
    backend: Backend, callers: Mapping[str, User], *, tables: Collection[str] | None = None
) -> DenyMatrix:
    """Let everybody try everything with every stored row, and compare with what the rules say.

        matrix = deny_matrix(backend, {"nobody": backend, "ann": ann, "bob": bob})

    Insert a few rows into each table that has an `access` first; `tables` are those to try, all of them unless given. To `callers` come an admin, an admin who acts as each
    of them, and an internal function. Nothing is written. AssertionError if an outcome is not what the rule says, or a
    table with a rule has no row. For `Rules(...)` the outcomes are compared with each other only: look at them with
    `allowed(table, operation)`, or at the whole as text.
    """
    kinds = [_Kind(name, Caller(user.identity), PUBLIC, True) for name, user in callers.items()]
    kinds += [
        _Kind(f"admin as {name}", Caller(user.identity, admin=True), PUBLIC, True)
        for name, user in callers.items()
        if user.identity is not None
    ]
    kinds.append(_Kind("admin", Caller(admin=True), PUBLIC, False))
    kinds.append(_Kind("internal function", Caller(backend=True), INTERNAL, False))
    world = backend.world
    cells: list[Cell] = []
    wrong: list[str] = []
    for spec in world.schema:
        if spec.access is None or (tables is not None and spec.name not in tables):
            continue
        rows = _rows(world, spec.name)
        if not rows:
            raise AssertionError(f"the deny matrix needs a row in {spec.name}: insert one before it is made")
        memberships = _memberships(world, spec)
        for kind in kinds:
            for row, outcomes in _outcomes(world, spec.name, kind, rows):
                cells += [
                    Cell(spec.name, row["_id"], kind.name, operation, outcome)
                    for operation, outcome in outcomes.items()
                ]
                identity = kind.caller.identity
                subject = None if identity is None else identity.subject
                if identity is not None and world.several_issuers:
                    subject = identity.token_identifier
                rule = expected(spec, row, subject, memberships) if kind.bound else EVERYTHING
                wrong += _differences(spec.name, row, kind.name, outcomes, rule)
    if wrong:
        raise AssertionError(f"{len(wrong)} outcomes are not what the rules say:\n" + "\n".join(wrong[:20]))
    return DenyMatrix(tuple(cells))


def _rows(world: World, table: str) -> list[Row]:
    found: list[Row] = world.probe(Caller(backend=True), f"{INTERNAL}:rows", table=table)
    return found


def _memberships(world: World, spec: TableSpec) -> list[Row]:
    access = spec.access
    if not isinstance(access, Members):
        return []
    return _rows(
        world, next(other.name for other in (*SYSTEM_TABLES, *world.schema) if access.via in other.indexes)
    )


def _outcomes(world: World, table: str, kind: _Kind, rows: list[Row]) -> Iterator[tuple[Row, dict[str, str]]]:
    """Each row, and what became of each operation on it."""

    def ask(function: str, **values: str) -> Any:
        return world.probe(kind.caller, f"{kind.functions}:{function}", **values)

    seen: dict[str, list[str]] = {
        "list": ask("list", table=table),
        "paginate": ask("paginate", table=table),
        "subscribe": world.probe_live(kind.caller, f"{kind.functions}:list", table=table),
    }
    # A count names no row: it says too much if it is another number than that of the rows in the list.
    seen["count"] = seen["list"] if ask("count", table=table) == len(seen["list"]) else []
    for row in rows:
        id = row["_id"]
        outcomes: dict[str, str] = {"get": "allowed" if ask("get", id=id) else "not found"}
        outcomes |= {name: "allowed" if id in ids else "not found" for name, ids in seen.items()}
        outcomes |= {name: ask("attempt", operation=name, id=id) for name in WRITES}
        yield row, {name: outcomes[name] for name in OPERATIONS}


def _differences(
    table: str, row: Row, who: str, outcomes: dict[str, str], rule: Expected | None
) -> Iterator[str]:
    for operation, outcome in outcomes.items():
        if rule is not None:
            wanted = rule.of(operation)
        elif operation in READS or (operation != "insert" and outcomes["get"] == "not found"):
            wanted = outcomes["get"]
        else:
            continue
        if outcome != wanted:
            yield f"  {table} {row['_id']}: {operation} by {who} was {outcome}, and should be {wanted}"
