"""Syncline's own tables that functions give away, such as `UserProfile`: clients need the types of their documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from syncline.functions import FunctionDefinition, Registry
from syncline.schema import TableSpec
from syncline.schema.nodes import TypeNode
from syncline.schema.scalars import IdNode
from syncline.schema.signature_nodes import StoredNode
from syncline.system import SYSTEM_TABLES

#: Ids of these may be named without the type of their documents.
WELL_KNOWN: Final = ("_storage", "_scheduled_functions")


def given_away(registry: Registry) -> list[TableSpec]:
    """Those whose documents, or ids, are arguments or results of public functions."""
    tables = {spec.name: spec for spec in SYSTEM_TABLES}
    waiting = [node for definition in registry if not definition.internal for node in _nodes(definition)]
    found: dict[str, TableSpec] = {}
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting += node.children()
        name = _table(node)
        if name in tables and name not in found:
            found[name] = tables[name]
            waiting += [field.node for field in tables[name].fields]
    return [found[name] for name in sorted(found)]


def _nodes(definition: FunctionDefinition) -> Iterator[TypeNode]:
    yield definition.result.node
    for parameter in definition.arguments.parameters:
        yield parameter.node


def _table(node: TypeNode) -> str | None:
    match node:
        case StoredNode():
            return node.id_node.table
        case IdNode() if node.table not in WELL_KNOWN:
            return node.table
        case _:
            return None
