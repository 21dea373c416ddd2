"""Aggregates are what their documents say: a stateful model over writes, undone transactions and rebuilding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from support.databases import Database, Rollback
from syncline import Aggregate, Document, Id, Index, between, gt, gte, lt, owned_by
from syncline.database import DatabaseReader, ReadSet
from syncline.database.aggregate_building import find_wrong_aggregates
from syncline.kernel.identity import Identity
from syncline.schema import table_of
from syncline.values import Int64

Fields = dict[str, Any]


class Payment(Document):
    amount: int | None
    weight: float
    units: Int64
    team: str
    day: int
    user_id: str = "ann"

    by_user = Index("user_id")
    amounts = Aggregate("amount", by=("team", "day"))
    weights = Aggregate("weight", by=("day",))
    units_of = Aggregate("units", by=("user_id", "team"))
    days = Aggregate(by=("day", "team"))
    everything = Aggregate("weight")


class Note(Document):
    """The same under a rule."""

    rank: int
    folder: str
    user_id: str

    by_user = Index("user_id")
    mine = Aggregate("rank", by=("user_id", "folder"))
    all_folders = Aggregate("rank", by=("folder",))
    access = owned_by("user_id")


class Somebody:
    def __init__(self, subject: str | None) -> None:
        self.identity = None if subject is None else Identity(subject, "https://issuer.test")

    def predicate_context(self) -> object:
        return self


TEAMS, USERS, FOLDERS = ("red", "blue", "", "red\x00"), ("ann", "bob"), ("a", "b")
weights = st.sampled_from([0.1, 0.2, -0.3, 1e16, -1e16, 1.5, math.inf, -math.inf, math.nan]) | st.floats(
    -1e6, 1e6, allow_nan=False
).map(lambda number: number + 0.0)
payments = st.fixed_dictionaries(
    {
        "amount": st.none() | st.integers(-5, 5) | st.sampled_from([2**53, -(2**53)]),
        "weight": weights,
        "units": st.integers(-(2**40), 2**40).map(Int64),
        "team": st.sampled_from(TEAMS),
        "day": st.integers(-20, 40),
        "user_id": st.sampled_from(USERS),
    }
)
notes = st.fixed_dictionaries(
    {
        "rank": st.integers(-5, 5),
        "folder": st.sampled_from(FOLDERS),
        "user_id": st.sampled_from(USERS),
    }
)


def same(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return (math.isnan(left) and math.isnan(right)) or (left == right and type(left) is type(right))


def total(values: Iterable[Any]) -> Any:
    found = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in found):
        exact = sum(int(value) for value in found)
        return Int64(exact) if found and isinstance(found[0], Int64) else exact
    if any(not math.isfinite(value) for value in found):
        odd = {value for value in found if math.isinf(value)}
        return math.nan if len(odd) > 1 or any(math.isnan(value) for value in found) else odd.pop()
    return float(sum(map(Fraction, found), Fraction(0)))


def average(values: Iterable[Any]) -> float | None:
    found = [value for value in values if value is not None]
    if not found:
        return None
    if any(isinstance(value, float) and not math.isfinite(value) for value in found):
        return float(total(found))
    return float(sum(map(Fraction, found), Fraction(0)) / len(found))


def rank_of(value: float) -> tuple[bool, float]:
    """Not a number is above all numbers."""
    return math.isnan(value), 0.0 if math.isnan(value) else value


class AggregatesMachine(RuleBasedStateMachine):
    @initialize(bits=st.sampled_from([1, 2, 6]))
    def open(self, bits: int) -> None:
        # With 64 groups in a run a test would hardly ever see one.
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("syncline.database.aggregate_rows._BITS", bits)
        self.database = Database([table_of(Payment), table_of(Note)])
        self.payments: dict[str, Fields] = {}
        self.notes: dict[str, Fields] = {}

    def teardown(self) -> None:
        self.database.store.close()
        self.patch.undo()

    # Writing

    @rule(items=st.lists(payments, min_size=1, max_size=12), more=st.lists(notes, max_size=3))
    def insert(self, items: list[Fields], more: list[Fields]) -> None:
        with self.database.writing() as db:
            for fields in items:
                self.payments[db.insert(Payment(**fields))] = fields
            for fields in more:
                self.notes[db.insert(Note(**fields))] = fields

    @rule(data=st.data(), fields=payments)
    def change(self, data: st.DataObject, fields: Fields) -> None:
        if self.payments:
            id = data.draw(st.sampled_from(sorted(self.payments)))
            names = data.draw(st.sets(st.sampled_from(sorted(fields)), min_size=1))
            changed = {name: fields[name] for name in sorted(names)}
            with self.database.writing() as db:
                db.patch(Id[Payment](id), **changed)
            self.payments[id] = {**self.payments[id], **changed}

    @rule(data=st.data(), fields=payments)
    def replace(self, data: st.DataObject, fields: Fields) -> None:
        if self.payments:
            id = data.draw(st.sampled_from(sorted(self.payments)))
            with self.database.writing() as db:
                db.replace(Id[Payment](id), Payment(**fields))
            self.payments[id] = fields

    @rule(data=st.data(), count=st.integers(1, 10))
    def delete(self, data: st.DataObject, count: int) -> None:
        with self.database.writing() as db:
            for _ in range(min(count, len(self.payments))):
                id = data.draw(st.sampled_from(sorted(self.payments)))
                db.delete(Id[Payment](id))
                del self.payments[id]

    @rule(items=st.lists(payments, min_size=1, max_size=5), data=st.data())
    def undo(self, items: list[Fields], data: st.DataObject) -> None:
        """A nested transaction that fails leaves the aggregates as they were, and sees its own while it runs."""
        with self.database.writing() as db:
            try:
                with self.database.transaction.nested():
                    for fields in items:
                        db.insert(Payment(**fields))
                    if self.payments:
                        db.delete(Id[Payment](data.draw(st.sampled_from(sorted(self.payments)))))
                    count = len(self.payments) + len(items) - bool(self.payments)
                    assert db.count(Payment.days) == count
                    raise Rollback
            except Rollback:
                pass
            assert db.count(Payment.days) == len(self.payments)

    # Reading

    def _compare(
        self,
        db: DatabaseReader,
        aggregate: Aggregate,
        accepts: Callable[[Fields], bool],
        **conditions: object,
    ) -> None:
        field = aggregate.field
        rows = [fields for fields in self.payments.values() if accepts(fields)]
        note = (aggregate, conditions)
        assert (db.count(aggregate, **conditions), note) == (len(rows), note)
        if field is None:
            return
        values = [fields[field] for fields in rows]
        numbers = sorted((value for value in values if value is not None), key=rank_of)
        assert same(float(db.sum(aggregate, **conditions)), float(total(values))), note
        assert same(db.avg(aggregate, **conditions), average(values)), note
        assert same(db.min(aggregate, **conditions), numbers[0] if numbers else None), note
        assert same(db.max(aggregate, **conditions), numbers[-1] if numbers else None), note

    @rule(team=st.sampled_from(TEAMS), low=st.integers(-20, 40), high=st.integers(-20, 40))
    def ask(self, team: str, low: int, high: int) -> None:
        with self.database.reading() as db:
            self._compare(db, Payment.amounts, lambda f: True)
            self._compare(db, Payment.amounts, lambda f: f["team"] == team, team=team)
            self._compare(
                db, Payment.amounts, lambda f: f["team"] == team and f["day"] == low, team=team, day=low
            )
            self._compare(
                db,
                Payment.amounts,
                lambda f: f["team"] == team and low <= f["day"] <= high,
                team=team,
                day=between(low, high),
            )
            self._compare(db, Payment.amounts, lambda f: f["team"] > team, team=gt(team))
            self._compare(db, Payment.weights, lambda f: f["day"] >= low, day=gte(low))
            self._compare(db, Payment.weights, lambda f: f["day"] < high, day=lt(high))
            self._compare(db, Payment.units_of, lambda f: f["user_id"] == "bob", user_id="bob")
            self._compare(db, Payment.days, lambda f: low <= f["day"] <= high, day=between(low, high))
            self._compare(db, Payment.everything, lambda f: True)

    @rule(team=st.sampled_from(TEAMS), low=st.integers(-20, 40))
    def groups(self, team: str, low: int) -> None:
        with self.database.reading() as db:
            found = db.groups(Payment.amounts, team=team, day=gte(low))
            rows = [f for f in self.payments.values() if f["team"] == team and f["day"] >= low]
            assert [group.key for group in found] == sorted({f["day"] for f in rows})
            for group in found:
                values = [f["amount"] for f in rows if f["day"] == group.key]
                numbers = sorted(value for value in values if value is not None)
                assert (group.count, group.sum) == (len(values), sum(numbers))
                assert (group.min, group.max) == ((numbers[0], numbers[-1]) if numbers else (None, None))
                assert group.avg == average(values)
            teams = {group.key: group.count for group in db.groups(Payment.amounts)}
            every = [f["team"] for f in self.payments.values()]
            assert teams == {name: every.count(name) for name in sorted(set(every))}

    @rule(who=st.sampled_from([*USERS, None]), folder=st.sampled_from(FOLDERS))
    def restricted(self, who: str | None, folder: str) -> None:
        """Callers count and add up their own rows, whatever the aggregate."""
        mine = [f for f in self.notes.values() if f["user_id"] == who]
        here = [f["rank"] for f in mine if f["folder"] == folder]
        with self.database.reading(caller=Somebody(who)) as db:
            assert db.count(Note.mine) == db.count(Note.all_folders) == len(mine)
            assert db.sum(Note.mine, folder=folder) == db.sum(Note.all_folders, folder=folder) == sum(here)
            assert db.max(Note.all_folders, folder=folder) == max(here, default=None)
            assert db.count(Note.mine, user_id="ann") == (len(mine) if who == "ann" else 0)
            expected = [(name, sum(f["folder"] == name for f in mine)) for name in FOLDERS]
            found = [(group.key, group.count) for group in db.groups(Note.all_folders)]
            assert found == [(name, count) for name, count in expected if count]
            assert [(group.key, group.count) for group in db.groups(Note.mine, user_id=who or "")] == found

    @rule(
        items=st.lists(payments, min_size=1, max_size=2),
        team=st.sampled_from(TEAMS),
        low=st.integers(-20, 40),
    )
    def stale(self, items: list[Fields], team: str, low: int) -> None:
        """If a number changes, a commit since touched the read set."""

        questions: list[Callable[[DatabaseReader], object]] = [
            lambda db: db.count(Payment.amounts, team=team),
            lambda db: db.sum(Payment.amounts, team=team, day=gte(low)),
            lambda db: db.min(Payment.units_of, user_id="ann"),
            lambda db: db.groups(Payment.amounts, team=team),
        ]

        def read(question: Callable[[DatabaseReader], object]) -> tuple[object, ReadSet]:
            with self.database.reading() as db:
                value = question(db)
            return value, self.database.read_set

        before = [read(question) for question in questions]
        seen = len(self.database.records)
        self.insert(items, [])
        for question, (value, read_set) in zip(questions, before, strict=True):
            if read(question)[0] != value:
                assert any(read_set.overlaps(record) for record in self.database.records[seen:])

    @invariant()
    def rows_are_those_that_would_be_built(self) -> None:
        if not hasattr(self, "database"):
            return
        reader = self.database.store.reader()
        reader.begin()
        try:
            assert find_wrong_aggregates(reader, self.database.catalog) == []
        finally:
            reader.close()


TestAggregates = AggregatesMachine.TestCase
TestAggregates.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
