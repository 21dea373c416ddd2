"""Indexes that are kept beside the documents: their numbers, and the tokens for what can be filtered by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from syncline.schema import Access, DerivedIndex, Members, OwnedBy, TableSpec
from syncline.values import Value, encode_key_part

if TYPE_CHECKING:
    from .conditions import Condition
    from .rules import TableRule
    from .transaction import Transaction

IndexT = TypeVar("IndexT", bound=DerivedIndex)

#: Around each filter token in a key, and behind the last of them.
MARK: Final = "\x01"
SEPARATOR: Final = "\x02"


class DerivedBinding(Generic[IndexT]):
    """A full-text or vector index, with its number in the store.

    Of a document it keeps tokens, one for each value of each filter field. Fields that a rule narrows by are filters, too.
    """

    __slots__ = ("field", "filters", "id", "index", "label")

    def __init__(self, index_id: int, index: IndexT, spec: TableSpec) -> None:
        self.id = index_id
        self.index = index
        self.field = index.field
        self.filters = (
            *index.filters,
            *(name for name in _rule_fields(spec.access) if name not in index.filters),
        )
        self.label = f"{spec.name}.{index.name}"

    def __repr__(self) -> str:
        return f"<{type(self.index).__name__} {self.label}>"

    def tokens(self, fields: Mapping[str, Value]) -> list[str]:
        """The filter tokens of a document."""
        tokens: list[str] = []
        for name in self.filters:
            value = fields[name]
            if isinstance(value, list):
                tokens += [self.token(name, encode_key_part(item)) for item in value]
            else:
                tokens.append(self.token(name, encode_key_part(value)))
        return tokens

    def token(self, field: str, part: bytes) -> str:
        """What stands for a value (as a part of an index key) of a filter field."""
        return f"{chr(97 + self.filters.index(field))}{blake2b(part, digest_size=8).hexdigest()}"

    def groups(self, conditions: Iterable[Condition]) -> list[tuple[str, ...]]:
        """What the values of filters ask of a document's tokens: one of each group."""
        return [(self.token(item.field, item.start),) for item in conditions]


class Narrowed(NamedTuple):
    """What an index is asked for, and what is left to ask about each row."""

    #: A document passes if it has a token of each group; None: no document passes.
    groups: list[tuple[str, ...]] | None
    rule: TableRule | None


def narrow(binding: DerivedBinding[Any], rule: TableRule | None, fixed: Sequence[Condition]) -> Narrowed:
    """The values of filters and, where the index knows its field, the rule of the table as groups of tokens."""
    groups = binding.groups(fixed)
    narrowing = None if rule is None else rule.narrow(fixed)
    if narrowing is None:
        return Narrowed(groups, rule)
    if narrowing.kind == "nothing":
        return Narrowed(None, rule)
    if narrowing.field is None:
        return Narrowed(groups, None)
    if narrowing.field not in binding.filters:
        return Narrowed(groups, rule)
    group = tuple([binding.token(narrowing.field, part) for part in narrowing.parts])
    return Narrowed([*groups, group] if group else None, None)


def unindexed(transaction: Transaction, table: int, unknown: Iterable[bytes]) -> dict[bytes, None]:
    """The documents of a table about which an index does not know what this transaction sees: it says which were changed
    besides its commit, and what the transaction has written comes to them."""
    fresh = dict.fromkeys(unknown)
    if transaction.writes is not None:
        fresh |= dict.fromkeys(id for number, id in transaction.writes.documents if number == table)
    return fresh


def marked(tokens: Iterable[str]) -> str:
    """Tokens at the beginning of a key."""
    return f"{''.join([MARK + token + MARK for token in tokens])}{SEPARATOR}"


def token_term(token: str) -> bytes:
    """What to look for in a key, for a filter."""
    return f"{MARK}{token}{MARK}".encode()


def allows(groups: Iterable[Iterable[str]], tokens: Iterable[str]) -> bool:
    """Whether a document with these tokens passes the filters."""
    return all(any(token in tokens for token in group) for group in groups)


def _rule_fields(access: Access | None) -> tuple[str, ...]:
    match access:
        case OwnedBy(owner):
            return (owner,)
        case Members(group=group) if group != "id":
            return (group,)
        case _:
            return ()
