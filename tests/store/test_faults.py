"""Disks that fill up or fail: the error is clear, nothing is half applied, and a store that cannot go on says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.powercut import Disk, Fault, disk, until_it_fails
from support.stores import TABLE, commit, delete, document_id, fill, open_store, put
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits
from syncline.store import Commit, Store, StoreBusyError, StoreFailedError, StoreFullError
from syncline.store.sqlite import open_connection


@pytest.fixture
def failing() -> Iterator[Disk]:
    with disk() as made:
        yield made


def open_on(failing: Disk, folder: Path) -> Store:
    return Store(folder / "syncline.db", clock=FakeClock(), limits=Limits(), vfs=failing.name)


def bodies(store: Store) -> dict[int, bytes]:
    reader = store.reader()
    reader.begin()
    found = {int.from_bytes(id, "big"): body for id, _, _, body in reader.scan(-TABLE, b"", None)}
    reader.close()
    return found


@pytest.mark.parametrize("after", range(1, 12))
def test_a_full_disk_applies_nothing_and_the_store_goes_on(failing: Disk, tmp_path: Path, after: int) -> None:
    with open_on(failing, tmp_path) as store:
        head = commit(store, *[put(number, b"old" * 1000) for number in range(8)])
        failing.fail(Fault.ENOSPC, after, lasting=True)
        refused = until_it_fails(
            lambda: commit(store, *[put(number, b"new" * 1000) for number in range(8)], delete(3)),
            StoreFullError,
        )
        failing.repair()
        if refused is not None:
            assert f"the disk that holds {tmp_path} is full: nothing of this write was applied" in str(
                refused
            )
            assert "Free some space, then try again" in str(refused)
            assert store.head == head
            assert bodies(store) == dict.fromkeys(range(8), b"old" * 1000)
            assert store.writer_reader().get(TABLE, document_id(3)) == (head, 1, b"old" * 1000)
            assert [found.ts for found in store.commits_after(0)] == [head]
        commit(store, put(9, b"later"))
        assert bodies(store)[9] == b"later"
    with open_store(tmp_path) as store:
        assert bodies(store)[9] == b"later"
        assert len(bodies(store)) == 9 if refused is not None else 8


def test_some_of_those_full_disks_did_refuse(failing: Disk, tmp_path: Path) -> None:
    with open_on(failing, tmp_path) as store:
        failing.fail(Fault.ENOSPC, 1, lasting=True)
        with pytest.raises(StoreFullError):
            commit(store, put(1))
        with pytest.raises(StoreFullError):
            store.add_table("notes")
        failing.repair()
        assert store.tables() == []
        assert store.add_table("notes").number == TABLE


@pytest.mark.parametrize("after", range(1, 12))
def test_after_an_io_error_the_store_refuses_all_writes(failing: Disk, tmp_path: Path, after: int) -> None:
    store = open_on(failing, tmp_path)
    head = commit(store, *[put(number, b"old" * 1000) for number in range(8)])
    failing.fail(Fault.EIO, after)  # once: a second attempt would work, and must not be made
    failed = until_it_fails(
        lambda: commit(store, *[put(number, b"new" * 1000) for number in range(8)]), StoreFailedError
    )
    if failed is not None:
        assert f"writing to {tmp_path / 'syncline.db'} failed (" in str(failed)
        assert "Nothing that was acknowledged is lost: look at the disk, then start again" in str(failed)
        assert store.head == head
        writes: list[Callable[[], object]] = [
            lambda: commit(store, put(9)),
            lambda: store.add_table("notes"),
            lambda: store.maintain(),
            lambda: store.append([Commit(head + 5)]),
        ]
        for write in writes:
            with pytest.raises(StoreFailedError, match="so nothing more is written"):
                write()
        # Reading goes on until the process is replaced.
        assert bodies(store) == dict.fromkeys(range(8), b"old" * 1000)
    store.close()
    with open_store(tmp_path) as store:
        assert bodies(store) in (
            dict.fromkeys(range(8), b"old" * 1000),
            dict.fromkeys(range(8), b"new" * 1000),
        )
        assert store.check() == []


@pytest.mark.parametrize("after", range(1, 6))
def test_an_io_error_in_a_checkpoint_ends_the_store_after_the_commit(
    failing: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr("syncline.store.checkpoints.PAGES", 1)
    with open_on(failing, tmp_path) as store:
        failing.fail(Fault.EIO, after, on="syncline.db")
        acknowledged = 0
        with pytest.raises(StoreFailedError):
            for number in range(1, 20):
                commit(store, put(number, b"x" * 5_000))
                acknowledged = number
        assert acknowledged > 0
        assert set(bodies(store)) == set(range(1, acknowledged + 1))
    with open_store(tmp_path) as store:
        assert set(bodies(store)) == set(range(1, acknowledged + 1))


def test_a_full_disk_in_a_checkpoint_is_no_error(
    failing: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_on(failing, tmp_path) as store:
        table = store.add_table("notes")
        for number in range(150):
            fill(store, table, [number], b"x" * 20_000)
        before = failing.files[str(tmp_path / "syncline.db")].flushed[:]
        failing.fail(Fault.ENOSPC, 1, lasting=True)
        assert store.maintain() is False
        assert failing.files[str(tmp_path / "syncline.db")].flushed == before
        failing.repair()
        assert store.maintain() is False
        assert len(failing.files[str(tmp_path / "syncline.db")].flushed) > len(before)
        assert len(bodies(store)) == 150


def test_upkeep_waits_for_room_on_the_disk(failing: Disk, tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "syncline.db"
    with Store(path, clock=clock, limits=Limits(commit_window_seconds=1.0), vfs=failing.name) as store:
        first = commit(store, put(1))
        commit(store, put(2))
        clock.advance(10.0)
        failing.fail(Fault.ENOSPC, 1, lasting=True)
        assert store.maintain() is False
        assert len(store.commits_after(0)) == 2
        failing.repair()
        store.maintain()
        assert [found.ts for found in store.commits_after(first)] == [store.head]


def test_a_file_locked_by_another_program_refuses_the_write_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.store.layout.BUSY_TIMEOUT_MS", 1)
    with open_store(tmp_path) as store:
        head = commit(store, put(1))
        other = open_connection(tmp_path / "syncline.db", None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError) as caught:
            commit(store, put(2))
        assert f"{tmp_path / 'syncline.db'} is locked by another program: nothing of this write" in str(
            caught.value
        )
        assert "Close the program that has the file open, then try again" in str(caught.value)
        assert store.head == head
        other.execute("ROLLBACK")
        other.close()
        commit(store, put(2))
        assert set(bodies(store)) == {1, 2}
