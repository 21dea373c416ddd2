"""`@migration`: all documents of a table, in batches, resumed where they stopped, and tried out before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.jobs import Application
from support.lives import World
from syncline import ArgumentError
from syncline.functions import load_application
from syncline.functions.system.migrations import list_runs, start
from syncline.kernel.errors import SetupError
from syncline.testing import Backend

PEOPLE = """
    from syncline import Document, MutationCtx, QueryCtx, migration, mutation, query

    broken: list[str] = []


    class Person(Document):
        name: str
        slug: str = ""


    @mutation
    def add(ctx: MutationCtx, count: int) -> None:
        ctx.db.insert_many([Person(name=f"Person {number}") for number in range(count)])


    @query
    def slugs(ctx: QueryCtx) -> list[str]:
        return [person.slug for person in ctx.db.query(Person)]


    @migration(Person, batch=10)
    def add_slug(ctx: MutationCtx, doc: Person) -> dict[str, object] | None:
        if doc.name in broken:
            raise ValueError("no slug for this one")
        if doc.slug:
            return None
        return {"slug": doc.name.lower().replace(" ", "-")}


    @migration(Person, batch=5, pause=60)
    def slowly(ctx: MutationCtx, doc: Person) -> dict[str, object] | None:
        return {"slug": "slow"}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, "", people=PEOPLE) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def people(app: Application) -> Any:
    return app.module("people")


def test_all_documents_are_changed_in_batches(backend: Backend, people: Any) -> None:
    backend.mutation(people.add, count=35)
    backend.mutation(start, function="people:add_slug")
    backend.advance()
    assert backend.query(people.slugs) == [f"person-{number}" for number in range(35)]
    [run] = backend.query(list_runs)
    assert (run.state, run.seen, run.changed, run.error) == ("done", 35, 35, None)
    assert len([job for job in backend.jobs() if job.function == "_system/migrations:step"]) == 4


def test_a_dry_run_says_what_it_would_change_and_changes_nothing(backend: Backend, people: Any) -> None:
    backend.mutation(people.add, count=25)
    backend.mutation(people.add_slug, dry_run=True)
    backend.advance()
    assert set(backend.query(people.slugs)) == {""}
    [run] = backend.query(list_runs)
    assert (run.state, run.dry_run, run.seen, run.changed) == ("done", True, 25, 25)
    backend.mutation(people.add_slug, dry_run=False)
    backend.advance()
    assert "" not in backend.query(people.slugs)


def test_one_that_fails_names_the_document_and_goes_on_when_it_is_run_again(
    backend: Backend, people: Any
) -> None:
    backend.mutation(people.add, count=25)
    people.broken.append("Person 13")
    backend.mutation(start, function="people:add_slug")
    backend.advance()
    [run] = backend.query(list_runs)
    assert run.state == "failed"
    assert (
        run.error is not None
        and run.error.startswith("ValueError at ")
        and "no slug for this one" in run.error
    )
    assert [bool(slug) for slug in backend.query(people.slugs)] == [True] * 10 + [False] * 15
    people.broken.clear()
    backend.mutation(start, function="people:add_slug")
    backend.advance()
    [run] = backend.query(list_runs)
    assert (run.state, run.seen, run.changed) == ("done", 25, 25)


def test_a_pause_lets_others_do_their_work(backend: Backend, people: Any) -> None:
    backend.mutation(people.add, count=15)
    backend.mutation(start, function="people:slowly")
    backend.advance(seconds=59)
    assert backend.query(people.slugs).count("slow") == 5
    with pytest.raises(ArgumentError, match="people:slowly is running already: 5 documents seen so far"):
        backend.mutation(start, function="people:slowly")
    backend.advance(seconds=121)
    assert backend.query(people.slugs).count("slow") == 15


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    write_application(tmp_path, people=PEOPLE)
    world = World(tmp_path)
    with world.process() as process:
        process.call("people:add", count=15)
        process.call("_system/migrations:start", function="people:slowly")
        process.settle()
    world.clock.advance(3600)
    with world.process() as process:
        process.settle()
        process.pass_time(60)
        assert process.call("people:slugs") == ["slow"] * 15
    world.store.close()


def test_only_migrations_can_be_run(backend: Backend) -> None:
    text = r"people:slugs is not a migration of this application \(its migrations: people:add_slug, people:slowly\)"
    with pytest.raises(ArgumentError, match=text):
        backend.mutation(start, function="people:slugs")


def test_a_migration_takes_a_document(tmp_path: Path) -> None:
    source = """
    from syncline import Document, MutationCtx, migration

    class Person(Document):
        name: str

    @migration(Person)
    def wrong(ctx: MutationCtx) -> None: ...
    """
    with pytest.raises(SetupError, match="is for functions of a context and a document, got wrong"):
        load_application(write_application(tmp_path, people=source))
