"""The checkers find what they are for, and nothing in what is right."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.history import Append, History, Operation, Read, Status, Transaction
from support.serializability import check
from support.snapshots import check_snapshots


class Recorded:
    """A history by hand: transactions one after the other unless they say otherwise."""

    def __init__(self) -> None:
        self.history = History()
        self._time = 0.0

    def add(
        self,
        *operations: Operation,
        status: Status = Status.OK,
        at: tuple[float, float] | None = None,
        after: Sequence[Transaction] = (),
        ts: int | None = None,
    ) -> Transaction:
        number = len(self.history.transactions) + 1
        self._time += 2
        invoked, returned = at or (self._time, self._time + 1)
        return self.history.add(
            f"T{number}",
            operations,
            status,
            invoked=invoked,
            returned=None if status is Status.UNKNOWN else returned,
            after=[each.number for each in after],
            ts=ts,
        )

    def names(self) -> list[str]:
        return [anomaly.name for anomaly in check(self.history)]


#: A time at which everything overlaps, so that only data orders transactions.
TOGETHER = (0.0, 1000.0)


def read(key: str, *values: int) -> Read:
    return Read(key, values)


def test_a_serial_history_is_clean() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), Append("y", 1))
    recorded.add(read("x", 1), Append("x", 2), read("x", 1, 2))
    recorded.add(read("x", 1, 2), read("y", 1), read("z"))
    assert recorded.names() == []


def test_an_append_that_took_effect_twice_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1))
    recorded.add(read("x", 1, 1))
    assert recorded.names() == ["duplicate-append"]


def test_a_read_of_a_failed_transaction_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), status=Status.FAILED)
    recorded.add(read("x", 1))
    assert recorded.names() == ["G1a"]


def test_a_read_from_the_middle_of_a_transaction_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), Append("x", 2), at=TOGETHER)
    recorded.add(read("x", 1), at=TOGETHER)
    recorded.add(read("x", 1, 2))
    assert "G1b" in recorded.names()


def test_a_transaction_that_does_not_see_its_own_append_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1))
    recorded.add(Append("x", 2), read("x", 1))
    recorded.add(read("x", 1, 2))
    assert "internal" in recorded.names()


def test_a_state_that_changes_under_a_transaction_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), at=TOGETHER)
    recorded.add(read("x"), read("x", 1), at=TOGETHER)
    assert "internal" in recorded.names()


def test_reads_that_disagree_about_the_order_are_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), at=TOGETHER)
    recorded.add(Append("x", 2), at=TOGETHER)
    recorded.add(read("x", 1, 2), at=TOGETHER)
    recorded.add(read("x", 2), at=TOGETHER)
    assert "incompatible-order" in recorded.names()


def test_a_value_that_nobody_wrote_is_found() -> None:
    recorded = Recorded()
    recorded.add(read("x", 7))
    assert recorded.names() == ["nowhere"]


def test_a_lost_acknowledged_append_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1))
    recorded.add(Append("x", 2))
    recorded.add(read("x", 1))
    assert recorded.names() == ["lost-append"]


def test_a_dirty_write_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), Append("y", 1), at=TOGETHER)
    recorded.add(Append("x", 2), Append("y", 2), at=TOGETHER)
    recorded.add(read("x", 1, 2), at=TOGETHER)
    recorded.add(read("y", 2, 1), at=TOGETHER)
    assert recorded.names() == ["G0"]


def test_transactions_that_read_from_each_other_are_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), read("y", 1), at=TOGETHER)
    recorded.add(Append("y", 1), read("x", 1), at=TOGETHER)
    assert recorded.names() == ["G1c"]


def test_a_read_skew_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), Append("y", 1), at=TOGETHER)
    recorded.add(read("x", 1), read("y"), at=TOGETHER)
    recorded.add(read("y", 1), at=TOGETHER)
    assert recorded.names() == ["G-single"]


def test_a_write_skew_is_found() -> None:
    recorded = Recorded()
    recorded.add(read("x"), Append("y", 1), at=TOGETHER)
    recorded.add(read("y"), Append("x", 1), at=TOGETHER)
    recorded.add(read("x", 1), read("y", 1))
    assert recorded.names() == ["G2-item"]


def test_a_phantom_is_found() -> None:
    """Both found the range without the other's document: a range is a list in the order of creation."""
    recorded = Recorded()
    recorded.add(read("group:a"), Append("band:1", 1), at=TOGETHER)
    recorded.add(read("band:1"), Append("group:a", 2), Append("band:7", 2), at=TOGETHER)
    recorded.add(read("group:a", 2), read("band:1", 1))
    assert recorded.names() == ["G2-item"]


def test_a_stale_read_is_found_and_is_none_if_the_two_overlap() -> None:
    for overlapping in (False, True):
        recorded = Recorded()
        recorded.add(Append("x", 1), at=(1, 4))
        recorded.add(read("x"), at=(3, 6) if overlapping else (5, 6))
        recorded.add(read("x", 1), at=(7, 8))
        assert recorded.names() == ([] if overlapping else ["stale-read"])


def test_two_who_saw_each_others_future_are_found() -> None:
    recorded = Recorded()
    recorded.add(read("x", 1), at=(1, 2))
    recorded.add(Append("x", 1), at=(3, 4))
    assert recorded.names() == ["out-of-time"]


def test_a_client_that_is_taken_back_in_time_is_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), at=TOGETHER)
    newer = recorded.add(read("x", 1), at=TOGETHER)
    recorded.add(read("x"), at=TOGETHER, after=[newer])
    assert recorded.names() == ["session"]


def test_an_unanswered_append_may_have_happened_or_not_but_not_both() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), status=Status.UNKNOWN)
    recorded.add(Append("x", 2), status=Status.UNKNOWN)
    recorded.add(read("x", 2))
    assert recorded.names() == []
    recorded.add(read("x"))
    assert recorded.names() == ["stale-read"]


def test_two_queries_of_different_moments_in_one_transition_are_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), at=TOGETHER, ts=10)
    recorded.add(Append("y", 1), at=TOGETHER, ts=20)
    recorded.add(read("x"), read("y", 1), at=TOGETHER, ts=20)
    recorded.add(read("x", 1), at=TOGETHER)
    assert [anomaly.name for anomaly in check_snapshots(recorded.history)] == ["snapshot"]


def test_values_older_than_their_timestamp_are_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), at=TOGETHER, ts=10)
    recorded.add(read("x"), at=TOGETHER, ts=10)
    recorded.add(read("x", 1), at=TOGETHER)
    (anomaly,) = check_snapshots(recorded.history)
    assert str(anomaly) == (
        "snapshot: T1 stands at 11 or later, as T2 did not show 1 in x; but at 10 or earlier, as its answer says"
    )


def test_values_newer_than_their_timestamp_are_found() -> None:
    recorded = Recorded()
    recorded.add(Append("x", 1), at=TOGETHER, ts=10)
    recorded.add(read("x", 1), at=TOGETHER, ts=9)
    assert [anomaly.name for anomaly in check_snapshots(recorded.history)] == ["snapshot"]


def test_commits_without_a_timestamp_stand_where_everybody_saw_them() -> None:
    def seen_at(hidden: int, shown: int) -> list[str]:
        recorded = Recorded()
        recorded.add(Append("x", 1), Append("y", 1), status=Status.UNKNOWN)
        recorded.add(Append("x", 2), ts=30)
        recorded.add(read("x"), at=TOGETHER, ts=hidden)
        recorded.add(read("y", 1), at=TOGETHER, ts=shown)
        recorded.add(read("x", 1, 2), read("y", 1))
        return [anomaly.name for anomaly in check_snapshots(recorded.history)]

    assert seen_at(10, 20) == []
    assert "snapshot" in seen_at(20, 20)
    assert "snapshot" in seen_at(29, 40)  # It comes before the append at 30.


class Store:
    """A model of a store, run one step at a time, that can be wrong in one way."""

    def __init__(self, seed: int, fault: str) -> None:
        self._random = random.Random(seed)
        self._fault = fault
        self._states: list[dict[str, tuple[int, ...]]] = [{}]
        self._value = 0

    def record(self, count: int) -> History:
        """Transactions of four clients: each sees the newest state at some moment between its two times."""
        history = History()
        free = [0.0] * 4
        now = 0.0
        for number in range(count):
            client = self._random.randrange(4)
            now = max(now, free[client]) + self._random.random()
            invoked, returned = (
                now - self._random.random() * (now - free[client]),
                now + self._random.random(),
            )
            free[client] = returned
            operations, ts = self._run()
            history.add(f"T{number}", operations, invoked=invoked, returned=returned, ts=ts)
        final = [Read(key, self._states[-1].get(key, ())) for key in "wxyz"]
        history.add("end", final, invoked=now + 10, returned=now + 11, ts=len(self._states) - 1)
        return history

    def _run(self) -> tuple[list[Operation], int]:
        age = self._random.randint(0, 3) if self._random.random() < 0.2 else 0
        newest = len(self._states) - 1
        seen = (
            self._states[max(0, newest - age)]
            if self._fault in ("old snapshots", "skew")
            else self._states[-1]
        )
        written: dict[str, tuple[int, ...]] = {}
        operations: list[Operation] = []
        for _ in range(self._random.randint(1, 4)):
            key = self._random.choice("wxyz")
            if self._random.random() < 0.5:
                operations.append(Read(key, written.get(key, seen.get(key, ()))))
                continue
            if self._fault == "skew" and seen.get(key) != self._states[-1].get(key):
                continue  # The first committer wins, as under snapshot isolation.
            self._value += 1
            operations.append(Append(key, self._value))
            written[key] = (*written.get(key, seen.get(key, ())), self._value)
            if self._fault == "twice" and self._random.random() < 0.05:
                written[key] += (self._value,)
            if self._fault == "forgets" and self._random.random() < 0.05:
                del written[key]
        if not written:
            return operations, self._states.index(seen)
        self._states.append({**self._states[-1], **written})
        return operations, len(self._states) - 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_histories_of_a_right_store_are_clean(seed: int) -> None:
    history = Store(seed, "none").record(60)
    assert check(history) == []
    assert check_snapshots(history) == []


@pytest.mark.parametrize(
    ("fault", "checkers"),
    [
        ("old snapshots", [check]),
        ("skew", [check, check_snapshots]),
        ("twice", [check]),
        ("forgets", [check]),
    ],
)
def test_stores_with_a_fault_are_caught(
    fault: str, checkers: list[Callable[[History], list[object]]]
) -> None:
    for checker in checkers:
        caught = sum(bool(checker(Store(seed, fault).record(60))) for seed in range(20))
        assert caught >= 15, f"{checker.__name__} let {20 - caught} of 20 histories pass"
