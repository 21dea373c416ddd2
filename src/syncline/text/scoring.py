"""BM25: how well a document fits a search. The same formula, with the same constants, as SQLite's FTS5 uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

_K1: Final = 1.2
_B: Final = 0.75
#: The weight of words that are in more than half of the documents.
_COMMON: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of all documents of an index: how many there are, how many words they have on average, and in how many of them
    each needle is."""

    documents: int
    average_length: float
    frequencies: tuple[int, ...]


def score(counts: Sequence[int], length: int, statistics: Statistics) -> float:
    """The score of a document with `length` words, in which the needles are found `counts` times."""
    total = 0.0
    documents = statistics.documents
    dampening = _K1 * (1 - _B + _B * length / (statistics.average_length or 1.0))
    for count, frequency in zip(counts, statistics.frequencies, strict=True):
        if count:
            ratio = (documents - frequency + 0.5) / (frequency + 0.5)
            weight = log(ratio) if ratio > 1 else 0.0
            total += (weight if weight > 0 else _COMMON) * count * (_K1 + 1) / (count + dampening)
    return total
