"""What a search asks for: each of its words, the last one as the beginning of a word."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from .words import WORD_LENGTH, fold, is_cjk, spans_of

#: Of a search with more words the first ones and the last one count.
MOST_NEEDLES: Final = 16


class Needle(NamedTuple):
    """A word, or several characters in a row. With `prefix` the last of them is the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool = False


def parse_search(text: str) -> tuple[Needle, ...]:
    """The needles of a search, each once. The last word is a beginning unless something follows it: "new y" finds York."""
    folded = fold(text)
    spans = list(spans_of(folded))
    words = [folded[start:end][:WORD_LENGTH] for start, end in spans]
    if not words:
        return ()
    groups: list[list[str]] = [[words[0]]]
    for (before, after), word in zip(pairwise(spans), words[1:], strict=True):
        # Characters that stand beside each other, of a script without spaces, are looked for as they stand.
        if before[1] == after[0] and is_cjk(groups[-1][-1]) and is_cjk(word):
            groups[-1].append(word)
        else:
            groups.append([word])
    open_ended = spans[-1][1] == len(folded) and not is_cjk(words[-1])
    found = [Needle(tuple(group)) for group in groups]
    if open_ended:
        found[-1] = Needle(found[-1].words, prefix=True)
    distinct = list(dict.fromkeys(found))
    # The last word is the one being typed.
    return tuple(distinct if len(distinct) <= MOST_NEEDLES else [*distinct[: MOST_NEEDLES - 1], distinct[-1]])
