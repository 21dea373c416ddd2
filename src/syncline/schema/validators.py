"""Validators as text, the way Convex's own errors print them: `v.object({channel: v.string()})`."""

from __future__ import annotations

import json
from typing import cast

from syncline.values import Json

_NAMES = {
    "null": "v.null()",
    "number": "v.number()",
    "bigint": "v.int64()",
    "boolean": "v.boolean()",
    "string": "v.string()",
    "bytes": "v.bytes()",
    "any": "v.any()",
}


def validator_text(spec: Json) -> str:
    """The validator with this JSON as TypeScript code."""
    fields = cast("dict[str, Json]", spec)
    kind = cast("str", fields["type"])
    match kind:
        case "id":
            return f"v.id({json.dumps(fields['tableName'])})"
        case "literal":
            return f"v.literal({_literal(fields['value'])})"
        case "array":
            return f"v.array({validator_text(fields['value'])})"
        case "union":
            members = cast("list[Json]", fields["value"])
            return f"v.union({', '.join(map(validator_text, members))})"
        case "record":
            values = cast("dict[str, Json]", fields["values"])
            return f"v.record({validator_text(fields['keys'])}, {validator_text(values['fieldType'])})"
        case "object":
            entries = cast("dict[str, dict[str, Json]]", fields["value"])
            return (
                "v.object({" + ", ".join(f"{name}: {_field(entry)}" for name, entry in entries.items()) + "})"
            )
        case _:
            return _NAMES[kind]


def _field(entry: dict[str, Json]) -> str:
    text = validator_text(entry["fieldType"])
    return f"v.optional({text})" if entry["optional"] else text


def _literal(value: Json) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)
