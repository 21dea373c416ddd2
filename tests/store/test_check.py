"""The integrity check finds what it should, and nothing in a healthy store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from support.stores import TABLE, commit, document_id, entry, fill, index_key, open_store, put
from syncline.kernel.clock import FakeClock
from syncline.store import Store
from syncline.store.sqlite import open_connection

INDEX = 2  # the first index after the order of creation of the first table


def prepared(folder: Path) -> Store:
    store = open_store(folder)
    table = store.add_table("notes")
    store.add_index(table.number, "by_part", "")
    fill(store, table, range(10), b"body")
    store.add_entries(INDEX, [index_key(b"body", number) for number in range(10)])
    store.set_index_ready(INDEX)
    return store


def keys(id: bytes, shape: int, body: bytes) -> Iterable[bytes]:
    return [index_key(body, int.from_bytes(id, "big"))]


def damage(folder: Path, *statements: str) -> list[str]:
    """Change a healthy store behind its back and check it."""
    prepared(folder).close()
    connection = open_connection(folder / "syncline.db", None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    with open_store(folder) as store:
        return store.check({INDEX: keys})


def test_a_healthy_store_has_no_problems_while_it_is_written_to(tmp_path: Path) -> None:
    with prepared(tmp_path) as store:
        told: list[int] = []
        assert store.check({INDEX: keys}, told.append) == []
        assert told == [10]
        commit(
            store,
            put(3, b"other"),
            entries=[entry(INDEX, b"body", 3, present=False), entry(INDEX, b"other", 3)],
        )
        assert store.check({INDEX: keys}) == []


def test_an_index_being_built_is_not_complained_about() -> None:
    with Store.memory(FakeClock()) as store:
        table = store.add_table("notes")
        fill(store, table, range(3))
        index = store.add_index(table.number, "by_part", "")
        assert store.check({index.number: keys}) == []


def test_a_missing_entry_is_found(tmp_path: Path) -> None:
    assert damage(tmp_path, f"DELETE FROM entries WHERE idx = {INDEX} AND substr(key, -1) = x'04'") == [
        f"index notes.by_part lacks entries of 1 documents, among them {document_id(4).hex()}"
    ]


def test_a_surplus_entry_is_found(tmp_path: Path) -> None:
    key = index_key(b"stale", 4).hex()
    assert damage(tmp_path, f"INSERT INTO entries VALUES ({INDEX}, x'{key}')") == [
        "index notes.by_part has 1 entries that no document should have"
    ]


def test_an_entry_without_its_document_is_found(tmp_path: Path) -> None:
    problems = damage(tmp_path, f"DELETE FROM documents WHERE id = x'{document_id(7).hex()}'")
    assert problems == [
        f"index notes.by_creation points to documents that do not exist, among them {document_id(7).hex()}",
        f"index notes.by_part points to documents that do not exist, among them {document_id(7).hex()}",
        "table notes holds 9 documents, but its order of creation has 10 entries of 10 documents",
        "index notes.by_part has 1 entries that no document should have",
    ]


def test_a_document_missing_in_the_order_of_creation_is_found(tmp_path: Path) -> None:
    assert damage(tmp_path, "DELETE FROM entries WHERE idx = 1 AND substr(key, -1) = x'02'") == [
        "table notes holds 10 documents, but its order of creation has 9 entries of 9 documents"
    ]


def test_a_document_newer_than_the_log_is_found(tmp_path: Path) -> None:
    problems = damage(tmp_path, f"UPDATE documents SET ts = ts + 1 WHERE tbl = {TABLE}")
    assert problems == ["10 documents are newer than the newest commit"]


def test_a_gap_in_the_log_is_found(tmp_path: Path) -> None:
    with prepared(tmp_path) as store:
        second = [commit(store) for _ in range(3)][1]
    connection = open_connection(tmp_path / "syncline.db", None)
    connection.execute("DELETE FROM commits WHERE ts = ?", (second,))
    connection.close()
    with open_store(tmp_path) as store:
        assert store.check() == ["commits are missing in the middle of the commit log"]


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        fill(store, store.add_table("notes"), range(2_000), b"x" * 100)
    path = tmp_path / "syncline.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 200] = b"\xa5" * 200
    path.write_bytes(content)
    with open_store(tmp_path) as store:
        assert any(problem.startswith("SQLite: ") for problem in store.check())
