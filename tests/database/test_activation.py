"""Binding a schema to stored data: what is numbered, checked, built, kept and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pytest

from support.databases import Database
from syncline.database import Progress, activate
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import SetupError
from syncline.schema import Document, Index, TableSpec, table_of
from syncline.store import Store


def first_version() -> TableSpec:
    class Item(Document):
        name: str
        size: int

        by_name = Index("name")

    return table_of(Item)


def with_another_default(default: str) -> TableSpec:
    class Item(Document):
        name: str
        size: int
        color: str = default

        by_color = Index("color")

    return table_of(Item)


def vars_of(document: Document) -> dict[str, object]:
    return {name: getattr(document, name) for name in table_of(type(document)).by_name}


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.memory(FakeClock()) as made:
        yield made


@pytest.fixture
def database(store: Store) -> Database:
    """A store with three items."""
    spec = first_version()
    database = Database([spec], store=store)
    with database.writing() as db:
        make = cast("Callable[..., Document]", spec.cls)
        db.insert_many([make(name=name, size=size) for size, name in enumerate("abc")])
    return database


def test_numbers_are_given_once(store: Store) -> None:
    before = activate(store, [first_version()])
    after = activate(store, [first_version()])
    for name, table in before.by_name.items():
        again = after.by_name[name]
        assert (table.number, table.shape, table.by_creation) == (
            again.number,
            again.shape,
            again.by_creation,
        )
        assert [index.id for index in table.indexes] == [index.id for index in again.indexes]


def test_a_new_field_with_a_default_needs_nothing_and_is_indexed(database: Database) -> None:
    spec = with_another_default("red")
    later = Database([spec], store=database.store)
    with later.reading() as db:
        items = db.query(spec.cls).where(color="red").all()
        assert [str(vars_of(item)["name"]) for item in items] == ["a", "b", "c"]
        assert {vars_of(item)["color"] for item in items} == {"red"}


def test_a_changed_default_rebuilds_the_index(database: Database) -> None:
    spec = with_another_default("red")
    Database([spec], store=database.store)
    spec = with_another_default("blue")
    later = Database([spec], store=database.store)
    with later.reading() as db:
        assert db.query(spec.cls).where(color="red").count() == 0
        assert db.query(spec.cls).where(color="blue").count() == 3


def test_an_index_that_is_gone_takes_its_entries_along(database: Database) -> None:
    class Item(Document):
        name: str
        size: int

    names = {info.name for info in database.store.indexes()}
    activate(database.store, [table_of(Item)])
    assert names - {info.name for info in database.store.indexes()} == {"by_name"}


def test_an_index_of_the_release_in_force_is_kept_until_the_next_activation(database: Database) -> None:
    class Item(Document):
        name: str
        size: int

    new = activate(database.store, [table_of(Item)], keep=database.catalog)
    assert "by_name" in {info.name for info in database.store.indexes()}
    activate(database.store, [table_of(Item)], keep=new)
    assert "by_name" not in {info.name for info in database.store.indexes()}


def test_a_half_built_index_is_built_again(database: Database) -> None:
    spec = with_another_default("red")
    activate(database.store, [spec])
    [built] = [info for info in database.store.indexes() if info.name == "by_color"]
    database.store.drop_index(built.number)
    database.store.add_index(built.table, "by_color", built.definition)
    later = Database([spec], store=database.store)
    with later.reading() as db:
        assert db.query(spec.cls).where(color="red").count() == 3
    assert [info.ready for info in database.store.indexes() if info.name == "by_color"] == [True]


def test_long_work_reports_its_progress(database: Database) -> None:
    seen: list[Progress] = []
    activate(database.store, [with_another_default("red")], seen.append)
    assert Progress("checking items", 0, 3) in seen
    assert seen[-1] == Progress("building index items.by_color", 3, 3)


def test_documents_that_do_not_fit_are_counted_and_shown(database: Database) -> None:
    class Item(Document):
        name: int
        size: int

    with pytest.raises(SetupError) as caught:
        activate(database.store, [table_of(Item)])
    text = str(caught.value)
    assert "the stored data does not fit the schema\n  3 documents do not fit items" in text
    assert 'at items.name: expected int, got str: "a"' in text or "at items.name: expected int" in text
    assert "help: keep the field as it was or give it a default" in text
    assert (
        activate(database.store, [first_version()]).by_name["items"].shape
        == database.catalog.by_name["items"].shape
    )


def test_a_field_that_is_gone_is_refused_while_documents_hold_it(database: Database) -> None:
    class Item(Document):
        name: str

    with pytest.raises(SetupError, match=r"at items\.size: expected no field `size`"):
        activate(database.store, [table_of(Item)])


def test_a_schema_that_comes_back_is_not_checked_again(database: Database) -> None:
    activate(database.store, [with_another_default("red")])
    activate(database.store, [first_version()])
    seen: list[Progress] = []
    activate(database.store, [first_version()], seen.append)
    assert seen == []


def test_a_table_that_is_gone_keeps_its_documents(database: Database) -> None:
    activate(database.store, [])
    later = Database([spec := first_version()], store=database.store)
    with later.reading() as db:
        assert db.query(spec.cls).count() == 3
