"""`ctx.scheduler`: what is scheduled runs when it is due, once, and what became of it is on record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.jobs import JOBS, Application
from support.serving import running
from syncline import ArgumentError, LimitError, ScheduledJob
from syncline.database import Catalog
from syncline.kernel.limits import Limits
from syncline.store import Reader
from syncline.testing import Backend


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def jobs(app: Application) -> Any:
    return app.module("jobs")


def states(backend: Backend) -> list[str]:
    return [job.state for job in backend.jobs()]


# When


def test_a_call_is_made_when_it_is_due_and_not_before(backend: Backend, jobs: Any) -> None:
    began = backend.now
    id = backend.mutation(jobs.later, seconds=60, text="a")
    backend.advance(seconds=59.999)
    assert backend.query(jobs.texts) == []
    [job] = backend.jobs()
    assert (job.id, job.state, job.function, job.args) == (id, "pending", "jobs:add", {"text": "a"})
    backend.advance(seconds=0.001)
    assert backend.query(jobs.texts) == ["a"]
    [job] = backend.jobs()
    assert (job.state, job.result, job.error) == ("success", 1, None)
    assert job.scheduled_for == job.completed_at == began + timedelta(seconds=60)


def test_a_time_that_has_passed_means_as_soon_as_possible(backend: Backend, jobs: Any) -> None:
    backend.mutation(jobs.at, when=backend.now - timedelta(days=3), text="late")
    backend.mutation(jobs.later, seconds=0, text="now")
    assert backend.query(jobs.texts) == []
    backend.advance()
    assert backend.query(jobs.texts) == ["late", "now"]


def test_what_is_due_at_different_times_runs_in_their_order(backend: Backend, jobs: Any) -> None:
    for seconds in (30, 10, 20, 10):
        backend.mutation(jobs.later, seconds=seconds, text=str(seconds))
    backend.advance(minutes=1)
    assert backend.query(jobs.texts) == ["10", "10", "20", "30"]


def test_each_moment_is_seen_by_what_is_due_then(backend: Backend, jobs: Any) -> None:
    backend.mutation(jobs.start_chain, left=3)
    began = backend.now
    backend.advance(minutes=10)
    moments = [began + timedelta(minutes=minute) for minute in (1, 2, 3, 4)]
    expected = [f"{left} at {moment:%M:%S}" for left, moment in zip((3, 2, 1, 0), moments, strict=True)]
    assert backend.query(jobs.texts) == expected
    assert backend.now == began + timedelta(minutes=10)


def test_an_endless_chain_without_delay_ends_the_test_with_its_name(tmp_path: Path) -> None:
    with Application(tmp_path) as app:
        app.backend.mutation(app.module("jobs").forever)
        with pytest.raises(AssertionError, match="jobs:forever"):
            app.backend.advance(seconds=1)


# The transaction


def test_what_a_failing_mutation_scheduled_is_undone(backend: Backend, jobs: Any) -> None:
    with pytest.raises(ValueError):
        backend.mutation(jobs.later_or_fail, text="a", fail=True)
    assert backend.jobs() == []


@pytest.mark.parametrize(("fail", "expected"), [(True, ["outer"]), (False, ["inner", "outer"])])
def test_what_a_nested_mutation_scheduled_is_undone_with_it(
    backend: Backend, jobs: Any, fail: bool, expected: list[str]
) -> None:
    backend.mutation(jobs.nested, fail=fail)
    backend.advance(seconds=1)
    assert backend.query(jobs.texts) == expected


def test_a_call_that_fails_leaves_nothing_but_its_error(backend: Backend, jobs: Any) -> None:
    backend.mutation(jobs.later, seconds=1, text="bad")
    backend.mutation(jobs.later, seconds=1, text="good")
    backend.advance(seconds=1)
    assert backend.query(jobs.texts) == ["good"]
    bad, good = backend.jobs()
    assert (bad.state, bad.error, bad.result) == ("failed", "ValueError: no bad texts", None)
    assert (good.state, good.error, good.result) == ("success", None, 4)


def test_a_call_that_runs_for_ever_fails_and_does_not_take_others_with_it(tmp_path: Path) -> None:
    with Application(tmp_path, limits=Limits(run_seconds=0.2)) as app:
        backend, jobs = app.backend, app.module("jobs")
        backend.mutation(jobs.later, seconds=1, text="before")
        backend.mutation(jobs.spin_later)
        backend.mutation(jobs.later, seconds=1, text="after")
        backend.advance(seconds=1)
        assert backend.query(jobs.texts) == ["before", "after"]
        assert states(backend) == ["success", "failed", "success"]
        assert "run seconds: jobs:spin was stopped after 0.2 s" in (backend.jobs()[1].error or "")


def test_nobody_is_signed_in_and_internal_functions_are_open(backend: Backend, jobs: Any) -> None:
    ann = backend.signed_in("ann")
    ann.mutation(jobs.later, seconds=1, text="public")
    ann.mutation(jobs.hidden_later, text="internal")
    backend.advance(seconds=1)
    assert backend.query(jobs.texts) == ["public", "internal"]


def test_a_run_knows_the_job_that_it_is(backend: Backend, jobs: Any) -> None:
    id = backend.mutation(jobs.later, seconds=1, text="a")
    backend.mutation(jobs.add, text="b")
    backend.advance(seconds=1)
    assert backend.query(jobs.jobs_of_notes) == [None, id]


def test_a_thousand_calls_run_once_each_and_in_order(backend: Backend, jobs: Any) -> None:
    for _ in range(3):
        backend.mutation(jobs.many, count=1_000)
    backend.advance(seconds=1)
    expected = [f"{number:04}" for _ in range(3) for number in range(1_000)]
    assert backend.query(jobs.texts) == expected
    assert states(backend) == ["success"] * 3_000


# Actions


def test_an_action_is_running_until_its_result_is_on_record(backend: Backend, jobs: Any) -> None:
    id = backend.mutation(jobs.work_later, text="a")
    with backend.subscribe(jobs.get, id=id) as updates:
        backend.advance(seconds=1)
        seen: list[str] = []
        while not seen or seen[-1] != "success":
            seen.append(updates.next().state)
    assert seen in (["pending", "running", "success"], ["pending", "success"])
    [job] = backend.jobs()
    assert (job.result, job.error) == ("did a", None)
    assert job.started_at is not None


def test_an_action_that_fails_is_not_repeated(backend: Backend, jobs: Any) -> None:
    backend.mutation(jobs.work_later, text="bad")
    backend.advance(hours=1)
    [job] = backend.jobs()
    assert (job.state, job.error) == ("failed", "ValueError: bad work")


@pytest.mark.parametrize("name", ["schedule_from_action", "schedule_from_thread"])
def test_actions_schedule_too_each_call_for_itself(backend: Backend, jobs: Any, name: str) -> None:
    backend.action(getattr(jobs, name), text="a")
    backend.advance(seconds=1)
    assert backend.query(jobs.texts) == ["a", "a work"]
    assert states(backend) == ["success", "cancelled", "success"]


def test_more_actions_than_may_run_wait_in_the_database(tmp_path: Path) -> None:
    with Application(tmp_path, limits=Limits(scheduled_actions_running=3, scheduled_queued=8)) as app:
        backend, jobs = app.backend, app.module("jobs")
        for number in range(40):
            backend.mutation(jobs.work_later, text=str(number))
        backend.advance(seconds=1)
        assert sorted(map(int, backend.query(jobs.texts))) == list(range(40))


# Cancelling


def test_a_cancelled_call_is_not_made(backend: Backend, jobs: Any) -> None:
    id = backend.mutation(jobs.later, seconds=5, text="a")
    backend.mutation(jobs.cancel, id=id)
    backend.mutation(jobs.cancel, id=id)
    backend.advance(seconds=5)
    assert backend.query(jobs.texts) == []
    assert states(backend) == ["cancelled"]


def test_a_call_that_was_made_stays_what_it_was(backend: Backend, jobs: Any) -> None:
    id = backend.mutation(jobs.later, seconds=5, text="a")
    backend.advance(seconds=5)
    backend.mutation(jobs.cancel, id=id)
    assert states(backend) == ["success"]


def test_a_scheduled_mutation_cannot_cancel_itself(backend: Backend, jobs: Any) -> None:
    backend.mutation(jobs.schedule_cancel_self)
    backend.advance()
    [job] = backend.jobs()
    assert job.state == "failed"
    assert "jobs:cancel_self cannot cancel itself" in (job.error or "")


# What is refused


@pytest.mark.parametrize(
    ("what", "error", "text"),
    [
        (
            "query",
            TypeError,
            "ctx.scheduler runs mutations and actions, by the decorated function; texts is a query",
        ),
        ("function", TypeError, "got <built-in function len>"),
        ("argument", ArgumentError, "jobs:add: `\\$.text`: expected str, got 5"),
        ("missing", ArgumentError, "jobs:add: the argument `text` is missing"),
        ("negative", ArgumentError, r"after\(-1, ...\): not a delay in seconds: it is negative"),
        ("nan", ArgumentError, "not a delay in seconds"),
        ("far", ArgumentError, "it is longer than five years"),
        ("naive", ArgumentError, "needs a datetime with a time zone"),
        ("id", ArgumentError, "is not the id of a scheduled function"),
    ],
)
def test_mistakes_are_named_when_they_are_made(
    backend: Backend, jobs: Any, what: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        backend.mutation(jobs.wrong, what=what)
    assert backend.jobs() == []


def test_one_mutation_schedules_a_thousand_calls_at_most(backend: Backend, jobs: Any) -> None:
    with pytest.raises(
        LimitError, match="scheduled functions: 1,001 scheduled by one mutation, the limit is 1,000"
    ):
        backend.mutation(jobs.many, count=1_001)
    assert backend.jobs() == []


def test_no_more_calls_may_wait_than_the_limit(tmp_path: Path) -> None:
    limits = Limits(scheduled_pending=10, scheduled_mutations_running=2)
    with Application(tmp_path, limits=limits) as app:
        backend, jobs = app.backend, app.module("jobs")
        with pytest.raises(LimitError, match="scheduled pending: 10 calls wait to be made"):
            backend.mutation(jobs.many, count=11)
        assert backend.jobs() == []
        backend.advance(seconds=1)
        backend.mutation(jobs.many, count=8)
        ids = [backend.mutation(jobs.later, seconds=60, text="x") for _ in range(2)]
        with pytest.raises(
            LimitError, match="See what waits with `syncline jobs`, cancel what is not needed"
        ):
            backend.mutation(jobs.later, seconds=60, text="one too many")
        with pytest.raises(LimitError, match="raise scheduled_pending under"):
            backend.action(jobs.schedule_from_action, text="x")
        # What has been made or cancelled makes room.
        backend.mutation(jobs.cancel, id=ids[0])
        backend.advance(seconds=2)
        assert len(backend.query(jobs.texts)) == 8
        backend.mutation(jobs.many, count=9)
        with pytest.raises(LimitError, match="scheduled pending: 10 calls"):
            backend.mutation(jobs.later, seconds=60, text="x")


def test_the_scheduler_reads_without_the_time_limit_of_the_query_before(tmp_path: Path) -> None:
    with running(tmp_path, {"jobs": JOBS}, limits={"run_seconds": 0.3}) as server:
        for _ in range(10):
            server.value("mutation", "jobs:many", count=100)
        server.value("query", "jobs:texts")
        found: Future[int | Exception] = Future()

        def read(reader: Reader, catalog: Catalog) -> int:
            end, keys = time.monotonic() + 0.4, 0
            while time.monotonic() < end:
                index = catalog.of(ScheduledJob).by_index[ScheduledJob.by_state].id
                keys = len(list(reader.scan_keys(index, b"", None)))
            return keys

        server.deployment.engine.read(read, found.set_result)
        assert found.result(20) == 1_000


@pytest.mark.long
def test_ten_thousand_queued_calls_are_made_once_each_by_a_real_server(tmp_path: Path) -> None:
    with running(tmp_path, {"jobs": JOBS}, limits={"array_items": 10_000}) as server:
        for _ in range(10):
            server.value("mutation", "jobs:many", count=1_000)
        driver = server.deployment.jobs
        while not server.call(lambda: driver.idle and driver.next_ms is None):
            time.sleep(0.05)  # not to take the time that the jobs need
        assert sorted(server.value("query", "jobs:texts")) == [
            f"{number // 10:04}" for number in range(10_000)
        ]


def test_arguments_may_be_large_but_not_without_end(backend: Backend, jobs: Any) -> None:
    backend.mutation(jobs.too_many_bytes, calls=1, size=3 * 2**20)
    with pytest.raises(LimitError, match="scheduled argument bytes: the arguments of jobs:add have 4,194,"):
        backend.mutation(jobs.too_many_bytes, calls=1, size=4 * 2**20)
    with pytest.raises(LimitError, match="scheduled bytes: the arguments of all calls"):
        backend.mutation(jobs.too_many_bytes, calls=3, size=3 * 2**20)
    assert len(backend.jobs()) == 1


# Afterwards


def test_jobs_are_forgotten_a_week_after_their_end(backend: Backend, jobs: Any) -> None:
    backend.mutation(jobs.later, seconds=1, text="a")
    backend.mutation(jobs.later, seconds=10 * 24 * 3600, text="b")
    backend.advance(days=6, hours=23)
    assert states(backend) == ["success", "pending"]
    backend.advance(hours=1, minutes=15)
    assert states(backend) == ["pending"]
