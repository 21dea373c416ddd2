"""Words: how text is cut for full-text search, what a search asks for, and how well a document fits."""

from .highlight import highlight
from .needles import Needle, parse_search
from .scoring import Weights, even_weights, score, weights_of_all, weights_of_found
from .words import words_of

__all__ = [
    "Needle",
    "Weights",
    "even_weights",
    "highlight",
    "parse_search",
    "score",
    "weights_of_all",
    "weights_of_found",
    "words_of",
]
