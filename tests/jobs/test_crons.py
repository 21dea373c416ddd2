"""`@every` and `@cron`: functions that run by themselves, one run at a time, none twice."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.jobs import Application
from syncline import ArgumentError, CronJob
from syncline.functions import load_application
from syncline.functions.system.jobs import cancel, crons, run_cron
from syncline.kernel.errors import SetupError
from syncline.testing import Backend

CRONS = """
    from syncline import ActionCtx, Document, MutationCtx, QueryCtx, action, cron, every, mutation, query


    class Note(Document):
        text: str


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @every(minutes=5)
    @mutation(internal=True)
    def sweep(ctx: MutationCtx) -> str:
        ctx.db.insert(Note(text=f"{ctx.now:%H:%M}"))
        if ctx.now.minute == 10:
            raise ValueError("not at ten past")
        return "swept"


    @cron("30 8 * * *", timezone="Europe/Zurich")
    @action(internal=True)
    async def report(ctx: ActionCtx, tone: str = "kind") -> str:
        return f"{tone} report"
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, CRONS) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def jobs(app: Application) -> Any:
    return app.module("jobs")


def entry(backend: Backend, function: str) -> CronJob:
    return next(each for each in backend.query(crons) if each.function == function)


def test_the_first_run_is_one_period_after_the_first_start(backend: Backend, jobs: Any) -> None:
    began = backend.now
    backend.advance(minutes=4, seconds=59)
    assert backend.query(jobs.texts) == []
    backend.advance(seconds=1)
    assert backend.query(jobs.texts) == [f"{began + timedelta(minutes=5):%H:%M}"]


def test_each_period_has_one_run_at_its_own_time(backend: Backend, jobs: Any) -> None:
    began = backend.now
    backend.advance(minutes=17)
    minutes = [began + timedelta(minutes=minute) for minute in (5, 15)]
    assert backend.query(jobs.texts) == [f"{minute:%H:%M}" for minute in minutes]


def test_a_run_that_fails_does_not_keep_the_next_one_from_running(backend: Backend, jobs: Any) -> None:
    backend.advance(minutes=15)
    newest, failed, first = entry(backend, "jobs:sweep").runs
    assert (first["state"], failed["state"], newest["state"]) == ("success", "failed", "success")
    assert failed["error"] == "ValueError: not at ten past"
    assert failed["scheduled_for"] - first["scheduled_for"] == timedelta(minutes=5)


def test_actions_run_at_the_time_of_a_place(backend: Backend, jobs: Any) -> None:
    # The clock of tests begins on 15 January 2027, 08:00 UTC.
    backend.advance(days=1)
    [run] = entry(backend, "jobs:report").runs
    assert run["scheduled_for"].isoformat() == "2027-01-16T07:30:00+00:00"
    assert run["state"] == "success"
    job = next(job for job in backend.jobs() if job.id == run["job"])
    assert (job.result, job.cron, job.args) == ("kind report", "jobs:report", {})


def test_twenty_runs_are_remembered(backend: Backend, jobs: Any) -> None:
    backend.advance(hours=3)
    runs = entry(backend, "jobs:sweep").runs
    assert len(runs) == 20
    assert runs[0]["scheduled_for"] > runs[-1]["scheduled_for"]


def test_a_run_by_hand_is_early_and_moves_no_other(backend: Backend, jobs: Any) -> None:
    began = backend.now
    backend.advance(minutes=2)
    backend.mutation(run_cron, function="jobs:sweep")
    backend.advance(minutes=5)
    texts = [f"{began + timedelta(minutes=minute):%H:%M}" for minute in (2,)]
    assert backend.query(jobs.texts)[:1] == texts
    first, second = reversed(entry(backend, "jobs:sweep").runs)
    assert first["scheduled_for"] == began + timedelta(minutes=2)
    assert second["scheduled_for"] == began + timedelta(minutes=5)


def test_only_crons_run_by_hand(backend: Backend) -> None:
    with pytest.raises(
        ArgumentError, match=r"jobs:texts is not a cron .*\(its crons: jobs:report, jobs:sweep\)"
    ):
        backend.mutation(run_cron, function="jobs:texts")


def test_a_cancelled_run_is_left_out_and_the_next_one_is_not(backend: Backend, jobs: Any) -> None:
    began = backend.now
    backend.mutation(cancel, id=entry(backend, "jobs:sweep").job)
    backend.mutation(cancel, id=entry(backend, "jobs:report").job)
    assert entry(backend, "jobs:report").runs[0]["state"] == "cancelled"
    report = next(job for job in backend.jobs() if job.id == entry(backend, "jobs:report").job)
    assert report.scheduled_for - began > timedelta(days=1)
    backend.advance(minutes=15)
    assert backend.query(jobs.texts) == [f"{began + timedelta(minutes=15):%H:%M}"]


MISTAKES = [
    (
        "@every(minutes=5)\n@query\ndef look(ctx: QueryCtx) -> None: ...",
        "@every is for mutations and actions",
    ),
    (
        "@every(minutes=5)\n@mutation\ndef clean(ctx: MutationCtx, what: str) -> None: ...",
        "clean runs by itself, and its argument `what` has no default",
    ),
    (
        '@cron("0 9 * * *")\n@every(minutes=5)\n@mutation\ndef clean(ctx: MutationCtx) -> None: ...',
        "clean has two schedules: every 300 s, and 0 9 \\* \\* \\* UTC",
    ),
    (
        '@cron("61 9 * * *")\n@mutation\ndef clean(ctx: MutationCtx) -> None: ...',
        "'61 9 \\* \\* \\*' is not a cron expression: bad minute",
    ),
    (
        "@every(seconds=0.5)\n@mutation\ndef clean(ctx: MutationCtx) -> None: ...",
        "a period of at least one second",
    ),
]


@pytest.mark.parametrize(("source", "text"), MISTAKES)
def test_mistakes_are_named_when_the_application_loads(tmp_path: Path, source: str, text: str) -> None:
    imports = "from syncline import MutationCtx, QueryCtx, cron, every, mutation, query\n"
    with pytest.raises(SetupError, match=text):
        load_application(write_application(tmp_path, jobs=imports + textwrap.dedent(source)))
