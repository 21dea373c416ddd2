"""BM25: how well a document fits a search. The same formula, with the same constants, as SQLite's FTS5 uses.

How much a word counts depends on how many documents have it. Whoever must not see all documents must not learn of the
others from scores either, so there are three ways to weigh: by all documents of an index, by those that a search found
(where all of these may be seen), and without looking at documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from typing import Final, NamedTuple

_K1: Final = 1.2
_B: Final = 0.75
#: The weight of words that are in more than half of the documents.
_COMMON: Final = 1e-6
#: The length, in words, of a document that is neither long nor short, where documents are not looked at.
_USUAL_LENGTH: Final = 100.0


class Weights(NamedTuple):
    """How much each needle counts, and the length (in words) that a document usually has."""

    needles: tuple[float, ...]
    average_length: float


def weights_of_all(documents: int, words: int, frequencies: Iterable[int]) -> Weights:
    """By all documents of an index: how many there are, how many words are in them, and how many have each needle."""
    ratios = [(documents - frequency + 0.5) / (frequency + 0.5) for frequency in frequencies]
    needles = tuple(log(ratio) if ratio > 1 else _COMMON for ratio in ratios)
    return Weights(needles, words / documents if documents else 0.0)


def weights_of_found(documents: int, words: int, frequencies: Iterable[int]) -> Weights:
    """By the documents that a search found: each has one of the needles at least."""
    needles = tuple(log(1 + documents / frequency) if frequency else 0.0 for frequency in frequencies)
    return Weights(needles, words / documents if documents else 0.0)


def even_weights(needles: int) -> Weights:
    """By no documents."""
    return Weights((1.0,) * needles, _USUAL_LENGTH)


def score(counts: Sequence[int], length: int, weights: Weights) -> float:
    """The score of a document with `length` words, in which the needles are found `counts` times."""
    total = 0.0
    dampening = _K1 * (1 - _B + _B * length / (weights.average_length or 1.0))
    for count, weight in zip(counts, weights.needles, strict=True):
        if count:
            total += weight * count * (_K1 + 1) / (count + dampening)
    return total
