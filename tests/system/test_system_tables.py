"""Syncline's own tables: read like any other, written by Syncline only."""

from __future__ import annotations

import pytest

from support.databases import Database
from syncline.database import SystemWriter
from syncline.kernel.errors import ForbiddenError, SetupError
from syncline.schema import Document
from syncline.system import SYSTEM_TABLES, EnvironmentVariable

REFUSAL = "_environment_variables is a table of Syncline: it is changed by what ctx offers for it"


@pytest.fixture
def database() -> Database:
    return Database([])


def test_every_database_has_them_with_numbers_below_those_of_applications(database: Database) -> None:
    tables = [database.catalog.by_name[spec.name] for spec in SYSTEM_TABLES]
    assert all(table.system and table.number < 10_001 for table in tables)
    assert database.catalog.application_tables == []


def test_applications_read_them_and_do_not_write_them(database: Database) -> None:
    with database.writing() as db:
        own = SystemWriter(database.transaction, database.catalog)
        id = own.insert(EnvironmentVariable(name="A", sealed="x"))
        with pytest.raises(ForbiddenError, match=REFUSAL):
            db.insert(EnvironmentVariable(name="B", sealed="x"))
        with pytest.raises(ForbiddenError, match=REFUSAL):
            db.patch(id, name="C")
        with pytest.raises(ForbiddenError, match=REFUSAL):
            db.replace(id, EnvironmentVariable(name="C", sealed="x"))
        with pytest.raises(ForbiddenError, match=REFUSAL):
            db.delete(id)
        found = db.require(id)
    assert (found.name, found.sealed) == ("A", "x")


def test_an_application_cannot_declare_one() -> None:
    with pytest.raises(SetupError, match="names that begin with _ are reserved"):

        class Mine(Document, table="_environment_variables"):  # pyright: ignore[reportUnusedClass] - making it is the test
            name: str
