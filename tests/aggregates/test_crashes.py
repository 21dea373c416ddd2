"""Aggregates after power cuts and kills: sums are those of the documents that are there, none more and none less."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.databases import Database
from support.powercut import Disk, Fault, Loss, disk
from syncline import Aggregate, Document, between
from syncline.database.aggregate_building import find_wrong_aggregates
from syncline.kernel.clock import FakeClock, SeededEntropy, SystemClock
from syncline.kernel.limits import Limits
from syncline.schema import table_of
from syncline.store import Store, StoreFailedError

TEAMS = ("red", "blue")


class Entry(Document, table="entries"):
    amount: int
    team: str
    day: int

    by_team = Aggregate("amount", by=("team", "day"))
    everything = Aggregate("amount")


def write_at_random(database: Database, chance: random.Random) -> None:
    """One mutation with a few inserts, changes and deletions."""
    with database.writing() as db:
        known = db.query(Entry).all()
        for document in chance.sample(known, min(len(known), 2)):
            if chance.random() < 0.4:
                db.delete(document)
            else:
                db.patch(document, amount=chance.randrange(1000), team=chance.choice(TEAMS))
        for _ in range(chance.randint(1, 3)):
            db.insert(
                Entry(amount=chance.randrange(1000), team=chance.choice(TEAMS), day=chance.randrange(20))
            )


def run(disk: Disk, folder: Path, seed: int, mutations: int) -> int:
    """Mutations until the power fails or all are acknowledged; the timestamp of the last acknowledged one."""
    chance = random.Random(seed)
    head = 0
    store: Store | None = None
    try:
        store = Store(folder / "syncline.db", clock=FakeClock(), limits=Limits(), vfs=disk.name)
        database = Database([table_of(Entry)], store=store)
        for _ in range(mutations):
            write_at_random(database, chance)
            head = store.head
    except StoreFailedError:
        pass
    finally:
        if store is not None:
            store.close()
    return head


def check(store: Store, number: int = 0) -> int:
    """Compare what aggregates say with a recount, before and after one more write; how many documents there are."""
    database = Database([table_of(Entry)], store=store)
    database.entropy = SeededEntropy(1000 + number)  # Ids that nobody has given yet.
    count = 0
    for _ in range(2):
        with database.reading() as db:
            entries = db.query(Entry).all()
            count = len(entries)
            assert db.count(Entry.everything) == count
            assert db.sum(Entry.everything) == sum(entry.amount for entry in entries)
            for team in TEAMS:
                assert db.sum(Entry.by_team, team=team, day=between(3, 12)) == sum(
                    entry.amount for entry in entries if entry.team == team and 3 <= entry.day <= 12
                )
        reader = store.reader()
        reader.begin()
        assert find_wrong_aggregates(reader, database.catalog) == []
        reader.close()
        write_at_random(database, random.Random(1))
    return count


@pytest.mark.parametrize("loss", Loss)
def test_sums_equal_a_recount_after_a_power_cut(
    loss: Loss, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.store.checkpoints.PAGES", 25)
    chance = random.Random(str(loss))
    for operation in sorted(chance.sample(range(5, 120), 5)):
        before, after = tmp_path / f"{operation}", tmp_path / f"{operation}-after"
        before.mkdir()
        after.mkdir()
        with disk() as failing:
            run(failing, before, operation, 0)  # The catalog is made on a healthy disk.
            failing.fail(Fault.POWER, operation)
            head = run(failing, before, operation, 15)
            failing.cut(after, loss, random.Random(operation))
        with Store(after / "syncline.db", clock=FakeClock(0), limits=Limits()) as store:
            assert store.check() == [] and store.head >= head
            check(store)


def test_sums_equal_a_recount_after_kills(tmp_path: Path) -> None:
    count = 0
    for seed in range(3):
        with subprocess.Popen(
            [sys.executable, __file__, str(tmp_path / "data"), str(seed)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as process:
            assert process.stdout is not None
            for _ in range(10 + 7 * seed):
                assert process.stdout.readline() == b"acknowledged\n"
            process.send_signal(signal.SIGKILL)
        with Store.open(tmp_path / "data", clock=SystemClock()) as store:
            found = check(store, seed)
        assert found != count
        count = found


def _write_for_ever(folder: Path, seed: int) -> None:
    """What the process does that is killed."""
    database = Database([table_of(Entry)], store=Store.open(folder, clock=SystemClock()))
    database.entropy = SeededEntropy(100 + seed)
    chance = random.Random(seed)
    while True:
        write_at_random(database, chance)
        print("acknowledged", flush=True)


if __name__ == "__main__":
    _write_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
