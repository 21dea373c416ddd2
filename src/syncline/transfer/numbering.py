"""Which number each table has after an import.

A table's number is part of its documents' ids, and ids are in URLs, in other documents and in other systems. So a
table takes over the number that it has in the file wherever it can: when nothing that stays depends on its old one.
Where it cannot, the ids get the number that the table has here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from syncline.database import Catalog
from syncline.schema import TypeNode
from syncline.schema.scalars import IdNode
from syncline.store import FIRST_USER_TABLE, Store, TableInfo

_LAST = 2**32 - 1


@dataclass(slots=True)
class Numbering:
    """`becomes`: the number of each stored table afterwards. `notes`: what a user should know, a sentence each."""

    becomes: dict[str, int]
    notes: list[str] = field(default_factory=list[str])


def choose_numbers(
    store: Store,
    catalog: Catalog,
    stored: Mapping[str, TableInfo],
    wanted: Mapping[str, int],
    gone: Collection[str],
    imported: Collection[str],
) -> Numbering:
    """`gone` are the tables none of whose documents stay, `imported` those that get documents."""
    movable = _movable(store, catalog, stored, gone)
    targets = {
        name: number
        for name, number in wanted.items()
        if name in movable and _fits(name, number) and number != stored[name].number
    }
    occupants = {info.number: info.name for info in store.tables()}
    while True:
        claimed = list(targets.values())
        refused = [
            name
            for name, number in targets.items()
            if claimed.count(number) > 1
            or (
                (other := occupants.get(number)) is not None and other not in targets and other not in movable
            )
            # A table that keeps the very number that it has in the file is not pushed away.
            or (other is not None and other not in targets and wanted.get(other) == number)
        ]
        if not refused:
            break
        for name in refused:
            del targets[name]
    becomes = {name: info.number for name, info in stored.items()} | targets
    free = max([FIRST_USER_TABLE - 1, *becomes.values(), *occupants]) + 1
    for number in targets.values():
        other = occupants.get(number)
        if other is not None and other not in targets:
            becomes[other] = free
            free += 1
    notes = [
        f"the ids of {name} change: the table has the number {becomes[name]} here and {number} in the file. Ids in "
        "fields of type Id follow; those in fields of type str and Any do not"
        for name, number in wanted.items()
        if name in imported and becomes[name] != number
    ]
    return Numbering(becomes, notes)


def _fits(name: str, number: int) -> bool:
    """Syncline's own tables have numbers below those of applications, as those of Convex do."""
    return 1 <= number < FIRST_USER_TABLE if name.startswith("_") else FIRST_USER_TABLE <= number <= _LAST


def _movable(
    store: Store, catalog: Catalog, stored: Mapping[str, TableInfo], gone: Collection[str]
) -> set[str]:
    """The tables whose number nothing depends on that stays."""
    held: set[str] = set()
    shapes = {shape.table: shape.text for shape in store.shapes()}
    for name, info in stored.items():
        if name in gone:
            continue
        table = catalog.by_name.get(name)
        if table is not None:
            for spec in table.spec.fields:
                _collect(spec.node, held, set())
        else:
            # A table that the application no longer has: its last shape names the tables of its ids.
            text = shapes.get(info.number, "")
            held |= {other for other in stored if f"id({other})" in text}
    for table in catalog.by_name.values():
        if table.system and table.name not in gone:
            for spec in table.spec.fields:
                _collect(spec.node, held, set())
    return set(gone) - held


def _collect(node: TypeNode, found: set[str], seen: set[int]) -> None:
    """The tables whose ids a value of this type may hold."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, IdNode):
        found.add(node.table)
    for child in node.children():
        _collect(child, found, seen)
