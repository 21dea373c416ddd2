"""The write-ahead log is emptied in time, and readers do not keep it growing for ever."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from support.stores import commit, open_unflushed, put
from syncline.store import Store


def wal_bytes(folder: Path) -> int:
    return (folder / "syncline.db-wal").stat().st_size


def write(store: Store, times: int) -> None:
    for number in range(times):
        commit(store, put(number % 20, b"x" * 3_000))


def test_the_log_starts_over_when_it_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncline.store.checkpoints.PAGES", 50)
    with open_unflushed(tmp_path) as store:
        write(store, 60)
        size = wal_bytes(tmp_path)
        write(store, 120)
        assert wal_bytes(tmp_path) == size < 70 * 4_200


def test_idle_moments_empty_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncline.store.checkpoints._IDLE_PAGES", 5)
    with open_unflushed(tmp_path) as store:
        write(store, 60)
        before = (tmp_path / "syncline.db").stat().st_size
        while store.maintain():
            pass
        assert (tmp_path / "syncline.db").stat().st_size > before
        size = wal_bytes(tmp_path)
        write(store, 40)
        assert wal_bytes(tmp_path) == size  # written over from the start


def test_a_long_snapshot_makes_the_log_grow_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.store.checkpoints.PAGES", 50)
    monkeypatch.setattr("syncline.store.checkpoints._PAGES_BEFORE_NEXT_TRY", 20)
    with open_unflushed(tmp_path) as store:
        write(store, 10)
        reader = store.reader()
        reader.begin()
        write(store, 200)
        grown = wal_bytes(tmp_path)
        assert grown > 200 * 4_096
        reader.end()
        write(store, 100)
        assert wal_bytes(tmp_path) < grown * 1.3  # the next try, then over again from the start


def test_readers_without_a_pause_do_not_keep_the_log_growing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.store.checkpoints.PAGES", 50)
    monkeypatch.setattr("syncline.store.checkpoints.PAGES_TOO_MANY", 150)
    monkeypatch.setattr("syncline.store.checkpoints._PAGES_BEFORE_NEXT_TRY", 20)
    with open_unflushed(tmp_path) as store:
        write(store, 1)
        done = threading.Event()

        def read_without_a_pause() -> None:
            older, newer = store.reader(), store.reader()
            older.begin()
            while not done.is_set():
                newer.begin()  # one of the two always holds a snapshot
                older.end()
                older, newer = newer, older
            older.end()

        thread = threading.Thread(target=read_without_a_pause)
        thread.start()
        try:
            write(store, 1_000)
        finally:
            done.set()
            thread.join()
        assert wal_bytes(tmp_path) < 1_000 * 4_120
