"""Full-text search in a transaction: what is found, narrowed and read; see `ranking` for the order."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Generic, TypeVar, cast

from syncline.kernel.errors import ArgumentError, LimitError
from syncline.schema import Document, Page, PaginationOptions, SearchIndex
from syncline.text import Needle, parse_search

from .catalog import TableBinding
from .conditions import Condition, make_condition
from .derived import narrow, token_term
from .pages import begin_page, make_page
from .ranking import Ranked, Weighing, weighing_of
from .read_set import END, ReadRange, Terms
from .rules import TableRule
from .search_binding import SearchBinding, needle_term
from .selection import Predicate
from .transaction import Transaction

D = TypeVar("D", bound=Document)

_pack = struct.Struct(">d").pack


class Search(Generic[D]):
    """Documents that fit the words of a search, the best first. Nothing is read before an end is called.

    Ends: `first`, `unique`, `exists`, `take`, `all`, `count`, `scored`, `paginate`, or iteration.
    """

    __slots__ = (
        "_binding",
        "_conditions",
        "_fixed",
        "_predicates",
        "_ranked",
        "_rule",
        "_table",
        "_transaction",
    )

    def __init__(
        self,
        transaction: Transaction,
        table: TableBinding,
        rule: TableRule | None,
        binding: SearchBinding,
        needles: Sequence[Needle],
        fixed: tuple[Condition, ...],
        conditions: tuple[Condition, ...],
        predicates: tuple[Predicate[D], ...],
    ) -> None:
        """`fixed` are conditions on filters of the index, `conditions` all others."""
        self._transaction = transaction
        self._table = table
        self._binding = binding
        self._fixed = fixed
        self._conditions = conditions
        self._predicates = predicates
        narrowed = narrow(binding, rule, fixed)
        groups, self._rule = narrowed
        self._ranked: Ranked | None = None
        if groups is not None and needles:
            weighing = weighing_of(rule, narrowed)
            self._ranked = Ranked(transaction, table, binding, needles, groups, weighing)
            terms = (*(tuple(map(token_term, group)) for group in groups), tuple(map(needle_term, needles)))
            transaction.read_derived(ReadRange(binding.id, b"", b"", END, Terms(terms)))

    # Building

    def where(self, **conditions: object) -> Search[D]:
        """Only documents whose fields equal the values or lie in the bounds given. Fields that are filters of the
        index belong into `.search(...)`: the index then finds no others."""
        made = tuple(make_condition(self._table, name, value) for name, value in conditions.items())
        return self._with(conditions=(*self._conditions, *made))

    def filter(self, predicate: Predicate[D]) -> Search[D]:
        """Only documents for which `predicate` is true."""
        return self._with(predicates=(*self._predicates, predicate))

    def _with(
        self,
        conditions: tuple[Condition, ...] | None = None,
        predicates: tuple[Predicate[D], ...] | None = None,
    ) -> Search[D]:
        made = object.__new__(type(self))
        for name in Search.__slots__:
            setattr(made, name, getattr(self, name))
        made._conditions = self._conditions if conditions is None else conditions
        made._predicates = self._predicates if predicates is None else predicates
        return made

    # Ends

    def first(self) -> D | None:
        """The best document, or None."""
        found = self.take(1)
        return found[0] if found else None

    def unique(self) -> D | None:
        """The only document, or None; an error if there are more."""
        found = self.take(2)
        if len(found) > 1:
            raise LimitError(
                f"search in {self._table.name}: unique() found more than one document ({found[0].id}, {found[1].id}). "
                "Use first()"
            )
        return found[0] if found else None

    def exists(self) -> bool:
        """Whether there is any."""
        return bool(self.take(1))

    def take(self, count: int) -> list[D]:
        """The best `count` documents, or fewer."""
        return [document for document, _score in self.scored(count)]

    def scored(self, count: int) -> list[tuple[D, float]]:
        """The best `count` documents, or fewer, with their scores: higher is better, comparable within one search."""
        if count < 0:
            raise ArgumentError(f"search in {self._table.name}: the count must not be negative, got {count}")
        most = self._transaction.limits.search_results
        if count > most:
            raise LimitError(
                f"search results: {count:,} asked for, the limit is {most:,}. Take fewer, or paginate"
            )
        return [(document, value) for _position, document, value in islice(self._found(count), count)]

    def all(self) -> list[D]:
        """All documents. LimitError if they are more than a search looks at."""
        return list(self)

    def count(self) -> int:
        """How many there are, found and read."""
        return len(self.all())

    def __iter__(self) -> Iterator[D]:
        most = self._transaction.limits.search_results
        number = 0
        for number, (_position, document, _score) in enumerate(self._found(most + 1), 1):
            if number > most:
                raise LimitError(
                    f"search results: more than {most:,} documents fit. Use take(n), or narrow the search by filters"
                )
            yield document

    def paginate(self, options: PaginationOptions) -> Page[D]:
        """One page of the best documents, at most as many in all as a search looks at."""
        begin_page(self._transaction, options)
        most = self._transaction.limits.search_results

        def found(after: bytes, until: bytes | None) -> Iterator[tuple[bytes, D]]:
            for position, document, _score in islice(self._found(most), most):
                if position > after and (not until or position <= until):
                    yield position, document

        return make_page(self._transaction, options, self._description(), found)

    # Reading

    def _found(self, wanted: int) -> Iterator[tuple[bytes, D, float]]:
        """Documents with positions and scores, in order, read as consumed. At first so many are looked for."""
        ranked = self._ranked
        if ranked is None:
            return
        transaction, table = self._transaction, self._table
        most = transaction.limits.search_results + 1
        filtered = bool(self._conditions or self._predicates or self._rule)
        size = min(most, max(1, wanted) * (4 if filtered else 1))
        if ranked.weighing is not Weighing.ALL:
            size = most  # All that fits is counted in any case: once is enough.
        # What is hidden takes no place among those that are looked at.
        hidden = 0
        # Among equal scores the index picks as it likes, so what was seen is not always the beginning.
        seen: set[bytes] = set()
        while True:
            best = ranked.best(size)
            for value, id in best:
                if id in seen:
                    continue
                seen.add(id)
                stored = transaction.get(table.number, id)
                if stored is None:
                    continue
                document = cast("D", table.load(*stored))
                if self._rule is not None and not self._rule.sees(document):
                    hidden += 1
                elif self._passes(document):
                    yield _position(value, id), document, value
            if len(best) < size or size >= most + hidden:
                return
            size = min(most + hidden, size * 4)

    def _passes(self, document: D) -> bool:
        if not all(condition.holds(self._table, document) for condition in self._conditions):
            return False
        return all(predicate(document) for predicate in self._predicates)

    def _description(self) -> bytes:
        """What a cursor is bound to: the search and its conditions."""
        hasher = blake2b(self._binding.label.encode(), digest_size=16)
        if self._ranked is not None:
            hasher.update(self._ranked.description())
        for item in sorted(self._conditions, key=lambda item: item.field):
            hasher.update(f"\0{item.field}\0{item.kind}\0".encode() + item.start + b"\0" + (item.stop or b""))
        return hasher.digest()


def _position(value: float, id: bytes) -> bytes:
    """Where a document stands: a higher score comes before a lower one."""
    # The bits of a positive number grow with it.
    bits = int.from_bytes(_pack(value), "big")
    return (2**64 - 1 - bits).to_bytes(8, "big") + id


def make_search(
    transaction: Transaction,
    table: TableBinding,
    rule: TableRule | None,
    index: SearchIndex,
    text: str,
    filters: Mapping[str, object],
    conditions: tuple[Condition, ...],
    predicates: tuple[Predicate[D], ...],
) -> Search[D]:
    """A search of `table` for `text`. Raises ArgumentError."""
    binding = next((item for item in table.searches if item.index is index), None)
    if binding is None:
        known = ", ".join(item.index.name for item in table.searches) or "none"
        raise ArgumentError(f"{index!r} is not a search index of {table.name} (its search indexes: {known})")
    fixed = tuple(make_condition(table, name, value) for name, value in filters.items())
    for condition in fixed:
        if condition.field not in index.filters:
            known = ", ".join(index.filters) or "none"
            raise ArgumentError(
                f"{binding.label}: {condition.field} is not one of its filters ({known}). Add it to filters=, or use "
                ".where(...) for what the index need not know"
            )
        if condition.kind == "range":
            raise ArgumentError(
                f"{binding.label}: a filter is a value, not a range. Use .where({condition.field}=...) instead"
            )
    return Search(transaction, table, rule, binding, parse_search(text), fixed, conditions, predicates)
