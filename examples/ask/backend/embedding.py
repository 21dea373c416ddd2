"""A vector for a text: its words and the parts of its words, hashed into few dimensions."""

import math
import re
from hashlib import blake2b

DIMENSIONS = 256
_STOP = frozenset(
    ("a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "how", "in", "is", "it", "of", "on", "or", "that",
     "the", "this", "to", "was", "what", "when", "where", "who")
)  # fmt: skip


def words_that_matter(text: str) -> list[str]:
    """The words of a text without those that are in every text."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in _STOP]


def embed(text: str) -> list[float]:
    """Texts with the same words, or with words that share parts, have vectors that point the same way."""
    vector = [0.0] * DIMENSIONS
    for word in words_that_matter(text):
        _add(vector, word, 1.0)
        padded = f"<{word}>"
        for start in range(len(padded) - 3):
            _add(vector, padded[start : start + 4], 0.4)
    length = math.hypot(*vector) or 1.0
    return [round(number / length, 5) for number in vector]


def _add(vector: list[float], feature: str, weight: float) -> None:
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=4).digest(), "big")
    # One bit decides the sign, so that features which share a place cancel out as often as they add up.
    vector[(digest >> 1) % DIMENSIONS] += weight if digest & 1 else -weight
