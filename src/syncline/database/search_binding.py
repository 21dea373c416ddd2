"""A full-text index of a table: what it keeps of a document, and what of it a search looks for."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import cast

from syncline.schema import Access, Members, OwnedBy, SearchIndex, TableCodec, TableSpec
from syncline.text import Needle, words_of
from syncline.values import Value, encode_key_part

#: Around each filter token, and between tokens and words: no word contains them.
_MARK, _WORDS = "\x01", "\x02"


class SearchBinding:
    """A full-text index, with its number in the store.

    A document is kept as its words and as tokens, one for each value of each filter field. Fields that a rule narrows by
    are filters, too.
    """

    __slots__ = ("field", "filters", "id", "index", "label")

    def __init__(self, index_id: int, index: SearchIndex, spec: TableSpec) -> None:
        self.id = index_id
        self.index = index
        self.field = index.field
        self.filters = (
            *index.filters,
            *(name for name in _rule_fields(spec.access) if name not in index.filters),
        )
        self.label = f"{spec.name}.{index.name}"

    def __repr__(self) -> str:
        return f"<search index {self.label}>"

    def cut(self, fields: Mapping[str, Value]) -> tuple[list[str], list[str]]:
        """The filter tokens and the words of a document."""
        tokens: list[str] = []
        for name in self.filters:
            value = fields[name]
            if isinstance(value, list):
                tokens += [self.token(name, encode_key_part(item)) for item in value]
            else:
                tokens.append(self.token(name, encode_key_part(value)))
        return tokens, words_of(cast("str | None", fields[self.field]) or "")

    def key(self, fields: Mapping[str, Value]) -> bytes:
        """What a write to a document touches: compared with the terms of read sets."""
        tokens, words = self.cut(fields)
        return f"{''.join([_MARK + token + _MARK for token in tokens])}{_WORDS}{joined(words)}".encode()

    def token(self, field: str, part: bytes) -> str:
        """What stands for a value (as a part of an index key) of a filter field."""
        return f"{chr(97 + self.filters.index(field))}{blake2b(part, digest_size=8).hexdigest()}"

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


def token_term(token: str) -> bytes:
    """What to look for in the key of a write, for a filter."""
    return f"{_MARK}{token}{_MARK}".encode()


def expression_of(needle: Needle) -> str:
    """The needle for FTS5. Words and tokens hold nothing that its syntax knows."""
    return f'"{" ".join(needle.words)}"{" *" if needle.prefix else ""}'


def _rule_fields(access: Access | None) -> tuple[str, ...]:
    match access:
        case OwnedBy(owner):
            return (owner,)
        case Members(group=group) if group != "id":
            return (group,)
        case _:
            return ()
