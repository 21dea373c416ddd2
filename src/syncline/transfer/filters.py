"""Conditions of the command line: `author="Ada"`."""

from __future__ import annotations

from dataclasses import dataclass

from syncline.kernel.errors import SetupError, quoted
from syncline.values import Int64, InvalidValueError, Value, compare, decode_json


@dataclass(frozen=True, slots=True)
class Filter:
    """A field must have this value; a number is equal to an Int64 of the same value."""

    field: str
    value: Value

    def accepts(self, document: dict[str, Value]) -> bool:
        if self.field not in document:
            return False
        stored = document[self.field]
        if isinstance(stored, Int64) and type(self.value) is float:
            return int(stored) == self.value
        return compare(stored, self.value) == 0


def parse_filter(text: str) -> Filter:
    """The condition in `field=JSON`. Raises SetupError."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SetupError(
            f"--where {quoted(text)} is not of the form field=JSON",
            "write a field, = and a value in JSON: --where 'likes=3'",
        )
    try:
        return Filter(name, decode_json(value))
    except InvalidValueError as error:
        raise SetupError(
            f"the value in --where {quoted(text)} is not JSON: {error}",
            f"text needs double quotes inside the shell's single ones: --where '{name}=\"text\"'",
        ) from None
