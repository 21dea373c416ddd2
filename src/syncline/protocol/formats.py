"""The formats in which HTTP clients can have their results."""

from __future__ import annotations

from enum import Enum

from syncline.kernel.errors import quoted
from syncline.values import to_clean_json, to_export_json

from .errors import ProtocolError

_ALIASES = {"convex_json": "convex_encoded_json", "convex_clean_json": "json"}


class ValueFormat(Enum):
    ENCODED = "convex_encoded_json"
    CLEAN = "json"
    EXPORT = "export_json"

    @classmethod
    def parse(cls, text: str) -> ValueFormat:
        """The format that a request names. Raises ProtocolError for any other text."""
        try:
            return cls(_ALIASES.get(text, text))
        except ValueError:
            known = ", ".join(f.value for f in cls)
            raise ProtocolError(
                f"There is no format {quoted(text)}; use one of {known}.", "BadFormat"
            ) from None

    def render(self, encoded: bytes) -> bytes:
        """Canonical JSON (a result, or an error's data) in this format."""
        match self:
            case ValueFormat.ENCODED:
                return encoded
            case ValueFormat.CLEAN:
                return to_clean_json(encoded)
            case ValueFormat.EXPORT:
                return to_export_json(encoded)
