"""What every commit log promises, whatever it is made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.stores import SHAPE, TABLE, document_id, put
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits
from syncline.store import Commit, CommitLog, DocumentWrite, EntryWrite, LogTrimmedError, RequestRecord, Store

START = 1_800_000_000_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture(params=["file", "memory", "encrypted"])
def log(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[CommitLog]:
    limits = Limits(commit_window_bytes=20_000)
    match request.param:
        case "file":
            store = Store.open(tmp_path / "data", clock=clock, limits=limits)
        case "encrypted":
            store = Store.open(tmp_path / "data", clock=clock, key=bytes(range(32)), limits=limits)
        case _:
            store = Store.memory(clock, limits)
    with store:
        yield store


def append(log: CommitLog, *bodies: bytes) -> list[int]:
    """One batch with a commit per body; returns the timestamps."""
    commits = [Commit(log.next_ts(), (put(number, body),)) for number, body in enumerate(bodies)]
    log.append(commits)
    return [commit.ts for commit in commits]


def test_an_empty_log_has_head_zero_and_no_commits(log: CommitLog) -> None:
    assert log.head == 0
    assert log.commits_after(0) == []


def test_commits_come_back_as_they_were_appended(log: CommitLog) -> None:
    first = Commit(
        log.next_ts(),
        (
            DocumentWrite(TABLE, document_id(1), b'{"a":1.0}', SHAPE),
            DocumentWrite(TABLE, document_id(2), None, SHAPE),
        ),
        (
            EntryWrite(7, b"key", True, (3,)),
            EntryWrite(7, b"kez", False, (3,)),
            EntryWrite(8, b"kept", None, ()),
        ),
        (
            RequestRecord(b"session", 3, "issuer|subject", b"null", b"[]"),
            RequestRecord(b"s", 0, None, b"1.0", b"[]"),
        ),
    )
    second = Commit(log.next_ts(), (put(3, b"\x00\xff any bytes"),))
    third = Commit(log.next_ts())
    log.append([first, second])
    log.append([third])
    assert log.commits_after(0) == [first, second, third]


def test_commits_after_a_timestamp_leave_out_all_up_to_it(log: CommitLog) -> None:
    ts = append(log, b"1", b"2", b"3") + append(log, b"4")
    for position, after in enumerate(ts):
        assert [commit.ts for commit in log.commits_after(after)] == ts[position + 1 :]
        assert [commit.ts for commit in log.commits_after(after - 1)] == ts[position:]


def test_the_head_is_the_newest_commit(log: CommitLog) -> None:
    first = append(log, b"1")
    assert log.head == first[-1]
    later = append(log, b"2", b"3")
    assert log.head == later[-1]


def test_an_empty_batch_changes_nothing(log: CommitLog) -> None:
    head = append(log, b"1")[-1]
    log.append([])
    assert log.head == head


def test_timestamps_follow_the_clock(log: CommitLog, clock: FakeClock) -> None:
    assert log.next_ts() == START
    clock.advance(1.0)
    assert log.next_ts() == START + 1_000_000_000


def test_timestamps_rise_while_the_clock_stands_still_or_goes_back(log: CommitLog, clock: FakeClock) -> None:
    given = [log.next_ts() for _ in range(3)]
    clock.jump(START - 3_600_000_000_000)
    given += [log.next_ts() for _ in range(3)]
    append(log, b"1")
    given.append(log.head)
    given.append(log.next_ts())
    assert given == sorted(set(given))


def test_timestamps_are_above_a_head_that_is_ahead_of_the_clock(log: CommitLog) -> None:
    ahead = START + 1_000_000_000_000
    log.append([Commit(ahead, (put(1),))])
    assert log.next_ts() == ahead + 1


@pytest.mark.parametrize("offset", [0, -1])
def test_a_commit_at_or_below_the_head_is_refused(log: CommitLog, offset: int) -> None:
    head = append(log, b"1")[-1]
    with pytest.raises(ValueError, match="timestamps must rise"):
        log.append([Commit(head + offset, (put(9),))])
    assert [commit.ts for commit in log.commits_after(0)] == [head]


def test_a_batch_out_of_order_is_refused_as_a_whole(log: CommitLog) -> None:
    later, earlier = log.next_ts() + 1, log.next_ts()
    with pytest.raises(ValueError, match="timestamps must rise"):
        log.append([Commit(later, (put(1),)), Commit(earlier, (put(2),))])
    assert log.head == 0
    assert log.commits_after(0) == []


def test_a_batch_that_cannot_be_stored_leaves_nothing_behind(log: CommitLog) -> None:
    head = append(log, b"1")[-1]
    good = Commit(log.next_ts(), (put(2),))
    broken = Commit(log.next_ts(), (DocumentWrite(1 << 63, document_id(3), b"{}", SHAPE),))
    with pytest.raises(OverflowError):
        log.append([good, broken])
    assert log.head == head
    assert [commit.ts for commit in log.commits_after(0)] == [head]
    append(log, b"2")  # and the log goes on


def test_commits_that_are_no_longer_kept_are_not_silently_left_out(log: CommitLog) -> None:
    ts = [append(log, b"x" * 1000)[0] for _ in range(100)]
    with pytest.raises(LogTrimmedError, match="no longer all there") as caught:
        log.commits_after(0)
    start = caught.value.start
    kept = [commit.ts for commit in log.commits_after(start)]
    assert kept == ts[ts.index(start) + 1 :]
    assert len(kept) < 60
    with pytest.raises(LogTrimmedError):
        log.commits_after(start - 1)


def test_the_lock_gives_a_head_that_stays(log: CommitLog) -> None:
    append(log, b"1")
    released = threading.Event()
    seen: list[bool] = []

    def other() -> None:
        with log.lock():
            append(log, b"2")
            seen.append(released.is_set())

    with log.lock() as head:
        thread = threading.Thread(target=other)
        thread.start()
        assert log.commits_after(0)[-1].ts == head == log.head
        own = Commit(log.next_ts(), (put(5),))
        log.append([own])  # the holder itself may append
        assert log.head == own.ts
        released.set()
    thread.join()
    assert seen == [True]
