"""Cutting text into words: any script, without case and accents.

Chinese, Japanese and Korean are written without spaces between words, or with endings joined to them, so each of their
characters is a word; a search for several of them in a row is a search for that row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

#: Longer words are cut: nobody types them, and they would make the index large.
WORD_LENGTH: Final = 64

#: Han with its extensions, Hiragana, Katakana (also half width, before normalising) and Hangul.
_CJK: Final = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_has_cjk: Final = re.compile(f"[{_CJK}]").search
_plain_words: Final = re.compile(r"[^\W_]+").finditer
_mixed_words: Final = re.compile(f"[{_CJK}]|(?:(?![{_CJK}])[^\\W_])+").finditer
_ascii_words: Final = re.compile(r"[a-z0-9]+").findall
_without_marks: Final = re.compile(r"[\u0300-\u036f]+").sub


def fold(text: str) -> str:
    """Text as words are compared: without case, accents and the width of characters."""
    if text.isascii():
        return text.lower()
    # Decomposed to lose the accents, then composed again: Hangul and Kana would stay in pieces.
    return unicodedata.normalize("NFC", _without_marks("", unicodedata.normalize("NFKD", text.casefold())))


def words_of(text: str) -> list[str]:
    """The words of a text, in their order."""
    folded = fold(text)
    if folded.isascii():
        found: list[str] = _ascii_words(folded)
        return found if len(text) <= WORD_LENGTH else [word[:WORD_LENGTH] for word in found]
    return [folded[start:end][:WORD_LENGTH] for start, end in spans_of(folded)]


def spans_of(folded: str) -> Iterator[tuple[int, int]]:
    """Where the words of a folded text are."""
    find = _mixed_words if _has_cjk(folded) else _plain_words
    for match in find(folded):
        yield match.span()


def is_cjk(word: str) -> bool:
    """Whether a word is one character of a script without spaces."""
    return _has_cjk(word) is not None
