"""A store read beside whoever holds it: the newest commits, no lock, and not a byte written."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncline.kernel.clock import FakeClock
from syncline.store import Commit, DocumentWrite, EntryWrite, FolderUnusableError, Store, StoreView
from syncline.store.folder import DATABASE

ID = bytes(15) + b"\x01"


def opened(folder: Path, key: bytes | None = None) -> Store:
    return Store.open(folder, clock=FakeClock(), key=key)


def viewed(folder: Path, key: bytes | None = None) -> StoreView:
    return StoreView(folder, monotonic=FakeClock().monotonic, key=key)


def put(store: Store, body: bytes) -> None:
    table = store.add_table("notes")
    entry = EntryWrite(table.by_creation, bytes(8) + ID, True)
    store.append([Commit(store.next_ts(), (DocumentWrite(table.number, ID, body, 1),), (entry,))])


@pytest.mark.parametrize("key", [None, bytes(range(32))], ids=["plain", "encrypted"])
def test_it_sees_what_the_holder_commits_meanwhile(tmp_path: Path, key: bytes | None) -> None:
    with opened(tmp_path, key) as store:
        put(store, b'{"text":"one"}')
        with viewed(tmp_path, key) as view:
            table = next(table for table in view.tables() if table.name == "notes")
            reader = view.reader()
            reader.begin()
            assert [row[3] for row in reader.scan(table.by_creation, b"", None)] == [b'{"text":"one"}']
            put(store, b'{"text":"two"}')
            assert reader.get(table.number, ID) is not None
            assert [row[3] for row in reader.scan(table.by_creation, b"", None)] == [b'{"text":"one"}']
            reader.end()
            assert reader.begin() == store.head == view.head()
            assert [row[3] for row in reader.scan(table.by_creation, b"", None)] == [b'{"text":"two"}']
            assert view.indexes() == store.indexes() and view.shapes() == store.shapes()
            assert view.check() == []


def test_neither_looking_nor_closing_changes_the_database(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        put(store, b"{}")
    before = (tmp_path / DATABASE).read_bytes()
    with viewed(tmp_path) as view:
        reader = view.reader()
        reader.begin()
        assert view.check() == []
    assert (tmp_path / DATABASE).read_bytes() == before
    with opened(tmp_path) as store:
        assert store.check() == []


def test_a_folder_without_data_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusableError, match="there is no Syncline data in"):
        viewed(tmp_path)
    assert list(tmp_path.iterdir()) == []
