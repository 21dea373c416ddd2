"""`@workflow`: steps that are done once, sleeps, events, parallel steps, failures, and code that changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.jobs import Application
from syncline import ArgumentError
from syncline.functions import load_application
from syncline.functions.system.workflows import watch
from syncline.kernel.errors import SetupError
from syncline.kernel.limits import Limits
from syncline.testing import Backend

FLOWS = """
    import asyncio
    from datetime import timedelta

    from syncline import (
        ActionCtx, AppError, Document, Id, MutationCtx, QueryCtx, Retry, StepError, SyncActionCtx, WorkflowCtx,
        WorkflowRun, action, mutation, query, workflow
    )

    attempts: list[str] = []
    passes: list[str] = []


    class Note(Document):
        text: str


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @mutation
    def add(ctx: MutationCtx, text: str) -> int:
        if text.startswith("bad"):
            raise AppError({"code": text})
        ctx.db.insert(Note(text=text))
        return ctx.db.query(Note).count()


    @action
    async def shout(ctx: ActionCtx, text: str, failures: int = 0) -> str:
        attempts.append(text)
        if attempts.count(text) <= failures:
            raise ConnectionError(f"{text} {attempts.count(text)}")
        await asyncio.sleep(0)
        return text.upper()


    @action(process=True)
    def far(ctx: SyncActionCtx, number: int) -> int:
        return number * number


    @workflow
    async def onboarding(ctx: WorkflowCtx, name: str) -> str:
        passes.append(f"{ctx.now:%d %H:%M}")
        count = await ctx.step(add, text=f"hello {name}")
        loud = await ctx.step(shout, text=name)
        await ctx.sleep(days=3)
        await ctx.step(add, text=f"tips for {loud}")
        return f"{name} is number {count}"


    @workflow
    async def approval(ctx: WorkflowCtx, days: int) -> str:
        try:
            answer = await ctx.wait_for("decision", timeout=timedelta(days=days))
        except TimeoutError as error:
            return f"nobody: {error}"
        return f"decided: {answer['by']}"


    @workflow(retry=None)
    async def side_by_side(ctx: WorkflowCtx, texts: list[str]) -> list[str]:
        calls = [ctx.step(shout, text=text) for text in texts]
        squared, slept = await ctx.gather(ctx.step(far, number=7), ctx.sleep(minutes=1))
        assert slept is None
        return [*await ctx.gather(*calls), str(squared)]


    @workflow(retry=Retry(3, first=60))
    async def flaky(ctx: WorkflowCtx, failures: int) -> str:
        return await ctx.step(shout, text="flaky", failures=failures)


    @workflow
    async def refused(ctx: WorkflowCtx, text: str) -> str:
        try:
            await ctx.step(add, text=text)
        except StepError as error:
            await ctx.step(add, text=f"{error.function} {error.data['code']}")
            return "rescued"
        return "unreached"


    @workflow
    async def broken(ctx: WorkflowCtx) -> None:
        await ctx.step(add, text="before")
        raise ValueError("on the way")


    @workflow
    async def cleans_up(ctx: WorkflowCtx) -> str:
        try:
            await ctx.sleep(minutes=1)
        finally:
            await ctx.step(add, text="cleaned")
        return "done"


    @workflow
    async def chance(ctx: WorkflowCtx) -> list[int]:
        first = ctx.random.randrange(10**9)
        await ctx.sleep(seconds=1)
        await ctx.step(add, text=str(first))
        return [first, ctx.random.randrange(10**9)]


    @workflow(internal=True)
    async def endless(ctx: WorkflowCtx) -> None:
        while True:
            await ctx.sleep(seconds=1)


    @mutation
    def start_and_fail(ctx: MutationCtx) -> None:
        ctx.run(onboarding, name="nobody")
        raise ValueError("undone")


    @mutation
    def start_later(ctx: MutationCtx) -> None:
        ctx.scheduler.after(60, approval, days=1)


    @mutation
    def decide(ctx: MutationCtx, id: Id[WorkflowRun], by: str) -> None:
        ctx.workflows.send(id, "decision", {"by": by})


    @mutation
    def cancel(ctx: MutationCtx, id: Id[WorkflowRun]) -> None:
        ctx.workflows.cancel(id)
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, "", flows=FLOWS) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def flows(app: Application) -> Any:
    return app.module("flows")


def shown(backend: Backend, id: Any) -> Any:
    found = backend.query(watch, id=id)
    assert found is not None
    return found


def result(backend: Backend, id: Any) -> Any:
    found = shown(backend, id)
    assert found["state"] == "success", found
    return found["result"]


def test_steps_are_done_once_in_order_with_days_between(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.onboarding, name="ann")
    assert shown(backend, id)["state"] == "running"
    backend.advance()
    assert backend.query(flows.texts) == ["hello ann"]
    assert [step["name"] for step in shown(backend, id)["steps"]] == ["flows:add", "flows:shout", "sleep"]
    backend.advance(days=2, hours=23)
    assert backend.query(flows.texts) == ["hello ann"]
    backend.advance(hours=1)
    assert backend.query(flows.texts) == ["hello ann", "tips for ANN"]
    assert result(backend, id) == "ann is number 1"
    assert flows.attempts == ["ann"]


def test_progress_is_live(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.onboarding, name="ann")
    with backend.subscribe(watch, id=id) as updates:
        backend.advance(days=3)
        counts: list[int] = []
        for _ in range(updates.count):
            seen = updates.next()
            assert seen is not None
            counts.append(len([step for step in seen["steps"] if step["state"] == "success"]))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 4)


def test_starting_is_a_part_of_the_transaction(backend: Backend, flows: Any) -> None:
    with pytest.raises(ValueError):
        backend.mutation(flows.start_and_fail)
    backend.advance(days=5)
    assert backend.query(flows.texts) == []


def test_a_workflow_can_be_scheduled_like_any_mutation(backend: Backend, flows: Any) -> None:
    backend.mutation(flows.start_later)
    backend.advance(minutes=1)
    [job] = backend.jobs(flows.approval)
    assert job.state == "success"
    assert shown(backend, job.result)["state"] == "running"


def test_it_waits_for_people(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.approval, days=7)
    backend.advance(days=6)
    backend.mutation(flows.decide, id=id, by="ann")
    backend.advance()
    assert result(backend, id) == "decided: ann"
    with pytest.raises(ArgumentError, match=r"has ended \(success\): no event reaches it any more"):
        backend.mutation(flows.decide, id=id, by="bob")


def test_an_event_may_come_before_it_is_waited_for(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.approval, days=7)
    backend.mutation(flows.decide, id=id, by="ann")
    backend.advance()
    assert result(backend, id) == "decided: ann"


def test_it_does_not_wait_for_ever(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.approval, days=7)
    backend.advance(days=7)
    assert result(backend, id) == "nobody: the event 'decision' did not come in time"


def test_steps_run_side_by_side(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.side_by_side, texts=["a", "b", "c"])
    backend.advance()
    assert {step["state"] for step in shown(backend, id)["steps"] if step["name"] == "flows:shout"} == {
        "success"
    }
    backend.advance(minutes=1)
    assert result(backend, id) == ["A", "B", "C", "49"]


@pytest.mark.parametrize(("failures", "state"), [(0, "success"), (3, "success"), (4, "failed")])
def test_a_step_is_attempted_as_its_policy_says(
    backend: Backend, flows: Any, failures: int, state: str
) -> None:
    id = backend.mutation(flows.flaky, failures=failures)
    backend.advance(hours=1)
    found = shown(backend, id)
    assert found["state"] == state
    assert found["steps"][0]["attempt"] == min(failures, 3) + 1
    assert len(flows.attempts) == min(failures, 3) + 1
    if state == "failed":
        assert found["error"] == "flows:shout failed: ConnectionError: flaky 4"


def test_what_is_meant_is_not_repeated_and_can_be_caught(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.refused, text="bad idea")
    backend.advance()
    assert result(backend, id) == "rescued"
    assert backend.query(flows.texts) == ["flows:add bad idea"]
    assert [step["attempt"] for step in shown(backend, id)["steps"]] == [1, 1]


def test_an_error_of_its_own_ends_it(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.broken)
    backend.advance()
    found = shown(backend, id)
    assert (found["state"], found["error"]) == ("failed", "ValueError: on the way")
    assert backend.query(flows.texts) == ["before"]


def test_clean_up_is_done_when_its_time_has_come(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.cleans_up)
    backend.advance(seconds=59)
    assert backend.query(flows.texts) == []
    backend.advance(seconds=1)
    assert backend.query(flows.texts) == ["cleaned"]
    assert result(backend, id) == "done"


def test_chance_and_time_are_the_same_at_each_pass(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.chance)
    backend.advance(seconds=1)
    first, second = result(backend, id)
    assert backend.query(flows.texts) == [str(int(first))]
    assert first != second
    backend.mutation(flows.onboarding, name="x")
    backend.advance(days=3)
    assert len(set(flows.passes)) == 1


def test_a_cancelled_one_does_nothing_more(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.onboarding, name="ann")
    backend.advance()
    backend.mutation(flows.cancel, id=id)
    backend.advance(days=5)
    assert backend.query(flows.texts) == ["hello ann"]
    found = shown(backend, id)
    assert (found["state"], found["steps"][-1]["state"]) == ("cancelled", "cancelled")


def test_only_who_started_it_sees_it(backend: Backend, flows: Any) -> None:
    ann, bob = backend.signed_in("ann"), backend.signed_in("bob")
    id = ann.mutation(flows.onboarding, name="ann")
    assert ann.query(watch, id=id) is not None
    assert bob.query(watch, id=id) is None
    assert backend.query(watch, id=id) is None


def test_an_endless_one_is_ended_at_its_limit(tmp_path: Path) -> None:
    with Application(tmp_path, "", flows=FLOWS, limits=Limits(workflow_steps=20)) as app:
        id = app.backend.mutation(app.module("flows").endless)
        app.backend.advance(seconds=30)
        found = shown(app.backend, id)
        assert found["state"] == "failed"
        assert "workflow steps: 20 used, the limit is 20" in found["error"]


def test_runs_are_forgotten_a_week_after_their_end(backend: Backend, flows: Any) -> None:
    id = backend.mutation(flows.broken)
    backend.advance(days=6)
    assert backend.query(watch, id=id) is not None
    backend.advance(days=1, minutes=11)
    assert backend.query(watch, id=id) is None


def test_a_workflow_is_written_with_async_def(tmp_path: Path) -> None:
    source = """
    from syncline import WorkflowCtx, workflow

    @workflow
    def wrong(ctx: WorkflowCtx) -> None: ...
    """
    with pytest.raises(SetupError, match="wrong is not an `async def`; workflows are"):
        load_application(write_application(tmp_path, flows=source))
