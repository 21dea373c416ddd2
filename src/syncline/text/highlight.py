"""Showing where a text has the words of a search."""

from __future__ import annotations

from html import escape

from .needles import Needle, parse_search
from .words import WORD_LENGTH, fold, spans_of


def highlight(
    text: str, search: str, *, before: str = "<mark>", after: str = "</mark>", length: int | None = None
) -> str:
    """`text` as HTML, escaped, with the words of `search` between `before` and `after`.

    With `length`, only about so many characters around the first of them, with … where something was left out.
    """
    found = _found(text, parse_search(search))
    start, end = 0, len(text)
    if length is not None and len(text) > length:
        first = found[0][0] if found else 0
        start = max(0, min(first - length // 4, len(text) - length))
        if start:
            space = text.find(" ", start, first)
            start = space + 1 if space >= 0 else start
        end = min(len(text), start + length)
    parts = ["…"] if start else []
    at = start
    for left, right in found:
        if left < at or right > end:
            continue
        parts += [escape(text[at:left]), before, escape(text[left:right]), after]
        at = right
    parts.append(escape(text[at:end]))
    if end < len(text):
        parts.append("…")
    return "".join(parts)


def _found(text: str, needles: tuple[Needle, ...]) -> list[tuple[int, int]]:
    """Where the needles are in a text, in its own offsets."""
    folded, places = _folded_with_places(text)
    spans = list(spans_of(folded))
    words = [folded[start:end][:WORD_LENGTH] for start, end in spans]
    found: set[tuple[int, int]] = set()
    for needle in needles:
        size = len(needle.words)
        for at in range(len(words) - size + 1):
            *head, last = words[at : at + size]
            *wanted, end = needle.words
            if head == wanted and (last.startswith(end) if needle.prefix else last == end):
                found.add((places[spans[at][0]], places[spans[at + size - 1][1] - 1] + 1))
    return sorted(found)


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the place of the one that it came from."""
    folded = fold(text)
    if len(folded) == len(text):
        return folded, list(range(len(text)))
    pieces: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        piece = fold(character)
        pieces.append(piece)
        places += [place] * len(piece)
    return "".join(pieces), places
