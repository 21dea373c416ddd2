"""A dashboard over a million rows that is right after each write: totals of 20 teams, and a month of one of them.

In this process, on a store with full durability: a transaction that inserts a row, then the transactions of the
dashboard. The aggregates are built over the rows, so the time that takes is measured, too.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.report import Budget, Figure, Report, number
from bench.settings import Settings
from syncline.database import (
    CachedSnapshot,
    Catalog,
    CreationClock,
    DatabaseReader,
    DatabaseWriter,
    KeyCache,
    Transaction,
    WriteSet,
    activate,
)
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.limits import Limits
from syncline.schema import Aggregate, Document, Index, between, table_of
from syncline.store import Commit, Store

ROWS = 1_000_000
TEAMS = 20
DAYS = 1_000
BATCH = 5_000
WRITES = 300


class Sale(Document, table="sales"):
    amount: int
    team: str
    day: int

    by_team = Aggregate("amount", by=("team", "day"))


class PlainSale(Document, table="sales"):
    """The same table before it had the aggregate; with an index, so that what is added is the aggregate."""

    amount: int
    team: str
    day: int

    by_team = Index("team", "day", "amount")


class Bench:
    """A store, and transactions on it as the lane and the readers make them."""

    def __init__(self, folder: Path, cls: type[Document]) -> None:
        self._clock = SystemClock()
        self._store = Store.open(folder, clock=self._clock)
        began = time.perf_counter()
        self._catalog: Catalog = activate(self._store, [table_of(cls)])
        self.activated = time.perf_counter() - began
        self._keys = KeyCache(applied_ts=self._store.head)
        self._created, self._entropy = CreationClock(), SystemEntropy()
        self._reader = self._store.reader()

    def close(self) -> None:
        self._reader.close()
        self._store.close()

    def write(self, documents: Sequence[Document]) -> None:
        """One mutation."""
        reader = self._store.writer_reader()
        writes = WriteSet()
        mark = writes.mark()
        transaction = Transaction(
            CachedSnapshot(reader, self._keys, reader.begin()),
            Limits(),
            now_us=self._clock.wall_ns() // 1000,
            writes=writes,
            entropy=self._entropy,
            created=self._created,
        )
        DatabaseWriter(transaction, self._catalog).insert_many(documents)
        commit = Commit(self._store.next_ts(), *writes.writes_since(mark))
        self._store.append([commit])
        self._keys.apply_all([commit])

    def read(self, ask: Callable[[DatabaseReader], object]) -> object:
        """One query."""
        snapshot = CachedSnapshot(self._reader, self._keys, self._reader.begin())
        transaction = Transaction(snapshot, Limits(), now_us=0)
        try:
            found = ask(DatabaseReader(transaction, self._catalog))
            transaction.read_set()
            return found
        finally:
            self._reader.end()


def _totals(db: DatabaseReader) -> object:
    return [(group.key, group.count, group.sum, group.avg, group.max) for group in db.groups(Sale.by_team)]


def _month(db: DatabaseReader) -> object:
    return db.sum(Sale.by_team, team="team 3", day=between(500, 529))


def _years(db: DatabaseReader) -> object:
    return db.sum(Sale.by_team, team="team 3", day=between(10, 980))


def aggregates(settings: Settings, report: Report) -> None:
    """The dashboard, what a write costs, and how long the aggregates take to build."""
    report.begin(f"aggregates: {ROWS:,} rows, {TEAMS} teams, {DAYS:,} days")
    folder = settings.new_data()
    chance = random.Random(0)
    plain = Bench(folder, PlainSale)
    for _ in range(ROWS // BATCH):
        plain.write([_sale(PlainSale, chance) for _ in range(BATCH)])
    without = _times(lambda: plain.write([_sale(PlainSale, chance)]))
    plain.close()
    bench = Bench(folder, Sale)
    try:
        reads: dict[str, list[float]] = {"teams": [], "month": [], "years": []}
        writes: list[float] = []
        before = 0.0
        for _ in range(WRITES):
            writes += _times(lambda: bench.write([_sale(Sale, chance)]), 1)
            for name, ask in (("teams", _totals), ("month", _month), ("years", _years)):
                reads[name] += _times(partial(bench.read, ask), 1)
            after = _count(bench)
            assert after == before + 1 or not before, "the dashboard lags behind"
            before = after
    finally:
        bench.close()
    report.add("aggregates", Figure("built over all rows", bench.activated, "s"))
    for name, label in (
        ("teams", "20 groups"),
        ("month", "30 days of a group"),
        ("years", "970 days of a group"),
    ):
        report.add("aggregates", _figure(f"read {label}", reads[name], Budget(5_000)), {"us": reads[name]})
    report.add("aggregates", _figure("durable insert, without", without, None))
    report.add("aggregates", _figure("durable insert, with", writes, None))


def _count(bench: Bench) -> float:
    found = bench.read(lambda db: db.count(Sale.by_team))
    assert isinstance(found, int)
    return found


def _sale(cls: type[Sale] | type[PlainSale], chance: random.Random) -> Document:
    return cls(
        amount=chance.randrange(1_000), team=f"team {chance.randrange(TEAMS)}", day=chance.randrange(DAYS)
    )


def _times(run: Callable[[], object], count: int = WRITES) -> list[float]:
    """Microseconds of each run."""
    found: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        run()
        found.append((time.perf_counter() - began) * 1e6)
    return found


def _figure(name: str, times: list[float], budget: Budget | None) -> Figure:
    tail = statistics.quantiles(times, n=100)[98]
    return Figure(name, statistics.median(times), "us", budget, (f"p99 {number(tail)}",))
