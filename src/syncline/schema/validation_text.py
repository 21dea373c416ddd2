"""What does not fit, in the words of Convex's validators, which client tools know, and in ours."""

from __future__ import annotations

from typing import Final

from syncline.values import InvalidValueError, Json, encode_json

from .mismatch import Mismatch, show
from .validators import validator_text

#: Characters of a value that an error text shows.
_SHOWN: Final = 400


def validation_text(kind: str, mismatch: Mismatch, spec: Json) -> str:
    """A mismatch in the words of Convex's validators, which client tools know, then in ours."""
    match mismatch.kind:
        case "missing":
            first = (
                f"Object is missing the required field `{mismatch.name}`. "
                "Consider wrapping the field validator in `v.optional(...)` if this is expected."
            )
        case "surplus":
            first = f"Object contains extra field `{mismatch.name}` that is not in the validator."
        case "value":
            first = mismatch.headline or "Value does not match validator."
    label = "Value" if mismatch.kind == "value" else "Object"
    return (
        f"{kind}: {first}\nPath: {mismatch.path}\n{label}: {_shown(mismatch.value)}\n"
        f"Validator: {validator_text(spec)}\n{mismatch.sentence('$')}"
    )


def _shown(value: object) -> str:
    try:
        text = encode_json(value).decode()
    except InvalidValueError:
        text = show(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
