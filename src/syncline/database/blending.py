"""Several rankings of documents as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from syncline.schema import Document, Id

D = TypeVar("D", bound=Document)

#: How little the first places count more than those behind them; the value of the paper that proposed it.
_FLATNESS = 60


def blend(*rankings: Iterable[D], limit: int = 10) -> list[D]:
    """The `limit` documents that stand best in several rankings, by reciprocal rank fusion.

    For a search by words and by meaning at once: `blend(words.take(50), near.take(50))`. What is in one ranking only takes
    part, too. Scores are not compared, so rankings of any kind go together.
    """
    scores: dict[Id[D], float] = {}
    documents: dict[Id[D], D] = {}
    for ranking in rankings:
        for place, document in enumerate(ranking, 1):
            documents.setdefault(document.id, document)
            scores[document.id] = scores.get(document.id, 0.0) + 1 / (_FLATNESS + place)
    best = sorted(scores, key=lambda id: (-scores[id], id))
    return [documents[id] for id in best[:limit]]
