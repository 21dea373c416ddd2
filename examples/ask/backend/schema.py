"""Documents in passages that can be found."""

from syncline import Document, Id, Index, SearchIndex, VectorIndex

from .embedding import DIMENSIONS


class Source(Document):
    name: str
    passages: int


class Passage(Document):
    source: Id[Source]
    place: int
    text: str
    meaning: list[float]

    by_source = Index("source", "place")
    words = SearchIndex("text")
    near = VectorIndex("meaning", dimensions=DIMENSIONS)
