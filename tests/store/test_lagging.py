"""Indexes that follow the commits of a store: what they may hold up, and when they work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.stores import fill, open_store
from syncline.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "data") as opened:
        yield opened


def test_the_backlog_is_told_while_a_step_is_under_way(store: Store) -> None:
    """Whoever commits asks for it before each batch, and must not wait for the indexing of others."""
    table = store.add_table("notes")
    cutting, told = threading.Event(), threading.Event()

    def cut(shape: int, body: bytes) -> tuple[str, str]:
        cutting.set()
        assert told.wait(30)
        return "", " word "

    text = store.text
    assert text is not None
    text.declare((7, table.number, table.by_creation, cut), store.reader, store.commits_after, lambda _: None)
    fill(store, table, [1, 2])
    worker = threading.Thread(target=text.work)
    worker.start()
    assert cutting.wait(30)
    assert text.backlog == 2
    text.hold_up(2)
    told.set()
    worker.join()
    assert text.backlog == 0


def test_only_commits_to_tables_with_an_index_wake_the_indexing(store: Store) -> None:
    notes, others = store.add_table("notes"), store.add_table("others")
    text = store.text
    assert text is not None
    text.declare(
        (7, notes.number, notes.by_creation, lambda shape, body: ("", "")),
        store.reader,
        store.commits_after,
        lambda _: None,
    )
    while text.work():
        pass
    fill(store, others, [1])
    assert not text.wait(0)
    fill(store, notes, [1])
    assert text.wait(0)
