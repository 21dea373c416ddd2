"""Snapshots, deadlines, and what readers may do beside the writer."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import FrameType

import pytest

from support.stores import (
    TABLE,
    commit,
    delete,
    document_id,
    entry,
    fill,
    index_key,
    open_store,
    open_unflushed,
    put,
)
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits
from syncline.store import DamagedDataError, QueryInterrupted, Reader, Store


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "data") if request.param == "file" else Store.memory(FakeClock()) as store:
        yield store


def test_a_snapshot_does_not_change(store: Store) -> None:
    table = store.add_table("notes")
    first = fill(store, table, [1, 2], b"old")
    reader = store.reader()
    assert reader.begin() == first
    commit(store, put(1, b"new"), delete(2), entries=[entry(table.by_creation, b"", 2, present=False)])
    assert reader.get(TABLE, document_id(1)) == (first, 1, b"old")
    assert reader.get(TABLE, document_id(2)) == (first, 1, b"old")
    assert reader.count(table.by_creation, b"", None) == 2
    reader.end()
    assert reader.begin() == store.head
    assert reader.get(TABLE, document_id(1)) == (store.head, 1, b"new")
    assert reader.get(TABLE, document_id(2)) is None
    assert reader.count(table.by_creation, b"", None) == 1


def test_a_scan_under_way_sees_nothing_of_later_commits(store: Store) -> None:
    table = store.add_table("notes")
    fill(store, table, range(300), b"old")
    reader = store.reader()
    reader.begin()
    scan = reader.scan(table.by_creation, b"", None)
    seen = [row[3] for row in islice(scan, 5)]
    commit(store, *[put(number, b"new") for number in range(300)])
    seen += [row[3] for row in scan]
    assert seen == [b"old"] * 300


def test_scans_of_one_reader_may_be_interleaved(store: Store) -> None:
    table = store.add_table("notes")
    fill(store, table, range(100))
    reader = store.reader()
    reader.begin()
    up = reader.scan(table.by_creation, b"", None)
    down = reader.scan(table.by_creation, b"", None, True)
    pairs = [(a[0], b[0]) for a, b in zip(up, down, strict=True)]
    keys = [index_key(b"", number) for number in range(100)]
    assert pairs == list(zip(keys, reversed(keys), strict=True))


def test_the_writers_reader_is_always_at_the_head(store: Store) -> None:
    reader = store.writer_reader()
    assert reader.begin() == 0
    assert reader.get(TABLE, document_id(1)) is None
    ts = commit(store, put(1, b"one"))
    assert reader.ts == reader.begin() == ts
    assert reader.get(TABLE, document_id(1)) == (ts, 1, b"one")
    commit(store, put(1, b"two"))
    assert reader.get(TABLE, document_id(1)) == (store.head, 1, b"two")
    reader.end()
    reader.close()
    assert reader.get(TABLE, document_id(1)) == (store.head, 1, b"two")


def test_what_was_written_or_read_once_is_answered_from_memory(store: Store) -> None:
    table = store.add_table("notes")
    ts = fill(store, table, range(3), b"body")
    assert store.cache.get(TABLE, document_id(1), ts) == (ts, 1, b"body")
    store.cache.clear(ts)
    reader = store.reader()
    reads: list[Callable[[], object]] = [
        lambda: reader.get(TABLE, document_id(1)),
        lambda: list(reader.scan(-TABLE, b"", None)),
    ]
    for read in reads:
        reader.begin()
        assert store.cache.get(TABLE, document_id(1), ts) is None
        read()
        reader.end()
        assert store.cache.get(TABLE, document_id(1), ts) == (ts, 1, b"body")
        store.cache.clear(ts)


def test_the_writer_does_not_wait_for_readers_nor_they_for_it(store: Store) -> None:
    fill(store, store.add_table("notes"), range(50))
    readers = [store.reader() for _ in range(3)]
    heads = [reader.begin() for reader in readers]
    later = commit(store, put(1, b"new"))
    assert heads == [heads[0]] * 3
    with store.lock():
        reader = store.reader()
        assert reader.begin() == later


def test_the_catalog_may_be_changed_between_reads_of_the_writers_reader(store: Store) -> None:
    commit(store, put(1))
    reader = store.writer_reader()
    thread = threading.Thread(target=store.add_table, args=("notes",))
    thread.start()
    thread.join()
    assert reader.get(TABLE, document_id(1)) is not None
    commit(store, put(2))
    assert [table.name for table in store.tables()] == ["notes"]


class Moving(FakeClock):
    """A clock of which every reading takes a second."""

    def monotonic(self) -> float:
        self.advance(1.0)
        return super().monotonic()


def test_a_statement_past_its_deadline_is_interrupted_and_the_snapshot_stays() -> None:
    clock = Moving()
    with Store.memory(clock) as store:
        table = store.add_table("notes")
        ts = fill(store, table, range(20_000))
        reader = store.reader()
        reader.begin()
        reader.set_deadline(clock.monotonic() + 3.0)
        with pytest.raises(QueryInterrupted):
            for _ in range(10):
                reader.count(table.by_creation, b"", None)
        reader.set_deadline(None)
        assert reader.ts == ts
        assert reader.count(table.by_creation, b"", None) == 20_000


def test_a_deadline_is_over_with_its_snapshot(store: Store) -> None:
    """SQLite counts the steps of a prepared statement over its runs: after enough of them the next one is asked, too."""
    reader = store.reader()
    for _ in range(3_000):
        reader.begin()
        reader.set_deadline(-1.0)
        reader.end()


def test_an_interruption_passes_through_code_that_catches_all_errors() -> None:
    assert not issubclass(QueryInterrupted, Exception)


def test_a_distant_deadline_changes_nothing(store: Store) -> None:
    table = store.add_table("notes")
    fill(store, table, range(3_000))
    reader = store.reader()
    reader.begin()
    reader.set_deadline(1e9)
    reader.set_deadline(2e9)
    assert len(list(reader.scan(table.by_creation, b"", None))) == 3_000


def test_an_entry_without_its_document_is_an_error_and_not_a_shorter_result(store: Store) -> None:
    table = store.add_table("notes")
    fill(store, table, range(9))
    commit(store, entries=[entry(table.by_creation, b"", 5_000)])
    reader = store.reader()
    reader.begin()
    with pytest.raises(DamagedDataError) as caught:
        list(reader.scan(table.by_creation, b"", None))
    assert (
        f"an index points to document {document_id(5_000).hex()} of table {TABLE}, which does not exist"
        in str(caught.value)
    )
    assert "run `syncline check`" in str(caught.value)


def test_a_limit_ends_a_scan_and_reads_no_further(store: Store) -> None:
    table = store.add_table("notes")
    fill(store, table, range(5_000))
    reader = store.reader()
    reader.begin()
    for limit in (0, 1, 15, 16, 17, 50, 1_024, 1_025, 3_000, 6_000):
        rows = list(reader.scan(table.by_creation, b"", None, False, limit))
        assert [row[0] for row in rows] == [index_key(b"", number) for number in range(min(limit, 5_000))]


class Interrupted(BaseException):
    pass


def interrupt_at(event: int, action: Callable[[], object]) -> bool:
    """Run `action`, raising Interrupted at its n-th call or return; whether it got that far."""
    left = event

    def count(_frame: FrameType, _event: str, function: object) -> None:
        nonlocal left
        left -= function is not sys.setprofile
        if left == 0:
            raise Interrupted

    sys.setprofile(count)
    try:
        action()
    except Interrupted:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_reads_interrupted_anywhere_leave_the_store_in_service(tmp_path: Path) -> None:
    store = open_unflushed(tmp_path)
    table = store.add_table("notes")
    fill(store, table, range(40), b"old")
    writer, reader = store.writer_reader(), store.reader()
    store.cache.clear(store.head)
    reads: list[Callable[[Reader, int], object]] = [
        lambda reader, number: reader.get(TABLE, document_id(number)),
        lambda reader, number: list(reader.scan(table.by_creation, b"", None)),
        lambda reader, number: list(reader.scan(table.by_creation, b"", None, True, 2)),
        lambda reader, number: reader.count(table.by_creation, b"", None),
        lambda reader, number: reader.request(b"session", number),
    ]
    for read in reads:
        event = 1
        while interrupt_at(event, partial(read, writer, event % 40)):
            number = event % 40
            reader.begin()
            interrupt_at(event, partial(read, reader, number))
            store.use_shape(TABLE, f"{read} {event}")  # a commit on another connection
            body = b"new %d" % event
            ts = commit(store, put(number, body))
            assert reader.get(TABLE, document_id(number)) != (ts, 1, body)
            reader.end()
            assert reader.begin() == ts
            for either in (writer, reader):
                assert either.get(TABLE, document_id(number)) == (ts, 1, body)
                assert len(list(either.scan(table.by_creation, b"", None))) == 40
            reader.end()
            store.cache.clear(store.head)
            event += 1
        assert event > 3
    store.close()


def test_threads_that_read_while_money_moves_always_find_all_of_it(tmp_path: Path) -> None:
    chance = random.Random(7)
    # Room for half of the accounts: entries come and go while commits and readers race for them.
    with open_unflushed(tmp_path, limits=Limits(document_cache_bytes=20 * 260)) as store:
        table = store.add_table("accounts")
        balances = dict.fromkeys(range(40), 100)
        fill(store, table, balances, b"100")
        failures: list[str] = []
        rounds = [0, 0]
        done = threading.Event()

        def watch(who: int) -> None:
            reader = store.reader()
            while not done.is_set() or rounds[who] < 5:
                ts = reader.begin()
                found = [reader.get(TABLE, document_id(number)) for number in range(40)]
                scanned = [int(row[3]) for row in reader.scan(table.by_creation, b"", None)]
                gotten = [int(state[2]) for state in found if state is not None]
                if (
                    sum(gotten) != 4_000
                    or gotten != scanned
                    or any(state and state[0] > ts for state in found)
                ):
                    failures.append(f"snapshot {ts}: {gotten} {scanned}")
                reader.end()
                rounds[who] += 1

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        threads = [threading.Thread(target=watch, args=(who,)) for who in range(2)]
        try:
            for thread in threads:
                thread.start()
            for _ in range(600):
                payer, payee = chance.sample(range(40), 2)
                balances[payer] -= 1
                balances[payee] += 1
                commit(store, *[put(number, b"%d" % balances[number]) for number in (payer, payee)])
        finally:
            done.set()
            for thread in threads:
                thread.join()
            sys.setswitchinterval(interval)
        assert failures == []
        assert min(rounds) >= 5
