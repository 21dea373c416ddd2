"""Saying what is wrong with a value: where, what was expected, what was there instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Literal, cast

from syncline.values import InvalidValueError

_SHOWN = 60

MismatchKind = Literal["value", "missing", "surplus"]


class Mismatch(Exception):
    """A value that does not fit its type. Travels up to the codec, which knows what the value belongs to.

    `path` leads from the outermost value to the one at fault: `.items[3].name`. `kind` tells a wrong value from a
    required field that is missing and from a field that the type does not have; `value` is the value at fault,
    or the object that misses the field or has one too many. `headline` is how Convex puts it, where that is special.
    """

    def __init__(
        self,
        expected: str,
        value: object,
        *,
        got: str = "",
        kind: MismatchKind = "value",
        name: str = "",
        headline: str = "",
    ) -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self.got = got or show(value)
        self.kind: MismatchKind = kind
        self.name = name
        self.headline = headline
        self.path = ""

    def within(self, step: str) -> Mismatch:
        """The same, seen from the container that holds the value at `step`."""
        self.path = step + self.path
        return self

    @classmethod
    def of_value(cls, error: InvalidValueError, value: object) -> Mismatch:
        """For what is not a value at all, such as a set or a string with half a surrogate pair."""
        mismatch = cls("a value", value, got=error.problem)
        mismatch.path = error.path
        return mismatch

    @classmethod
    def missing(cls, name: str, expected: str, holder: object) -> Mismatch:
        return cls(expected, holder, got="nothing", kind="missing", name=name)

    @classmethod
    def surplus(cls, name: str, known: Iterable[str], holder: Mapping[str, object]) -> Mismatch:
        """For a field that the type does not have."""
        expected = f"no field `{name}`{did_you_mean(name, known)}"
        return cls(expected, holder, got=show(holder[name]), kind="surplus", name=name)

    @property
    def full_path(self) -> str:
        """The path to the value at fault, or to the field that is missing or one too many."""
        return self.path if self.kind == "value" else f"{self.path}.{self.name}"

    def sentence(self, root: str) -> str:
        """`messages.likes`: expected int, got "five" (str)"""
        return f"`{root}{self.full_path}`: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of a stored document."""

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"`{self.path}`: expected {self.expected}, got {self.got}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A suggestion to append to an error text, or nothing: ` (did you mean `channel`?)`"""
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean `{close[0]}`?)" if close else ""


def show(value: object) -> str:
    """A value for an error text: short, and with its type where the value alone does not say it."""
    match value:
        case None:
            return "None"
        case bool():
            return str(value)
        case str():
            quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            return f"{_cut(quoted)} ({type(value).__name__})"
        case date():
            return f"{value.isoformat()} ({type(value).__name__})"
        case list() | tuple() | set() | frozenset():
            items = cast("list[object]", value)
            return f"{type(items).__name__} of {len(items)}"
        case dict():
            names = ", ".join(str(name) for name in cast("dict[object, object]", value))
            return f"dict with {_cut(names)}" if names else "an empty dict"
        case _:
            return f"{_cut(repr(value))} ({type(value).__name__})"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def item_step(position: int) -> str:
    return f"[{position}]"
