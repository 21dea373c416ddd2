"""What an earlier process left, code that changes, a clock that jumps, a disk that is full."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from support.applications import write_application
from support.jobs import JOBS
from support.lives import Process, World
from support.powercut import Fault, disk
from syncline.functions.job_records import INTERRUPTED
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits
from syncline.store import Store

HOUR_NS = 3600 * 10**9


@pytest.fixture
def world(tmp_path: Path) -> Generator[World]:
    write_application(tmp_path, jobs=JOBS)
    world = World(tmp_path)
    yield world
    world.store.close()


def test_what_was_due_while_the_server_was_down_runs_when_it_is_up(world: World) -> None:
    with world.process() as process:
        process.call("jobs:later", seconds=60, text="a")
        process.call("jobs:later", seconds=30, text="b")
    world.clock.advance(3600)
    with world.process() as process:
        process.settle()
        assert process.call("jobs:texts") == ["b", "a"]
        assert process.jobs.stats().max_lag == 3570


def test_an_action_that_was_interrupted_fails_and_is_not_started_again(world: World) -> None:
    with world.process() as process:
        process.hold_actions = True
        process.call("jobs:work_later", text="a")
        world.clock.advance(1)
        process.jobs.tick()
        process.run_until(lambda: bool(process.held))
        assert [job["state"] for job in process.listed()] == ["running"]
    with world.process() as process:
        process.settle()
        assert process.call("jobs:texts") == []
        [job] = process.listed()
        assert (job["state"], job["error"]) == ("failed", INTERRUPTED)
        assert "it is not started again" in INTERRUPTED


def test_a_running_action_that_is_cancelled_stays_cancelled(world: World) -> None:
    with world.process() as process:
        process.hold_actions = True
        id = process.call("jobs:work_later", text="a")
        world.clock.advance(1)
        process.jobs.tick()
        process.run_until(lambda: bool(process.held))
        process.call("jobs:cancel", id=id)
        [held] = process.held
        process.engine.act(held)
        process.run_until(lambda: process.jobs.idle)
        [job] = process.listed()
        assert (job["state"], job["result"]) == ("cancelled", None)


def test_a_job_whose_function_is_gone_fails_and_says_so(world: World) -> None:
    with world.process() as process:
        process.call("jobs:later", seconds=60, text="a")
        process.call("jobs:work_later", text="b")
        (world.folder / "backend" / "jobs.py").write_text("def nothing() -> None: ...\n")
        process.reload(world.folder)
        process.pass_time(60)
        mutation, action = process.listed()
        assert mutation["state"] == action["state"] == "failed"
        assert mutation["error"].startswith(
            "FunctionNotFoundError: jobs:add is gone: it was scheduled as a mutation, and the code in force has no such function"
        )
        assert "jobs:work is gone: it was scheduled as an action" in action["error"]


def test_arguments_that_no_longer_fit_fail_and_say_so(world: World) -> None:
    with world.process() as process:
        process.call("jobs:later", seconds=60, text="a")
        source = (world.folder / "backend" / "jobs.py").read_text()
        (world.folder / "backend" / "jobs.py").write_text(
            source.replace(
                "def add(ctx: MutationCtx, text: str)", "def add(ctx: MutationCtx, texts: list[str])"
            )
            .replace("text=text if identity is None", "text=texts[0] if identity is None")
            .replace('text.startswith("bad")', "not texts")
            .replace("len(text)", "len(texts)")
            .replace("{text} texts", "{texts}")
            .replace("{text} of", "{texts} of")
        )
        process.reload(world.folder)
        process.pass_time(60)
        [job] = process.listed()
        assert job["state"] == "failed"
        assert "ArgumentError" in job["error"] and "texts" in job["error"]


# Clocks


def test_a_clock_that_jumps_ahead_makes_due_what_lies_between(world: World) -> None:
    with world.process() as process:
        process.call("jobs:later", seconds=3600, text="a")
        world.clock.jump(world.clock.wall_ns() + 2 * HOUR_NS)
        process.settle()
        assert process.call("jobs:texts") == ["a"]


def test_a_clock_that_is_put_back_lets_jobs_wait_for_their_time(world: World) -> None:
    with world.process() as process:
        process.call("jobs:later", seconds=60, text="a")
        world.clock.jump(world.clock.wall_ns() - HOUR_NS)
        process.settle()
        process.call("jobs:later", seconds=10, text="b")
        process.pass_time(10)
        assert process.call("jobs:texts") == ["b"]
        process.pass_time(3650)
        assert process.call("jobs:texts") == ["b", "a"]


CRON = """
    from syncline import Document, MutationCtx, QueryCtx, every, mutation, query


    class Note(Document):
        text: str


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @every(minutes=5)
    @mutation
    def sweep(ctx: MutationCtx) -> None:
        ctx.db.insert(Note(text=f"{ctx.now:%H:%M:%S}"))
"""


@pytest.fixture
def crons(tmp_path: Path) -> Generator[World]:
    write_application(tmp_path, jobs=CRON)
    world = World(tmp_path)
    yield world
    world.store.close()


def test_one_run_makes_up_for_those_that_were_missed(crons: World) -> None:
    with crons.process() as process:
        process.pass_time(300)
    crons.clock.advance(3610)
    with crons.process() as process:
        process.settle()
        assert process.call("jobs:texts") == ["08:05:00", "09:05:10"]
        process.pass_time(290)
        assert process.call("jobs:texts") == ["08:05:00", "09:05:10", "09:10:00"]


def test_restarts_do_not_move_crons(crons: World) -> None:
    for _ in range(4):
        with crons.process():
            crons.clock.advance(60)
    with crons.process() as process:
        process.pass_time(60)
        assert process.call("jobs:texts") == ["08:05:00"]


def test_a_small_step_back_of_the_clock_repeats_no_run(crons: World) -> None:
    with crons.process() as process:
        process.pass_time(300)
        crons.clock.jump(crons.clock.wall_ns() - 90 * 10**9)
        process.settle()
        process.pass_time(90)
        assert process.call("jobs:texts") == ["08:05:00"]
        process.pass_time(300)
        assert process.call("jobs:texts") == ["08:05:00", "08:10:00"]


def test_a_clock_that_was_years_ahead_does_not_silence_crons_for_years(crons: World) -> None:
    right = crons.clock.wall_ns()
    crons.clock.jump(right + 4 * 365 * 24 * HOUR_NS)
    with crons.process() as process:
        process.pass_time(300)
        crons.clock.jump(right)
        process.jobs.tick()
        process.run_until(lambda: process.jobs.ready)
        process.pass_time(300)
        assert len(process.call("jobs:texts")) == 2


def test_crons_follow_the_code(crons: World) -> None:
    file = crons.folder / "backend" / "jobs.py"
    with crons.process() as process:
        crons.clock.advance(60)
        file.write_text(file.read_text().replace("@every(minutes=5)", "@every(minutes=1)"))
        process.reload(crons.folder)
        process.pass_time(60)
        assert process.call("jobs:texts") == ["08:02:00"]
        file.write_text(file.read_text().replace("@every(minutes=1)\n", ""))
        process.reload(crons.folder)
        process.pass_time(600)
        assert process.call("jobs:texts") == ["08:02:00"]
        assert process.call("_system/jobs:crons") == []
        assert [job["state"] for job in process.listed()] == ["success", "cancelled"]


def test_records_that_were_lost_are_made_anew(crons: World) -> None:
    with crons.process() as process:
        [entry] = process.call("_system/jobs:crons")
        process.call("_system/jobs:cancel", id=entry["job"])
        process.reload(crons.folder)
        process.pass_time(600)
        assert process.call("jobs:texts") == ["08:10:00"]


def test_a_full_disk_delays_jobs_and_loses_none(tmp_path: Path) -> None:
    write_application(tmp_path, jobs=JOBS)
    clock = FakeClock()
    with disk() as failing:
        store = Store(tmp_path / "syncline.db", clock=clock, limits=Limits(), vfs=failing.name)
        process = Process(store, clock, tmp_path)
        process.begin()
        process.call("jobs:later", seconds=1, text="x" * 100_000)
        process.call("jobs:work_later", text="work")
        failing.fail(Fault.ENOSPC, 1, lasting=True)
        clock.advance(1)
        for _ in range(8):
            process.jobs.tick()
            clock.advance(60)
        assert process.call("jobs:texts") == []
        failing.repair()
        while not process.jobs.idle:
            clock.advance(60)
            process.jobs.tick()
            process.turn()
        assert sorted(map(len, process.call("jobs:texts"))) == [4, 100_000]
        assert [job["state"] for job in process.listed()] == ["success", "success"]
        process.end()
        store.close()


def test_a_full_lane_delays_jobs_and_loses_none(world: World) -> None:
    with world.process(Limits(lane_queue=2)) as process:
        for number in range(20):
            process.call("jobs:later", seconds=1, text=str(number))
        world.clock.advance(1)
        for _ in range(200):
            process.jobs.tick()
            if process.jobs.idle:
                break
            process.turn()
            world.clock.advance(0.1)
        assert sorted(map(int, process.call("jobs:texts"))) == list(range(20))


WAITING = """
    import asyncio

    from syncline import ActionCtx, Id, MutationCtx, ScheduledJob, action, mutation

    events: list[str] = []


    @action
    async def wait(ctx: ActionCtx) -> None:
        try:
            events.append("began")
            await asyncio.sleep(60)
        finally:
            events.append("stopped")


    @mutation
    def plan(ctx: MutationCtx) -> Id[ScheduledJob]:
        return ctx.scheduler.after(0, wait)


    @mutation
    def cancel(ctx: MutationCtx, id: Id[ScheduledJob]) -> None:
        ctx.scheduler.cancel(id)
"""


def test_cancelling_a_running_action_stops_it(tmp_path: Path) -> None:
    write_application(tmp_path, work=WAITING)
    world = World(tmp_path)
    with world.process() as process:
        events: list[str] = sys.modules["backend.work"].events
        id = process.call("work:plan")
        while "began" not in events:
            process.turn()
        process.call("work:cancel", id=id)
        process.run_until(lambda: process.jobs.idle)
        while "stopped" not in events:  # It stops on a thread of its own.
            process.turn()
        assert events == ["began", "stopped"]
        assert [job["state"] for job in process.listed()] == ["cancelled"]
    world.store.close()
