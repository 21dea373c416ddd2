"""What functions an application has, as `npx convex function-spec` prints them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

from syncline.functions.contexts import QueryCtx
from syncline.functions.decorators import query
from syncline.functions.definitions import FunctionDefinition, define
from syncline.functions.kinds import Kind
from syncline.functions.registry import wire_form

_PATH: Final = "_system/cli/modules:apiSpec"
_TYPES: Final = {Kind.QUERY: "Query", Kind.MUTATION: "Mutation", Kind.ACTION: "Action"}


def specification_query(definitions: Iterable[FunctionDefinition]) -> FunctionDefinition:
    """The query that describes these functions. One for each release: its answer is a constant of the release."""
    described = [_described(definition) for definition in sorted(definitions, key=lambda item: item.path)]

    @query(name="apiSpec", internal=True)
    def describe(ctx: QueryCtx, componentId: str | None = None) -> list[Any]:
        return described

    return define(describe, _PATH)


def _described(definition: FunctionDefinition) -> dict[str, Any]:
    arguments, result = definition.arguments.to_json_spec(), definition.result.to_json_spec()
    return {
        "identifier": wire_form(definition.path),
        "functionType": _TYPES[definition.kind],
        "visibility": {"kind": "internal" if definition.internal else "public"},
        "args": cast("Any", arguments),
        "returns": cast("Any", result),
    }
