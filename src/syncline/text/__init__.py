"""Words: how text is cut for full-text search, what a search asks for, and how well a document fits."""

from .highlight import highlight
from .needles import Needle, parse_search
from .scoring import Statistics, score
from .words import words_of

__all__ = ["Needle", "Statistics", "highlight", "parse_search", "score", "words_of"]
