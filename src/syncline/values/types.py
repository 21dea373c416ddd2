"""The values that documents, arguments and results are made of."""

from __future__ import annotations

from typing import Final, TypeAlias, final

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
#: A Python int outside this range has no exact JS number, so it is refused rather than rounded.
SAFE_INTEGER: Final = 2**53
#: Containers within containers that any value may have. Deeper JSON is refused before it is walked.
MAX_NESTING: Final = 64


class Int64(int):
    """A 64-bit integer: a JS `bigint`, written `{"$integer": ...}`. A plain Python int is a JS number instead.

    Equal to the Python int of the same value; arithmetic gives plain ints.
    Raises ValueError outside -2**63 .. 2**63 - 1.
    """

    __slots__ = ()

    def __new__(cls, value: int = 0) -> Int64:
        self = super().__new__(cls, value)
        if not INT64_MIN <= self <= INT64_MAX:
            raise ValueError(f"Int64 holds -2**63 to 2**63 - 1, got {int(self)}")
        return self

    def __repr__(self) -> str:
        return f"Int64({int(self)})"

    def __str__(self) -> str:
        return int.__repr__(self)


@final
class Undefined:
    """The value of a field that a document does not have. It exists in index keys only, below all others."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

#: What decoding gives. Encoding also takes an int within +-2**53 (as a float), tuples, mappings and bytearrays.
Value: TypeAlias = "bool | float | Int64 | str | bytes | list[Value] | dict[str, Value] | None"
#: A tree as a JSON parser gives it, before the `$` forms have been read.
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class InvalidValueError(ValueError):
    """A value, or its JSON, is not one of ours. `problem` says what is wrong and `path` where: `.tags[3]`."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def within(self, step: str) -> InvalidValueError:
        """The same problem, seen from the container that holds the value at `step` (`.name` or `[3]`)."""
        self.path = step + self.path
        return self

    @classmethod
    def too_nested(cls) -> InvalidValueError:
        return cls(f"Value is too nested (maximum nesting {MAX_NESTING})")

    def __str__(self) -> str:
        return f"{self.problem} (at {self.path})" if self.path else self.problem


def float_of(value: int) -> float:
    """A Python int as the JS number that stands for it. Raises InvalidValueError if there is none."""
    if -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return float(value)
    # Digits of a huge int take quadratic time (and Python refuses beyond 4300): say its size instead.
    what = f"the integer {value}" if value.bit_length() <= 128 else f"an integer of {value.bit_length()} bits"
    raise InvalidValueError(f"{what} is beyond 2**53 and would be rounded: use Int64 or float")


def step_to(name: object) -> str:
    """The step of a path into the field `name`."""
    return f".{name}" if isinstance(name, str) and name.isidentifier() else f"[{name!r}]"
