"""Power cuts: what was acknowledged is there afterwards, and a batch is there as a whole or not at all."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.powercut import Disk, Fault, Loss, disk
from support.stores import SHAPE, document_id, entry
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits
from syncline.store import Commit, DocumentWrite, EntryWrite, Store, StoreFailedError

TABLE = 10_001
LIMITS = Limits(commit_window_bytes=30_000)
State = dict[int, bytes]


@dataclass
class Outcome:
    acknowledged: State = field(default_factory=State)
    attempted: State = field(default_factory=State)  # with the batch whose outcome is unknown
    head: int = 0


@pytest.fixture(autouse=True)
def early_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few pages are enough, so that cuts also fall into checkpoints and restarts of the log."""
    monkeypatch.setattr("syncline.store.checkpoints.PAGES", 25)


def run(disk: Disk, folder: Path, seed: int, batches: int, *, durable: bool = True) -> Outcome:
    """Write random batches until the power fails or all are acknowledged."""
    chance = random.Random(seed)
    outcome = Outcome()
    store: Store | None = None
    try:
        store = Store(
            folder / "syncline.db", clock=FakeClock(), limits=LIMITS, durable=durable, vfs=disk.name
        )
        table = store.add_table("notes")
        for _ in range(batches):
            commits: list[Commit] = []
            outcome.attempted = dict(outcome.acknowledged)
            for _ in range(chance.randint(1, 4)):
                commits.append(_commit(store, table.by_creation, outcome.attempted, chance))
            store.append(commits)
            outcome.acknowledged, outcome.head = outcome.attempted, store.head
    except StoreFailedError:
        pass
    finally:
        if store is not None:
            store.close()
    return outcome


def _commit(store: Store, index: int, state: State, chance: random.Random) -> Commit:
    writes: list[DocumentWrite] = []
    entries: list[EntryWrite] = []
    for number in chance.sample(range(40), chance.randint(1, 5)):
        if number in state and chance.random() < 0.3:
            del state[number]
            writes.append(DocumentWrite(TABLE, document_id(number), None, SHAPE))
            entries.append(entry(index, b"", number, present=False))
        else:
            state[number] = chance.randbytes(chance.choice([10, 300, 3_000]))
            writes.append(DocumentWrite(TABLE, document_id(number), state[number], SHAPE))
            entries.append(entry(index, b"", number))
    return Commit(store.next_ts(), tuple(writes), tuple(entries))


def verify(folder: Path, outcome: Outcome) -> None:
    """Open what the cut left, on a healthy disk."""
    with Store(folder / "syncline.db", clock=FakeClock(0), limits=LIMITS) as store:
        assert store.check() == []
        reader = store.reader()
        assert reader.begin() == store.head >= outcome.head
        state = {int.from_bytes(id, "big"): body for id, _, _, body in reader.scan(-TABLE, b"", None)}
        assert state == (outcome.acknowledged if store.head == outcome.head else outcome.attempted)
        assert store.next_ts() > store.head
        store.append([Commit(store.next_ts(), (DocumentWrite(TABLE, document_id(99), b"after", SHAPE),))])


def cut_at(
    operation: int, seed: int, loss: Loss, tmp_path: Path, *, batches: int = 12, lying: bool = False
) -> Outcome:
    before, after = tmp_path / f"{operation}", tmp_path / f"{operation}-{loss.value}"
    before.mkdir(exist_ok=True)
    after.mkdir()
    with disk() as failing:
        # The tables are made on a healthy disk: before that there is nothing to lose.
        run(failing, before, seed, 0)
        failing.lying = lying
        failing.fail(Fault.POWER, operation)
        outcome = run(failing, before, seed, batches)
        failing.cut(after, loss, random.Random(seed))
    return outcome


@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("seed", range(6))
def test_nothing_acknowledged_is_lost(seed: int, loss: Loss, tmp_path: Path) -> None:
    chance = random.Random(f"{seed} {loss}")
    for operation in sorted(chance.sample(range(5, 260), 6)):
        outcome = cut_at(operation, seed, loss, tmp_path)
        verify(tmp_path / f"{operation}-{loss.value}", outcome)


@pytest.mark.long
@pytest.mark.parametrize("loss", Loss)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_acknowledged_is_lost_whatever_operation_the_power_fails_at(
    seed: int, loss: Loss, tmp_path: Path
) -> None:
    for operation in range(1, 420):
        outcome = cut_at(operation, seed, loss, tmp_path)
        verify(tmp_path / f"{operation}-{loss.value}", outcome)


def test_a_disk_that_lies_about_flushing_is_caught_by_these_tests(tmp_path: Path) -> None:
    caught = 0
    for operation in range(60, 240, 20):
        outcome = cut_at(operation, 1, Loss.NONE, tmp_path, lying=True)
        try:
            verify(tmp_path / f"{operation}-{Loss.NONE.value}", outcome)
        except Exception:
            caught += 1
    assert caught > 5
