"""What the store forgets, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.stores import commit, open_store, open_unflushed, put, request
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits
from syncline.store import LogTrimmedError, Store


def maintain(store: Store) -> None:
    while store.maintain():
        pass


def kept_requests(store: Store, session: bytes, numbers: range) -> list[int]:
    reader = store.writer_reader()
    return [number for number in numbers if reader.request(session, number) is not None]


def test_the_outcome_of_a_request_is_kept_with_its_commit(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        ts = commit(store, requests=[request(b"session", 7, b'"done"')])
    with open_store(tmp_path) as store:
        assert store.writer_reader().request(b"session", 7) == (ts, request(b"session", 7, b'"done"'))
        assert store.writer_reader().request(b"session", 8) is None
        assert store.writer_reader().request(b"other", 7) is None
        assert store.writer_reader().highest_request(b"session") == 7
        assert store.writer_reader().highest_request(b"other") == -1


def test_a_session_keeps_its_newest_outcomes_only() -> None:
    limits = Limits(session_requests_kept=100)
    with Store.memory(FakeClock(), limits) as store:
        for number in range(0, 1_000, 2):  # numbers of actions are in between
            commit(store, requests=[request(b"busy", number)])
        commit(store, requests=[request(b"quiet", 1)])
        kept = kept_requests(store, b"busy", range(1_000))
        assert 100 <= len(kept) <= 126
        maintain(store)
        assert kept_requests(store, b"busy", range(1_000)) == list(range(800, 1_000, 2))
        assert kept_requests(store, b"quiet", range(2)) == [1]


def test_old_outcomes_are_forgotten_by_maintenance() -> None:
    clock = FakeClock()
    with Store.memory(clock, Limits(session_requests_seconds=100.0)) as store:
        for session in range(100):
            commit(store, requests=[request(b"old%d" % session, 1)])
        clock.advance(99.0)
        commit(store, requests=[request(b"old0", 2), request(b"new", 1)])
        maintain(store)
        assert kept_requests(store, b"old1", range(3)) == [1]
        clock.advance(3_601.0)  # a sweep an hour
        commit(store, requests=[request(b"newer", 1)])
        maintain(store)
        assert kept_requests(store, b"old1", range(3)) == []
        assert kept_requests(store, b"old0", range(3)) == []
        assert kept_requests(store, b"newer", range(3)) == [1]


def test_the_log_keeps_a_window_of_bytes(tmp_path: Path) -> None:
    with open_unflushed(tmp_path, limits=Limits(commit_window_bytes=50_000)) as store:
        for number in range(200):
            commit(store, put(number % 10, b"x" * 1_000))
        maintain(store)
        with pytest.raises(LogTrimmedError) as caught:
            store.commits_after(0)
        kept = store.commits_after(caught.value.start)
        assert 40 <= len(kept) <= 50
        assert kept[-1].ts == store.head


def test_the_log_keeps_a_window_of_time_and_always_the_head(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_unflushed(tmp_path, clock=clock, limits=Limits(commit_window_seconds=60.0)) as store:
        old = [commit(store, put(number)) for number in range(200)]
        clock.advance(59.0)
        recent = [commit(store, put(number)) for number in range(3)]
        maintain(store)
        assert [found.ts for found in store.commits_after(0)] == old + recent
        clock.advance(2.0)
        maintain(store)
        assert [found.ts for found in store.commits_after(old[-1])] == recent
        with pytest.raises(LogTrimmedError):
            store.commits_after(old[-2])
        clock.advance(3_600.0)
        maintain(store)
        assert store.commits_after(recent[-1]) == []
    with Store.open(tmp_path, clock=FakeClock(0)) as store:
        assert store.head == recent[-1]
        assert [found.ts for found in store.commits_after(recent[-2])] == [recent[-1]]
        assert store.check() == []


def test_the_file_does_not_grow_with_the_number_of_commits(tmp_path: Path) -> None:
    with open_unflushed(tmp_path, limits=Limits(commit_window_bytes=50_000)) as store:
        sizes: list[int] = []
        for _ in range(4):
            for number in range(100):
                commit(store, put(number % 5, b"x" * 1_000))
            maintain(store)
            sizes.append((tmp_path / "syncline.db").stat().st_size)
        assert sizes[-1] == sizes[1] < 250_000
