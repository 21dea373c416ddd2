"""A vector index of a table: what it keeps of a document, and which writes can change who is nearest."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from operator import mul
from typing import NamedTuple, cast

from syncline.kernel.errors import ArgumentError, DocumentError
from syncline.schema import TableCodec, VectorIndex
from syncline.values import Value

from .derived import SEPARATOR, DerivedBinding, marked, token_term

_SEPARATOR = SEPARATOR.encode()
#: Similarities of 32 bit floats that differ by less are equal.
_ROUNDING = 1e-5


class VectorBinding(DerivedBinding[VectorIndex]):
    """A vector index. Of a document it keeps the vector, with length one, and the filter tokens."""

    __slots__ = ()

    def cut(self, fields: Mapping[str, Value]) -> tuple[list[str], bytes]:
        """The filter tokens and the vector of a document; b"" where it has none. Raises DocumentError."""
        vector = cast("list[float] | None", fields[self.field])
        if not vector:
            return self.tokens(fields), b""
        if len(vector) != self.index.dimensions:
            raise DocumentError(
                f"`{self.label}` is for vectors of {self.index.dimensions} numbers, and `{self.field}` has {len(vector)}"
            )
        return self.tokens(fields), unit(vector)

    def key(self, fields: Mapping[str, Value], internal_id: bytes) -> bytes:
        """What a write to a document touches."""
        tokens, vector = self.cut(fields)
        return marked(tokens).encode() + internal_id + vector

    def query_vector(self, vector: Sequence[float]) -> bytes:
        """What is searched for. Raises ArgumentError."""
        if len(vector) != self.index.dimensions:
            raise ArgumentError(
                f"{self.label} is for vectors of {self.index.dimensions} numbers, got one of {len(vector)}"
            )
        return unit(vector)

    def definition(self, codec: TableCodec) -> dict[str, object]:
        """What the index is built anew for when it changes."""
        return {
            "vector": self.field,
            "dimensions": self.index.dimensions,
            "filters": list(self.filters),
            "default": repr(codec.spec.by_name[self.field].default),
        }


class Near(NamedTuple):
    """The keys that can change who is nearest: of what was found, and of what is at least as near as the last of it."""

    vector: bytes
    least: float
    ids: frozenset[bytes]
    groups: tuple[tuple[bytes, ...], ...]

    def includes(self, key: bytes) -> bool:
        tokens, _, rest = key.partition(_SEPARATOR)
        if rest[:16] in self.ids:
            return True
        vector = rest[16:]
        if not vector or not all(any(term in tokens for term in group) for group in self.groups):
            return False
        return similarity(self.vector, vector) >= self.least - _ROUNDING


def near(vector: bytes, least: float, ids: frozenset[bytes], groups: Sequence[Sequence[str]]) -> Near:
    return Near(vector, least, ids, tuple(tuple(map(token_term, group)) for group in groups))


def unit(vector: Sequence[float]) -> bytes:
    """A vector with length one, as 32 bit floats. A vector of zeros is like no other, and stays as it is."""
    length = math.hypot(*vector) or 1.0
    return array("f", [number / length for number in vector]).tobytes()


def similarity(first: bytes, second: bytes) -> float:
    """The cosine of the angle between two vectors of length one: 1 for the same direction, -1 for opposite ones."""
    return float(sum(map(mul, array("f", first), array("f", second))))
