"""A full-text index of a table: what it keeps of a document, and what of it a search looks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from syncline.schema import SearchIndex, TableCodec
from syncline.text import Needle, words_of
from syncline.values import Value

from .derived import DerivedBinding, marked


class SearchBinding(DerivedBinding[SearchIndex]):
    """A full-text index. Of a document it keeps the words and the filter tokens."""

    __slots__ = ()

    def cut(self, fields: Mapping[str, Value]) -> tuple[list[str], list[str]]:
        """The filter tokens and the words of a document."""
        return self.tokens(fields), words_of(cast("str | None", fields[self.field]) or "")

    def key(self, fields: Mapping[str, Value]) -> bytes:
        """What a write to a document touches: compared with the terms of read sets."""
        tokens, words = self.cut(fields)
        return f"{marked(tokens)}{joined(words)}".encode()

    def definition(self, codec: TableCodec) -> dict[str, object]:
        """What the index is built anew for when it changes."""
        return {
            "search": self.field,
            "filters": list(self.filters),
            "default": repr(codec.spec.by_name[self.field].default),
        }


def joined(words: list[str]) -> str:
    """Words as they are kept: each between spaces of its own."""
    return f" {'  '.join(words)} " if words else ""


def count_of(needle: Needle, text: str) -> int:
    """How often a needle is in joined words."""
    return text.count(needle_text(needle))


def needle_text(needle: Needle) -> str:
    """What to look for in joined words."""
    return f" {'  '.join(needle.words)}{'' if needle.prefix else ' '}"


def needle_term(needle: Needle) -> bytes:
    """What to look for in the key of a write."""
    return needle_text(needle).encode()


def expression_of(needle: Needle) -> str:
    """The needle for FTS5. Words and tokens hold nothing that its syntax knows."""
    return f'"{" ".join(needle.words)}"{" *" if needle.prefix else ""}'
