"""What the compiled functions of types depend on beyond the types themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from syncline.values import Value

Encoder: TypeAlias = Callable[[object], Value]
Decoder: TypeAlias = Callable[[Value], object]


class TableNumbers:
    """The numbers that the store gave to the tables. Ids contain them."""

    __slots__ = ("_names", "_numbers")

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = dict(numbers)
        self._names = {number: name for name, number in self._numbers.items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableNumbers) and self._numbers == other._numbers

    def number(self, table: str) -> int | None:
        return self._numbers.get(table)

    def name(self, number: int) -> str | None:
        return self._names.get(number)

    def items(self) -> Iterator[tuple[str, int]]:
        return iter(self._numbers.items())


@dataclass(slots=True)
class Binding:
    """What compiled functions depend on beyond the type itself.

    `tables` None: ids are only checked to be ids. `trusted`: values come from our own encoders, so decoders convert
    and do not check. `stored`: encoders give what is written to the store (-0.0 becomes 0.0).
    """

    tables: TableNumbers | None = None
    trusted: bool = False
    stored: bool = False
    #: For results: makes plain values of the documents in a value of type Any.
    plain: Callable[[object], object] | None = None
    #: Functions of recursive types, while and after they are compiled.
    encoders: dict[int, Encoder] = field(default_factory=dict[int, Encoder])
    decoders: dict[int, Decoder] = field(default_factory=dict[int, Decoder])
