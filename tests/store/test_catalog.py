"""Tables, indexes and shapes by number, and the entries of indexes being built and dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.stores import commit, created, entry, fill, index_key, open_store, put
from syncline.kernel.clock import FakeClock
from syncline.store import FIRST_USER_TABLE, IndexInfo, ShapeInfo, Store, TableInfo


def test_tables_are_numbered_from_the_first_user_table_and_keep_their_numbers(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        notes, users = store.add_table("notes"), store.add_table("users")
        assert [notes.number, users.number] == [FIRST_USER_TABLE, FIRST_USER_TABLE + 1] == [10_001, 10_002]
        assert store.add_table("notes") == notes
    with open_store(tmp_path) as store:
        assert store.tables() == [notes, users]
        assert store.add_table("tags").number == 10_003


def test_a_table_has_its_order_of_creation_ready_from_the_start() -> None:
    with Store.memory(FakeClock()) as store:
        table = store.add_table("notes")
        assert store.indexes() == [IndexInfo(table.by_creation, table.number, "by_creation", "", True)]
        fill(store, table, [3, 1, 2])
        reader = store.writer_reader()
        assert [row[0] for row in reader.scan(table.by_creation, b"", None)] == [
            index_key(b"", n) for n in (1, 2, 3)
        ]


def test_an_index_is_built_and_then_ready(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        table = store.add_table("notes")
        fill(store, table, range(300))
        index = store.add_index(table.number, "by_part", "the definition")
        assert not index.ready
        told: list[int] = []
        keys = [index_key(b"part", number) for number in range(300)]
        assert store.add_entries(index.number, iter(reversed(keys)), told.append) == 300
        assert told == [300]
        store.set_index_ready(index.number)
    with open_store(tmp_path) as store:
        assert store.indexes()[1] == IndexInfo(index.number, table.number, "by_part", "the definition", True)
        assert list(store.writer_reader().scan_keys(index.number, b"", None)) == keys


def test_building_in_steps_reports_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncline.store.indexing._ADDED_AT_ONCE", 100)
    monkeypatch.setattr("syncline.store.indexing._DROPPED_AT_ONCE", 60)
    with Store.memory(FakeClock()) as store:
        table = store.add_table("notes")
        fill(store, table, range(250))
        index = store.add_index(table.number, "by_part", "").number
        told: list[int] = []
        store.add_entries(index, (index_key(b"", number) for number in range(250)), told.append)
        assert told == [100, 200, 250]
        gone: list[int] = []
        store.drop_index(index, gone.append)
        assert gone == [60, 120, 180, 240, 250]


def test_entries_that_are_there_already_are_no_error() -> None:
    with Store.memory(FakeClock()) as store:
        table = store.add_table("notes")
        fill(store, table, range(10))
        index = store.add_index(table.number, "by_part", "").number
        commit(store, entries=[entry(index, b"", 3)])
        store.add_entries(index, [index_key(b"", number) for number in range(10)])
        assert store.writer_reader().count(index, b"", None) == 10


def test_a_dropped_index_leaves_others_alone_and_its_number_is_not_used_again() -> None:
    with Store.memory(FakeClock()) as store:
        table = store.add_table("notes")
        first = store.add_index(table.number, "first", "").number
        second = store.add_index(table.number, "second", "").number
        fill(store, table, range(20))
        for index in (first, second):
            store.add_entries(index, [index_key(b"", number) for number in range(20)])
        store.drop_index(second)
        assert [index.name for index in store.indexes()] == ["by_creation", "first"]
        reader = store.writer_reader()
        assert reader.count(second, b"", None) == 0
        assert reader.count(first, b"", None) == reader.count(table.by_creation, b"", None) == 20
        assert store.add_index(table.number, "third", "").number > second


def test_entries_left_by_an_interrupted_drop_are_removed_by_maintenance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path) as store:
        table = store.add_table("notes")
        index = store.add_index(table.number, "by_part", "").number
        fill(store, table, range(20))
        store.add_entries(index, [index_key(b"", number) for number in range(20)])

        def interrupted(_: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("syncline.store.indexing._DROPPED_AT_ONCE", 5)
        with pytest.raises(KeyboardInterrupt):
            store.drop_index(index, interrupted)
    with open_store(tmp_path) as store:
        assert [info.name for info in store.indexes()] == ["by_creation"]
        assert store.writer_reader().count(index, b"", None) == 15
        while store.maintain():
            pass
        assert store.writer_reader().count(index, b"", None) == 0
        assert store.writer_reader().count(table.by_creation, b"", None) == 20


def test_shapes_are_numbered_once_and_the_one_in_force_is_the_last(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        first = store.use_shape(10_001, "one")
        second = store.use_shape(10_001, "two")
        other = store.use_shape(10_002, "one")
        assert len({first.number, second.number, other.number}) == 3
        assert store.use_shape(10_001, "two") == second
        assert store.use_shape(10_001, "one") == first
    with open_store(tmp_path) as store:
        assert [shape for shape in store.shapes() if shape.table == 10_001] == [second, first]
        assert store.shapes()[-1] == ShapeInfo(first.number, 10_001, "one")


def test_a_secret_is_random_and_stays(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        cursors, other = store.secret("cursors"), store.secret("other")
        assert len(cursors) == len(other) == 32
        assert cursors != other
    with open_store(tmp_path) as store:
        assert store.secret("cursors") == cursors


def test_a_new_index_is_known_to_readers_that_are_already_open() -> None:
    with Store.memory(FakeClock()) as store:
        reader = store.reader()
        table: TableInfo = store.add_table("notes")
        fill(store, table, [1])
        reader.begin()
        assert len(list(reader.scan(table.by_creation, b"", None))) == 1


def test_the_tables_number_keeps_documents_of_the_same_id_apart() -> None:
    with Store.memory(FakeClock()) as store:
        notes, users = store.add_table("notes"), store.add_table("users")
        document, first = created(notes, 1, b"note")
        other, second = created(users, 1, b"user")
        commit(store, document, other, entries=[first, second])
        commit(store, put(2, b"only a note", table=notes.number))
        reader = store.writer_reader()
        assert [row[3] for row in reader.scan(notes.by_creation, b"", None)] == [b"note"]
        assert [row[3] for row in reader.scan(-users.number, b"", None)] == [b"user"]
        assert [row[3] for row in reader.scan(-notes.number, b"", None)] == [b"note", b"only a note"]


def test_changes_made_together_are_all_there_or_none_of_them(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        with pytest.raises(ZeroDivisionError), store.together():
            table = store.add_table("notes")
            store.add_index(table.number, "by_part", "")
            store.use_shape(table.number, "one")
            raise ZeroDivisionError
        assert (store.tables(), store.indexes(), store.shapes()) == ([], [], [])
        with store.together():
            users = store.add_table("users")
            index = store.add_index(users.number, "by_part", "")
        fill(store, users, [1])
        reader = store.reader()
        reader.begin()
        assert len(list(reader.scan(users.by_creation, b"", None))) == 1
    with open_store(tmp_path) as store:
        assert store.tables() == [users]
        assert store.indexes()[-1] == index
