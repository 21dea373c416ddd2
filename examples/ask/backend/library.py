"""Adding documents, and asking them."""

import re
from typing import TypedDict

from syncline import AppError, Id, MutationCtx, QueryCtx, blend, highlight, mutation, query

from .embedding import embed, words_that_matter
from .schema import Passage, Source

PASSAGE_LENGTH = 600
#: Vectors of hashed words that are less alike than this have nothing in common.
ALIKE = 0.12


class Answer(TypedDict):
    source: str
    place: int
    html: str


@mutation
def add(ctx: MutationCtx, name: str, text: str) -> Id[Source]:
    """Stores a document in passages of a few sentences each."""
    passages = split(text)
    if not passages:
        raise AppError({"code": "empty", "message": f"{name} holds no text"})
    source = ctx.db.insert(Source(name=name, passages=len(passages)))
    for place, passage in enumerate(passages):
        ctx.db.insert(Passage(source=source, place=place, text=passage, meaning=embed(passage)))
    return source


@mutation
def remove(ctx: MutationCtx, source: Id[Source]) -> None:
    """Removes a document with its passages."""
    for passage in ctx.db.query(Passage).where(source=source):
        ctx.db.delete(passage)
    ctx.db.delete(source)


@query(name="list")
def list_sources(ctx: QueryCtx) -> list[Source]:
    """The documents, the newest first."""
    return ctx.db.query(Source).order("desc").take(100)


@query
def ask(ctx: QueryCtx, question: str, limit: int = 5) -> list[Answer]:
    """The passages that answer best, by words and by meaning."""
    if not question.strip():
        return []
    words = " ".join(words_that_matter(question))
    passages = ctx.db.query(Passage)
    by_words = passages.search(Passage.words, words).take(30)
    near = passages.nearest(Passage.near, embed(question), limit=30).scored()
    by_meaning = [passage for passage, score in near if score > ALIKE]
    answers: list[Answer] = []
    for passage in blend(by_words, by_meaning, limit=limit):
        source = ctx.db.require(passage.source)
        html = highlight(passage.text, words)
        answers.append({"source": source.name, "place": passage.place + 1, "html": html})
    return answers


def split(text: str) -> list[str]:
    """Passages of whole sentences, about `PASSAGE_LENGTH` characters each."""
    passages: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        current = ""
        for sentence in re.split(r"(?<=[.!?])\s+", " ".join(paragraph.split())):
            if current and len(current) + len(sentence) > PASSAGE_LENGTH:
                passages.append(current)
                current = ""
            current = f"{current} {sentence}".strip()
        if current:
            passages.append(current)
    return passages
