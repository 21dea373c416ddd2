"""The order of a full-text search: exact as of its snapshot and with its own writes, the best first.

The index may lag behind the snapshot or be ahead of it. It says which documents it does not know as they are in the
snapshot; those, and what the transaction has written, are looked at here and scored by the same formula. Without an
index (in memory, or while one is being made) that is all documents.

Scores, and the order, tell a caller nothing about documents that are hidden from him: under a rule words are not weighed
by what is in the whole index, see `Weighing`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from syncline.store import TextReader
from syncline.text import Needle, Weights, even_weights, score, weights_of_all, weights_of_found

from .catalog import TableBinding
from .derived import Narrowed, allows, unindexed
from .rules import TableRule
from .search_binding import SearchBinding, count_of, expression_of, joined
from .transaction import Transaction

#: Scores that differ by less are equal: the sums are made in different orders.
_DIGITS = 9


class Weighing(Enum):
    """Which documents say how much a word counts."""

    #: All of the index: nothing is hidden from the caller.
    ALL = "all"
    #: Those that are found: the index knows the rule, so all of them are the caller's to see.
    FOUND = "found"
    #: None: which of those that are found may be seen is not known before they are asked about one by one.
    NONE = "none"


def weighing_of(rule: TableRule | None, narrowed: Narrowed) -> Weighing:
    """How to weigh under the rule of a table."""
    if rule is None:
        return Weighing.ALL
    # Without the search's own filters: asking for one's own rows does not open the others'.
    open_to = rule.narrow(())
    if open_to is not None and open_to.field is None:
        return Weighing.ALL
    return Weighing.FOUND if narrowed.rule is None else Weighing.NONE


class _Candidate(NamedTuple):
    """A document that fits: how often it has each needle, and how many words."""

    id: bytes
    counts: Sequence[int]
    length: int


class Ranked:
    """The internal ids that fit a search, with their scores: the best first, ties by id."""

    def __init__(
        self,
        transaction: Transaction,
        table: TableBinding,
        binding: SearchBinding,
        needles: Sequence[Needle],
        groups: Sequence[Sequence[str]],
        weighing: Weighing,
    ) -> None:
        self._transaction = transaction
        self._table = table
        self._binding = binding
        self._needles = needles
        self._groups = groups
        self.weighing = weighing

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
        if self.weighing is Weighing.ALL:
            return self._by_index(text, fresh, count)
        return self._by_counts(text, fresh, count)

    def description(self) -> bytes:
        """What is searched for."""
        return repr((self._needles, self._groups)).encode()

    def _by_index(self, text: TextReader, fresh: dict[bytes, None], count: int) -> list[tuple[float, bytes]]:
        """As the index itself scores."""
        found = [
            (value, id)
            for id, value in text.match(self._binding.id, self._expression(), count + len(fresh))
            if id not in fresh
        ]
        if fresh:
            frequencies = [
                text.frequency(self._binding.id, f"words : {expression_of(needle)}")
                for needle in self._needles
            ]
            weights = weights_of_all(*text.statistics(self._binding.id), frequencies)
            found += [(score(each.counts, each.length, weights), each.id) for each in self._fitting(fresh)]
        return _in_order(found, count)

    def _by_counts(self, text: TextReader, fresh: dict[bytes, None], count: int) -> list[tuple[float, bytes]]:
        """By how often words are in what is found, and nothing else."""
        index = self._binding.id
        tokens = sum(map(len, self._groups))
        counted = text.counted(index, self._expression(), tokens, len(self._needles))
        alike = counted.alike(text.rows_of(index, fresh))
        own = list(self._fitting(fresh))
        # What is alike has one score, and there are far fewer kinds than documents.
        kinds = [(counts, length, len(rows)) for (counts, length), rows in alike.items()]
        kinds += [(tuple(each.counts), each.length, 1) for each in own]
        weights = self._weights(
            sum(number for _, _, number in kinds),
            sum(length * number for _, length, number in kinds),
            [
                sum(number for counts, _, number in kinds if counts[position])
                for position in range(len(self._needles))
            ],
        )
        by_score: defaultdict[float, list[int]] = defaultdict(list)
        for (counts, length), rows in alike.items():
            by_score[round(score(counts, length, weights), _DIGITS)] += rows
        found = [(score(each.counts, each.length, weights), each.id) for each in own]
        wanted = count
        for value in sorted(by_score, reverse=True):
            # Among equal scores those that were indexed first.
            rows = sorted(by_score[value])[:wanted]
            found += [(value, text.id_of(index, row)) for row in rows]
            wanted -= len(rows)
            if not wanted:
                break
        return _in_order(found, count)

    def _of_all(self, count: int) -> list[tuple[float, bytes]]:
        """The same without an index."""
        table = self._table
        candidates: list[_Candidate] = []
        frequencies = [0] * len(self._needles)
        documents = words = 0
        everything = self.weighing is Weighing.ALL
        for id, shape, body in self._transaction.look_through(table.number, table.by_creation):
            candidate, allowed = self._look_at(id, shape, body)
            fits = allowed and any(candidate.counts)
            if fits:
                candidates.append(candidate)
            if fits or everything:
                documents += 1
                words += candidate.length
                for position, found in enumerate(candidate.counts):
                    frequencies[position] += found > 0
        weights = self._weights(documents, words, frequencies)
        return _in_order(((score(each.counts, each.length, weights), each.id) for each in candidates), count)

    def _weights(self, documents: int, words: int, frequencies: Sequence[int]) -> Weights:
        match self.weighing:
            case Weighing.ALL:
                return weights_of_all(documents, words, frequencies)
            case Weighing.FOUND:
                return weights_of_found(documents, words, frequencies)
            case Weighing.NONE:
                return even_weights(len(self._needles))

    def _fitting(self, ids: Iterable[bytes]) -> Iterator[_Candidate]:
        """Those of some documents that fit, as the transaction sees them."""
        for id in ids:
            stored = self._transaction.peek(self._table.number, id)
            if stored is not None:
                candidate, allowed = self._look_at(id, *stored)
                if allowed and any(candidate.counts):
                    yield candidate

    def _look_at(self, id: bytes, shape: int, body: bytes) -> tuple[_Candidate, bool]:
        """How often each needle is in a document, and how long that is; and whether the filters let it pass."""
        table = self._table
        tokens, words = self._binding.cut(table.codec.decode_body(table.current(shape, body)))
        text = joined(words)
        counts = [count_of(needle, text) for needle in self._needles]
        return _Candidate(id, counts, len(words) + len(tokens)), allows(self._groups, tokens)

    def _expression(self) -> str:
        parts = [f"filters : ({' OR '.join(group)})" for group in self._groups]
        parts.append(f"words : ({' OR '.join(map(expression_of, self._needles))})")
        return " AND ".join(parts)


def _in_order(found: Iterable[tuple[float, bytes]], count: int) -> list[tuple[float, bytes]]:
    rounded = [(round(value, _DIGITS), id) for value, id in found]
    return sorted(rounded, key=lambda item: (-item[0], item[1]))[:count]
