"""The document cache never answers with anything but the snapshot's own state."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.stores import SHAPE, TABLE, delete, document_id, index_key, put
from syncline.store import Commit, DocumentCache
from syncline.store.cache import Found


@dataclass(frozen=True)
class Write:
    changes: dict[int, bytes | None]


@dataclass(frozen=True)
class Follow:
    """Apply all commits made so far."""


@dataclass(frozen=True)
class Read:
    number: int
    age: int


@dataclass(frozen=True)
class Share:
    """Readers hand over what they found so far."""


Step = Write | Follow | Read | Share
NUMBERS = st.integers(0, 5)
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.builds(Write, st.dictionaries(NUMBERS, st.none() | st.binary(max_size=30))),
        st.builds(Follow),
        st.builds(Read, NUMBERS, st.integers(0, 4)),
        st.builds(Share),
    ),
    max_size=60,
)


@settings(max_examples=400)
@given(STEPS, st.sampled_from([600, 2_000, 100_000]))
def test_readers_and_a_late_follower_agree_with_the_history(steps: list[Step], size: int) -> None:
    history: list[dict[int, tuple[int, int, bytes]]] = [
        {}
    ]  # the state after each commit; timestamps are positions
    waiting: list[Commit] = []
    found: list[tuple[int, Found]] = []
    cache = DocumentCache(size)
    for step in steps:
        match step:
            case Write(changes):
                ts = len(history)
                state = dict(history[-1])
                for number, body in changes.items():
                    state.pop(number, None)
                    if body is not None:
                        state[number] = (ts, SHAPE, body)
                history.append(state)
                documents = [delete(n) if body is None else put(n, body) for n, body in changes.items()]
                waiting.append(Commit(ts, tuple(documents)))
            case Follow():
                cache.apply_all(waiting)
                waiting.clear()
            case Read(number, age):
                snapshot = max(0, len(history) - 1 - age)
                truth = history[snapshot].get(number)
                entry = cache.get(TABLE, document_id(number), snapshot)
                if entry is not None:
                    assert (None if entry[2] is None else entry) == truth
                rows = cache.rows(TABLE, [(index_key(b"k", number),)], snapshot)
                assert rows == [None] or rows == [truth and (index_key(b"k", number), *truth)]
                found.append((snapshot, (TABLE, document_id(number), truth)))
            case Share():
                for snapshot, item in found:
                    cache.learn([item], snapshot)
                found.clear()
        assert cache.size <= size


def test_what_was_written_is_found_without_reading_it() -> None:
    cache = DocumentCache(10_000)
    cache.apply(Commit(5, (put(1, b"one"), delete(2))))
    assert cache.get(TABLE, document_id(1), 5) == (5, SHAPE, b"one")
    assert cache.get(TABLE, document_id(2), 5) == (5, SHAPE, None)
    assert cache.get(TABLE, document_id(3), 5) is None
    assert cache.get(TABLE + 1, document_id(1), 5) is None


def test_an_unchanged_document_answers_for_older_snapshots_too() -> None:
    cache = DocumentCache(10_000)
    cache.apply(Commit(5, (put(1, b"one"),)))
    cache.apply(Commit(9, (put(2, b"two"),)))
    assert cache.get(TABLE, document_id(1), 7) == (5, SHAPE, b"one")
    assert cache.get(TABLE, document_id(2), 7) is None


def test_a_snapshot_ahead_of_the_cache_gets_no_answer_and_teaches_it_nothing() -> None:
    cache = DocumentCache(10_000)
    cache.apply(Commit(5, (put(1, b"old"),)))
    assert cache.get(TABLE, document_id(1), 6) is None
    cache.learn([(TABLE, document_id(1), (6, SHAPE, b"new"))], 6)
    assert cache.get(TABLE, document_id(1), 5) == (5, SHAPE, b"old")


def test_what_was_found_in_an_older_snapshot_counts_if_it_was_not_written_since() -> None:
    cache = DocumentCache(10_000, applied_ts=3)
    cache.apply(Commit(5, (put(1, b"new"),)))
    found: list[Found] = [
        (TABLE, document_id(1), (2, SHAPE, b"old")),
        (TABLE, document_id(2), (1, SHAPE, b"still")),
        (TABLE, document_id(3), None),
    ]
    cache.learn(found, 4)
    assert cache.get(TABLE, document_id(1), 5) == (5, SHAPE, b"new")
    assert cache.get(TABLE, document_id(2), 5) == (1, SHAPE, b"still")
    assert cache.get(TABLE, document_id(3), 5) == (4, 0, None)
    cache.clear(6)
    cache.learn(found, 4)
    assert cache.get(TABLE, document_id(2), 6) is None


@pytest.mark.parametrize("forgotten_by", ["others", "size"])
def test_an_older_find_is_not_believed_once_newer_writes_may_be_forgotten(forgotten_by: str) -> None:
    cache = DocumentCache(2_000, applied_ts=1)
    found: list[Found] = [(TABLE, document_id(1), (1, SHAPE, b"old"))]
    if forgotten_by == "size":
        cache.apply(Commit(2, (put(1, b"new" * 1_000),)))
    else:
        cache.apply(Commit(2, (put(1, b"new"),)))
        cache.apply(Commit(3, tuple(put(number) for number in range(2, 12))))
    assert cache.get(TABLE, document_id(1), cache.applied_ts) is None
    cache.learn(found, 1)
    assert cache.get(TABLE, document_id(1), cache.applied_ts) is None


def test_an_aged_state_does_not_come_back_when_its_successor_leaves() -> None:
    cache = DocumentCache(2_000)
    cache.apply(
        Commit(1, (put(1, b"first"), put(2), put(3), put(4)))
    )  # the first three are now the old generation
    cache.apply(Commit(2, (put(1, b"second"),)))
    cache.apply(Commit(3, (put(1, b"third" * 1_000),)))
    assert cache.get(TABLE, document_id(1), 3) is None


def test_documents_in_use_stay_and_others_leave_within_the_bound() -> None:
    cache = DocumentCache(20_000)
    cache.apply(Commit(1, (put(0, b"hot"),)))
    for number in range(1, 500):
        cache.apply(Commit(number + 1, (put(number, b"x" * 100),)))
        assert cache.get(TABLE, document_id(0), number + 1) == (1, SHAPE, b"hot")
        assert cache.size <= 20_000
    assert cache.get(TABLE, document_id(100), 500) is None
    assert cache.get(TABLE, document_id(499), 500) is not None


def test_a_document_larger_than_the_cache_is_not_kept_and_neither_is_its_past() -> None:
    cache = DocumentCache(2_000)
    cache.apply(Commit(1, (put(1, b"small"),)))
    cache.apply(Commit(2, (put(1, b"x" * 5_000),)))
    assert cache.get(TABLE, document_id(1), 2) is None
    assert cache.size == 0


def test_clearing_starts_from_a_given_commit() -> None:
    cache = DocumentCache(10_000)
    cache.apply(Commit(5, (put(1, b"one"),)))
    cache.clear(8)
    assert cache.size == 0
    assert cache.get(TABLE, document_id(1), 8) is None
    cache.learn([(TABLE, document_id(1), (7, SHAPE, b"seven"))], 8)
    assert cache.get(TABLE, document_id(1), 8) == (7, SHAPE, b"seven")
