"""The nearest vectors in a transaction: as of its snapshot and with its own writes, the nearest first.

The index says which documents are nearest, and which it does not know as they are in the snapshot. Those are looked at
here, so that scores are exact, and none is returned that is not as the snapshot has it. Without an index (in
memory) that is all documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar, cast

from syncline.kernel.errors import ArgumentError
from syncline.schema import Document, VectorIndex
from syncline.values import decode_id

from .catalog import TableBinding
from .conditions import Condition, make_condition
from .derived import allows, narrow, unindexed
from .read_set import END, ReadRange
from .rules import TableRule
from .selection import Predicate
from .transaction import Transaction
from .vector_binding import VectorBinding, near, similarity

D = TypeVar("D", bound=Document)

#: Below any similarity.
_ALWAYS = -2.0


class Nearest(Generic[D]):
    """Documents whose vectors are nearest to one, the nearest first. Nothing is read before an end is called.

    Ends: `first`, `take`, `all`, `scored`, or iteration.
    """

    __slots__ = (
        "_binding",
        "_candidates",
        "_groups",
        "_limit",
        "_predicates",
        "_rule",
        "_table",
        "_transaction",
        "_vector",
    )

    def __init__(
        self,
        transaction: Transaction,
        table: TableBinding,
        rule: TableRule | None,
        binding: VectorBinding,
        vector: bytes,
        limit: int,
        fixed: tuple[Condition, ...],
        predicates: tuple[Predicate[D], ...],
        candidates: Iterable[Document] | None,
    ) -> None:
        """`candidates` are the documents that satisfy conditions which the index does not know; None: there are none."""
        self._transaction = transaction
        self._table = table
        self._binding = binding
        self._vector = vector
        self._limit = limit
        self._predicates = predicates
        self._candidates = candidates
        #: What is asked of a document's tokens (None: nothing can be found), and what of each document.
        self._groups, self._rule = narrow(binding, rule, fixed)

    # Building

    def filter(self, predicate: Predicate[D]) -> Nearest[D]:
        """Only documents for which `predicate` is true."""
        made = object.__new__(type(self))
        for name in Nearest.__slots__:
            setattr(made, name, getattr(self, name))
        made._predicates = (*self._predicates, predicate)
        return made

    # Ends

    def first(self) -> D | None:
        """The nearest document, or None."""
        found = self.take(1)
        return found[0] if found else None

    def take(self, count: int) -> list[D]:
        """The nearest `count` documents, or fewer: no more than the limit."""
        return [document for document, _score in self.scored(count)]

    def all(self) -> list[D]:
        """As many as the limit says, or fewer."""
        return self.take(self._limit)

    def __iter__(self) -> Iterator[D]:
        return iter(self.all())

    def scored(self, count: int | None = None) -> list[tuple[D, float]]:
        """Documents with the cosine of their vectors with the one given: 1 is the same direction."""
        wanted = self._limit if count is None else min(count, self._limit)
        if wanted < 1:
            raise ArgumentError(f"nearest in {self._table.name}: at least 1 must be asked for, got {wanted}")
        return [(document, score) for document, score in islice(self._found(wanted), wanted)]

    # Reading

    def _found(self, wanted: int) -> Iterator[tuple[D, float]]:
        if self._groups is None:
            return
        table, transaction = self._table, self._transaction
        if self._candidates is not None:
            yield from self._among(self._candidates)
            return
        size = wanted * (4 if self._predicates or self._rule else 1)
        most = transaction.limits.search_results
        done: set[bytes] = set()
        while True:
            size = min(size, most)
            ranked = self._ranked(size)
            seen = ranked[:size]
            # Whoever is at least as near as the last one looked at could take a place; with too few, everybody.
            least = seen[-1][0] if len(seen) == size else _ALWAYS
            ids = frozenset(id for _score, id in seen)
            test = near(self._vector, least, ids, self._groups)
            transaction.read_derived(ReadRange(self._binding.id, b"", b"", END, test))
            for score, id in seen:
                if id in done:
                    continue
                done.add(id)
                stored = transaction.get(table.number, id)
                if stored is None:
                    continue
                document = cast("D", table.load(*stored))
                if self._passes(document):
                    yield document, score
            if len(seen) < size or size == most:
                return
            size *= 4

    def _ranked(self, count: int) -> list[tuple[float, bytes]]:
        """Similarities and ids, the nearest first: at least `count`, if there are so many."""
        transaction, number = self._transaction, self._table.number
        assert self._groups is not None
        known = transaction.snapshot.nearest(self._binding.id, number, self._vector, count, self._groups)
        if known is None:
            rows = transaction.look_through(number, self._table.by_creation)
            return _in_order(self._scores(rows))
        fresh = unindexed(transaction, number, known.unknown)
        found = [(score, id) for id, score in known.nearest if id not in fresh]
        return _in_order([*found, *self._scores(self._peeked(fresh))])

    def _peeked(self, ids: Iterable[bytes]) -> Iterator[tuple[bytes, int, bytes]]:
        for id in ids:
            stored = self._transaction.peek(self._table.number, id)
            if stored is not None:
                yield id, *stored

    def _scores(self, rows: Iterable[tuple[bytes, int, bytes]]) -> Iterator[tuple[float, bytes]]:
        table = self._table
        assert self._groups is not None
        for id, shape, body in rows:
            tokens, vector = self._binding.cut(table.codec.decode_body(table.current(shape, body)))
            if vector and allows(self._groups, tokens):
                yield similarity(self._vector, vector), id

    def _among(self, candidates: Iterable[Document]) -> Iterator[tuple[D, float]]:
        """The nearest of documents that were found by other indexes; all of them were read."""
        codec = self._table.codec
        assert self._groups is not None
        found: list[tuple[float, bytes, D]] = []
        for document in candidates:
            tokens, vector = self._binding.cut(codec.to_fields(document))
            if vector and allows(self._groups, tokens) and self._passes(cast("D", document)):
                score = similarity(self._vector, vector)
                found.append((score, decode_id(document.id)[1], cast("D", document)))
        for score, _id, document in sorted(found, key=lambda item: (-item[0], item[1])):
            yield document, score

    def _passes(self, document: D) -> bool:
        if self._rule is not None and not self._rule.sees(document):
            return False
        return all(predicate(document) for predicate in self._predicates)


def _in_order(found: Iterable[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    return sorted(found, key=lambda item: (-item[0], item[1]))


def make_nearest(
    transaction: Transaction,
    table: TableBinding,
    rule: TableRule | None,
    index: VectorIndex,
    vector: Sequence[float],
    limit: int,
    filters: Mapping[str, object],
    predicates: tuple[Predicate[D], ...],
    candidates: Iterable[Document] | None,
) -> Nearest[D]:
    """The `limit` documents of `table` nearest to `vector`. Raises ArgumentError."""
    binding = next((item for item in table.vectors if item.index is index), None)
    if binding is None:
        known = ", ".join(item.index.name for item in table.vectors) or "none"
        raise ArgumentError(f"{index!r} is not a vector index of {table.name} (its vector indexes: {known})")
    if not 1 <= limit <= transaction.limits.nearest_results:
        raise ArgumentError(
            f"nearest in {table.name}: limit={limit}, but it must be 1 to {transaction.limits.nearest_results:,}"
        )
    fixed = tuple(make_condition(table, name, value) for name, value in filters.items())
    for condition in fixed:
        if condition.field not in index.filters or condition.kind == "range":
            known = ", ".join(index.filters) or "none"
            raise ArgumentError(
                f"{binding.label}: {condition.field} is no filter of the index ({known}), or is given as a range. "
                f"Write .where({condition.field}=...) before .nearest(...)"
            )
    return Nearest(
        transaction, table, rule, binding, binding.query_vector(vector), limit, fixed, predicates, candidates
    )
