"""Syncline's own tables: read like any other, written by Syncline only."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.databases import Database
from support.serving import running
from syncline.database import SystemWriter
from syncline.kernel.errors import ForbiddenError, SetupError
from syncline.schema import Document, private
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


#: What public functions may look at through ctx.db, and why.
OPEN = {
    "_users": "the caller's own profile, and everybody's where the application asks for that",
    "_organization_members": "members of the organisations that the caller belongs to",
    "_organizations": "the organisations that the caller belongs to",
    "_storage": "what ctx.storage.metadata tells: size, type and digest of a file, by an id that a document names",
}


def test_public_functions_see_none_of_them_but_what_is_named_here() -> None:
    for table in SYSTEM_TABLES:
        assert table.access is private or table.name in OPEN, f"{table.name} needs access = private"


def test_what_is_private_is_not_there_for_public_functions(tmp_path: Path) -> None:
    source = """
        from syncline import QueryCtx, query
        from syncline.system import EnvironmentVariable

        @query
        def names(ctx: QueryCtx) -> list[str]:
            return [each.name for each in ctx.db.query(EnvironmentVariable)]

        @query
        def value(ctx: QueryCtx) -> str | None:
            return ctx.env.get("SECRET")
    """
    with running(tmp_path, {"look": source}) as server:
        admin = {"authorization": f"Convex {server.admin_key}"}
        changes = {"changes": [{"name": "SECRET", "value": "of the deployment"}]}
        answer = server.http.post("/api/update_environment_variables", json=changes, headers=admin)
        assert answer.status_code == 200, answer.text
        assert server.value("query", "look:value") == "of the deployment"
        assert server.value("query", "look:names") == []


def test_an_application_cannot_declare_one() -> None:
    with pytest.raises(SetupError, match="names that begin with _ are reserved"):

        class Mine(Document, table="_environment_variables"):  # pyright: ignore[reportUnusedClass] - making it is the test
            name: str
