"""What aggregates may say, what questions they refuse, and what makes them be built anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.databases import Database
from support.schemas import document_class
from syncline import Aggregate, Document, Index, between
from syncline.database import DatabaseReader, SystemWriter, find_wrong_aggregates
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import ArgumentError, LimitError, SetupError
from syncline.schema import table_of
from syncline.store import Store
from syncline.values import Int64


class Payment(Document):
    amount: int
    team: str
    day: int
    size: Int64 = Int64(0)

    by_team = Aggregate("amount", by=("team", "day"))
    counts = Aggregate(by=("team",))
    sizes = Aggregate("size")


def filled() -> Database:
    database = Database([table_of(Payment)])
    with database.writing() as db:
        for number in range(6):
            db.insert(Payment(amount=number, team="ab"[number % 2], day=number // 2))
    return database


def problems_of(database: Database) -> list[str]:
    reader = database.store.reader()
    reader.begin()
    try:
        return find_wrong_aggregates(reader, database.catalog)
    finally:
        reader.close()


def test_numbers_have_the_type_of_their_field() -> None:
    with filled().reading() as db:
        assert (db.sum(Payment.by_team), type(db.sum(Payment.by_team))) == (15, int)
        assert (db.min(Payment.by_team, team="b"), db.max(Payment.by_team, team="b")) == (1, 5)
        assert db.avg(Payment.by_team, team="a") == 2.0
        assert type(db.sum(Payment.sizes)) is Int64
        assert db.sum(Payment.by_team, team="none") == 0
        assert db.avg(Payment.by_team, team="none") is db.min(Payment.by_team, team="none") is None


def test_groups_are_in_the_order_of_their_values() -> None:
    with filled().reading() as db:
        assert [(group.key, group.sum) for group in db.groups(Payment.by_team)] == [("a", 6), ("b", 9)]
        days = db.groups(Payment.by_team, team="a", day=between(1, 2))
        assert [(group.key, group.count, group.max) for group in days] == [(1, 1, 2), (2, 1, 4)]
        assert [(group.key, group.sum) for group in db.groups(Payment.counts)] == [("a", 0), ("b", 0)]


def test_an_aggregate_is_an_index_too() -> None:
    with filled().reading() as db:
        found = db.query(Payment).index(Payment.by_team, team="b", day=between(0, 1))
        assert [payment.amount for payment in found] == [1, 3]


QUESTIONS: list[tuple[Callable[[DatabaseReader], object], str]] = [
    (
        lambda db: db.sum(Payment.by_team, day=1),
        "payments.by_team is kept by (team, day): fix its first fields by equality, then give at most one range",
    ),
    (
        lambda db: db.sum(Payment.by_team, amount=1),
        "payments.by_team is kept by (team, day), so it knows nothing of amount: declare an Aggregate with it in `by`",
    ),
    (lambda db: db.sum(Payment.by_team, tem="a"), "where: payments has no field tem. Did you mean team?"),
    (
        lambda db: db.avg(Payment.counts),
        "payments.counts has counts only: name the field to add up, Aggregate(\"field\", by=('team',))",
    ),
    (lambda db: db.groups(Payment.counts, team="a"), "groups: payments.counts has no groups within team"),
    (
        lambda db: db.count(Aggregate("x")),
        "Aggregate('x') is not an aggregate of a table of this application",
    ),
]


@pytest.mark.parametrize(("ask", "text"), QUESTIONS)
def test_questions_that_it_cannot_answer_are_refused(
    ask: Callable[[DatabaseReader], object], text: str
) -> None:
    with filled().reading() as db, pytest.raises(ArgumentError, match=re.escape(text)):
        ask(db)


@pytest.mark.parametrize(
    ("hints", "aggregate", "problem"),
    [
        ({"name": str}, Aggregate("name"), "Sample.made: name is str, which has no sum"),
        ({"many": list[int]}, Aggregate("many"), "Sample.made: many is list[int], which has no sum"),
        ({"name": str}, Aggregate("amount"), "Sample.made: Sample has no field `amount`"),
        ({"name": str}, Aggregate(), "Sample.made has no field"),
        ({"n": int}, Aggregate("n", by=("n",)), "Sample.made names a field twice"),
    ],
)
def test_an_aggregate_that_cannot_be_is_refused(
    hints: dict[str, Any], aggregate: Aggregate, problem: str
) -> None:
    with pytest.raises(SetupError, match=re.escape(problem)):
        _ = table_of(document_class(hints, members={"made": aggregate})).fields


def test_two_equal_aggregates_are_refused_but_an_index_may_have_their_fields() -> None:
    with pytest.raises(SetupError, match=r"Sample\.b is the same index as Sample\.a"):
        document_class({"n": int}, members={"a": Aggregate("n"), "b": Aggregate("n")})
    made = document_class(
        {"n": int}, members={"a": Aggregate(by=("n",)), "b": Aggregate("n"), "by_n": Index("n")}
    )
    database = Database([table_of(made)])
    with database.writing() as db:
        db.insert(made(n=3))
        assert (db.count(made.a, n=3), db.sum(made.b)) == (1, 3)
    assert problems_of(database) == []


def test_a_sum_beyond_64_bits_is_an_error_when_it_is_read() -> None:
    database = Database([table_of(Payment)])
    with database.writing() as db:
        for _ in range(2):
            db.insert(Payment(amount=0, team="a", day=0, size=Int64(2**62)))
    with (
        database.reading() as db,
        pytest.raises(LimitError, match=r"the sum of payments\.sizes is beyond 64 bits"),
    ):
        db.sum(Payment.sizes)


def test_many_inserts_of_one_mutation_stay_within_its_limits() -> None:
    database = Database([table_of(Payment)])
    with database.writing() as db:
        db.insert_many([Payment(amount=1, team="a", day=number) for number in range(3_000)])
    assert problems_of(database) == []
    with database.reading() as db:
        assert db.sum(Payment.by_team, team="a", day=between(10, 2_500)) == 2_491
        assert database.read_set is not None
    # A range of 2,491 groups is some runs and what is left at their ends.
    with database.reading() as db:
        db.sum(Payment.by_team, team="a", day=between(10, 2_500))
        read = db._transaction.documents_read  # pyright: ignore[reportPrivateUsage] - what it cost is the point
    assert read < 500


# Building


def sample(**members: Index) -> Any:
    """A class with these indexes, made on the spot."""
    return document_class({"amount": int, "team": str}, members=members)


def test_it_is_built_over_documents_that_are_there(tmp_path: Path) -> None:
    clock = FakeClock()
    plain = sample()
    with Store.open(tmp_path, clock=clock) as store:
        database = Database([table_of(plain)], store=store)
        with database.writing() as db:
            for number in range(500):
                db.insert(plain(amount=number, team=str(number % 100)))
    made = Aggregate("amount", by=("team",))
    cls = sample(made=made)
    with Store.open(tmp_path, clock=clock) as store:
        database = Database([table_of(cls)], store=store)
        with database.reading() as db:
            assert (db.sum(made), db.sum(made, team="7"), db.max(made)) == (124_750, 1_035, 499)
        assert problems_of(database) == []
        with database.writing() as db:
            db.insert(cls(amount=1, team="7"))
        assert problems_of(database) == []


def test_it_is_built_anew_when_it_was_gone_meanwhile(tmp_path: Path) -> None:
    """Documents that changed while the class did not have the aggregate are in it when it is back."""
    clock = FakeClock()
    for step, with_it in enumerate((True, False, True)):
        made = Aggregate("amount", by=("team",))
        cls = sample(made=made) if with_it else sample()
        with Store.open(tmp_path, clock=clock) as store:
            database = Database([table_of(cls)], store=store)
            database.clock.advance(step)  # Or new documents had the ids of old ones.
            assert problems_of(database) == []
            with database.writing() as db:
                for document in db.query(cls).all():
                    db.patch(document, amount=step)
                db.insert(cls(amount=step, team="a"))
            if with_it:
                with database.reading() as db:
                    assert db.sum(made, team="a") == step * (step + 1)
                assert problems_of(database) == []
            else:
                with database.reading() as db:
                    assert table_rows(db, database) == 0


def table_rows(db: DatabaseReader, database: Database) -> int:
    return db.query(database.catalog.by_name["_aggregates"].cls).count()


def test_rows_that_lag_behind_are_found_and_built_anew() -> None:
    database = filled()
    with database.writing():
        own = SystemWriter(database.transaction, database.catalog)
        for row in own.query(database.catalog.by_name["_aggregates"].cls).all():
            own.delete(row)
    assert problems_of(database) == [
        "aggregate payments.by_team: 9 of 9 rows are not what the documents say",
        "aggregate payments.counts: 3 of 3 rows are not what the documents say",
        "aggregate payments.sizes: 1 of 1 rows are not what the documents say",
    ]
    again = Database([table_of(Payment)], store=database.store)
    assert problems_of(again) == []
