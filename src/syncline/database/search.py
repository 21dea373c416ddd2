"""Full-text search in a transaction: exact as of its snapshot and with its own writes, the best first.

The index may lag behind the snapshot or be ahead of it. It says which documents it does not know as they are in the
snapshot; those, and what the transaction has written, are looked at here and scored by the same formula. Without an
index (in memory, or while one is being made) that is all documents.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Generic, TypeVar, cast

from syncline.kernel.errors import ArgumentError, LimitError
from syncline.schema import Document, Page, PaginationOptions, SearchIndex
from syncline.text import Needle, Statistics, parse_search, score

from .catalog import TableBinding
from .conditions import Condition, make_condition
from .derived import allows, narrow, token_term, unindexed
from .pages import begin_page, make_page
from .read_set import END, ReadRange, Terms
from .rules import TableRule
from .search_binding import (
    SearchBinding,
    count_of,
    expression_of,
    joined,
    needle_term,
)
from .selection import Predicate
from .transaction import Transaction

D = TypeVar("D", bound=Document)

_pack = struct.Struct(">d").pack
#: Scores that differ by less are equal: the sums are made in different orders.
_DIGITS = 9


class Ranked:
    """The internal ids that fit a search, with their scores: the best first, ties by id."""

    def __init__(
        self,
        transaction: Transaction,
        table: TableBinding,
        binding: SearchBinding,
        needles: Sequence[Needle],
        groups: Sequence[Sequence[str]],
    ) -> None:
        self._transaction = transaction
        self._table = table
        self._binding = binding
        self._needles = needles
        self._groups = groups

    def best(self, count: int) -> list[tuple[float, bytes]]:
        """The best `count`, or all there are."""
        transaction, number = self._transaction, self._table.number
        text = transaction.snapshot.text()
        unknown = (
            None
            if text is None
            else text.changed_since_indexed(self._binding.id, number, transaction.snapshot.ts)
        )
        if text is None or unknown is None:
            return self._of_all(count)
        fresh = unindexed(transaction, number, unknown)
        found = [
            (value, id)
            for id, value in text.match(self._binding.id, self._expression(), count + len(fresh))
            if id not in fresh
        ]
        if fresh:
            documents, words = text.statistics(self._binding.id)
            frequencies = tuple(
                text.frequency(self._binding.id, f"words : {expression_of(needle)}")
                for needle in self._needles
            )
            statistics = Statistics(documents, words / documents if documents else 0.0, frequencies)
            for id in fresh:
                stored = transaction.peek(number, id)
                if stored is not None:
                    counts, length = self._look_at(*stored)
                    if any(counts):
                        found.append((score(counts, length, statistics), id))
        return _in_order(found, count)

    def description(self) -> bytes:
        """What is searched for."""
        return repr((self._needles, self._groups)).encode()

    def _of_all(self, count: int) -> list[tuple[float, bytes]]:
        """The same without an index."""
        table = self._table
        candidates: list[tuple[bytes, list[int], int]] = []
        frequencies = [0] * len(self._needles)
        documents = total = 0
        for id, shape, body in self._transaction.look_through(table.number, table.by_creation):
            tokens, words = self._binding.cut(table.codec.decode_body(table.current(shape, body)))
            text = joined(words)
            counts = [count_of(needle, text) for needle in self._needles]
            length = len(words) + len(tokens)
            documents += 1
            total += length
            for position, found in enumerate(counts):
                frequencies[position] += found > 0
            if any(counts) and allows(self._groups, tokens):
                candidates.append((id, counts, length))
        statistics = Statistics(documents, total / documents if documents else 0.0, tuple(frequencies))
        return _in_order(
            ((score(counts, length, statistics), id) for id, counts, length in candidates), count
        )

    def _look_at(self, shape: int, body: bytes) -> tuple[list[int], int]:
        """How often each needle is in a document, and how long that is; nothing if a filter excludes it."""
        table = self._table
        tokens, words = self._binding.cut(table.codec.decode_body(table.current(shape, body)))
        if not allows(self._groups, tokens):
            return [], 0
        text = joined(words)
        return [count_of(needle, text) for needle in self._needles], len(words) + len(tokens)

    def _expression(self) -> str:
        parts = [f"filters : ({' OR '.join(group)})" for group in self._groups]
        parts.append(f"words : ({' OR '.join(map(expression_of, self._needles))})")
        return " AND ".join(parts)


def _in_order(found: Iterable[tuple[float, bytes]], count: int) -> list[tuple[float, bytes]]:
    rounded = [(round(value, _DIGITS), id) for value, id in found]
    return sorted(rounded, key=lambda item: (-item[0], item[1]))[:count]


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
        groups, self._rule = narrow(binding, rule, fixed)
        self._ranked: Ranked | None = None
        if groups is not None and needles:
            self._ranked = Ranked(transaction, table, binding, needles, groups)
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
                if self._passes(document):
                    yield _position(value, id), document, value
            if len(best) < size or size == most:
                return
            size = min(most, size * 4)

    def _passes(self, document: D) -> bool:
        if not all(condition.holds(self._table, document) for condition in self._conditions):
            return False
        if self._rule is not None and not self._rule.sees(document):
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
