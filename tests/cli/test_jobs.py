"""`syncline jobs` and `syncline crons`: with a server, and on its data without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from support.applications import write_application
from support.processes import call, serving, syncline

APPLICATION = """
    from syncline import Id, MutationCtx, ScheduledJob, cron, every, mutation


    @every(days=1)
    @mutation(internal=True)
    def sweep(ctx: MutationCtx) -> int:
        return 7


    @cron("0 9 * * 1-5", timezone="Europe/Zurich")
    @mutation(internal=True)
    def report(ctx: MutationCtx) -> None: ...


    @mutation
    def fail(ctx: MutationCtx) -> None:
        raise ValueError("as it should")


    @mutation
    def plan(ctx: MutationCtx, seconds: float) -> Id[ScheduledJob]:
        return ctx.scheduler.after(seconds, fail)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path, work=APPLICATION)
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\n")
    return tmp_path


def test_what_is_scheduled_is_shown_run_and_cancelled(folder: Path) -> None:
    with serving(folder) as server:
        server.wait_for("ready")
        listed = syncline("crons", folder=folder).stdout.splitlines()
        assert [line.split()[0] for line in listed] == ["work:report", "work:sweep"]
        assert "0 9 * * 1-5 Europe/Zurich  next 20" in listed[0]
        assert "every 86400 s" in listed[1]
        ran = syncline("crons", "run", "work:sweep", folder=folder)
        assert "work:sweep is due now" in ran.stderr
        server.wait_for("work:sweep")
        assert " success" in syncline("crons", folder=folder).stdout.splitlines()[1]
        call(server.url, "mutation", "work:plan", seconds=0)
        server.wait_for("as it should")
        answer = call(server.url, "mutation", "work:plan", seconds=3600)
        id = str(cast("dict[str, object]", answer)["value"])
        cancelled = syncline("jobs", "cancel", id, folder=folder)
        assert f"{id} is cancelled" in cancelled.stderr
    # The data alone say it, too.
    failed = syncline("jobs", "--state", "failed", folder=folder).stdout
    assert "work:fail" in failed and "ValueError: as it should" in failed
    jobs = json.loads(syncline("jobs", "--function", "work:fail", "--json", folder=folder).stdout)
    assert sorted(job["state"] for job in jobs) == ["cancelled", "failed"]


def test_an_unknown_cron_is_refused_with_those_that_there_are(folder: Path) -> None:
    with serving(folder):
        refused = syncline("crons", "run", "work:nothing", folder=folder)
    assert refused.returncode == 1
    assert (
        "work:nothing is not a cron of this application (its crons: work:report, work:sweep)"
        in refused.stderr
    )


def test_an_empty_list_says_what_to_do(tmp_path: Path) -> None:
    write_application(tmp_path, work="")
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\n")
    assert "there are no crons: put @every(...) or @cron(...)" in syncline("crons", folder=tmp_path).stderr
    assert "nothing is scheduled" in syncline("jobs", folder=tmp_path).stderr


PEOPLE = """
    from syncline import Document, MutationCtx, migration, mutation


    class Person(Document):
        name: str


    @mutation
    def add(ctx: MutationCtx) -> None:
        ctx.db.insert_many([Person(name="Ann"), Person(name="bob")])


    @migration(Person)
    def shout(ctx: MutationCtx, doc: Person) -> dict[str, object] | None:
        return None if doc.name.isupper() else {"name": doc.name.upper()}
"""


def test_a_migration_is_tried_out_and_run(tmp_path: Path) -> None:
    write_application(tmp_path, people=PEOPLE)
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\n")
    with serving(tmp_path) as server:
        call(server.url, "mutation", "people:add")
        begun = syncline("migrations", "run", "people:shout", "--dry-run", folder=tmp_path)
        assert "people:shout has begun" in begun.stderr
        while " done " not in (listed := syncline("migrations", folder=tmp_path).stdout):
            assert " running " in listed
        assert "2 seen, 2 changed (dry run: nothing was)" in listed
        syncline("migrations", "run", "people:shout", folder=tmp_path)
        while " done " not in (listed := syncline("migrations", folder=tmp_path).stdout):
            assert " running " in listed
        assert listed.rstrip().endswith("2 seen, 2 changed")
        refused = syncline("migrations", "run", "people:add", folder=tmp_path)
        assert (
            "people:add is not a migration of this application (its migrations: people:shout)"
            in refused.stderr
        )
