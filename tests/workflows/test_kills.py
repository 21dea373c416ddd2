"""A real server that is killed between, and within, the steps of workflows."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from support.applications import write_application
from support.restartable import RestartableServer

FLOWS = """
    import asyncio

    from syncline import (
        ActionCtx, Document, MutationCtx, QueryCtx, Retry, WorkflowCtx, WorkflowRun, action, mutation, query, workflow
    )


    class Note(Document):
        text: str


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @query
    def states(ctx: QueryCtx) -> dict[str, int]:
        found: dict[str, int] = {}
        for run in ctx.db.unrestricted.query(WorkflowRun):
            found[run.state] = found.get(run.state, 0) + 1
        return found


    @mutation
    def add(ctx: MutationCtx, text: str) -> str:
        ctx.db.insert(Note(text=text))
        return text


    @action
    async def work(ctx: ActionCtx, text: str) -> str:
        await asyncio.sleep(0.05)
        return text.upper()


    @workflow(retry=Retry(20, first=0.05, factor=1))
    async def flow(ctx: WorkflowCtx, name: str) -> str:
        for number in range(3):
            await ctx.step(add, text=f"{name} {number}")
            await ctx.sleep(seconds=0.1)
        loud, again = await ctx.gather(ctx.step(work, text=name), ctx.step(work, text=f"{name} again"))
        await ctx.step(add, text=f"{loud} {again}")
        return loud


    @mutation
    def begin(ctx: MutationCtx, batch: str, count: int) -> None:
        if ctx.db.query(Note).filter(lambda note: note.text == f"batch {batch}").exists():
            return
        ctx.db.insert(Note(text=f"batch {batch}"))
        for number in range(count):
            ctx.run(flow, name=f"{batch}-{number}")
"""


def run(folder: Path, seed: int, count: int, kills: int) -> None:
    chance = random.Random(seed)
    backend = write_application(folder, flows=FLOWS)
    with RestartableServer(backend, folder) as server:
        server.ask("mutation", "flows:begin", batch="a", count=count)
        for _ in range(kills):
            time.sleep(chance.uniform(0.02, 0.3))
            server.kill_serving_process()
            server.wait_until_it_answers()
        states = server.states_in_the_end("flows:states", "running")
        assert states == {"success": count}
        names = [f"a-{number}" for number in range(count)]
        expected = [f"{name} {number}" for name in names for number in range(3)]
        expected += [f"{name.upper()} {name.upper()} AGAIN" for name in names]
        assert Counter(server.ask("query", "flows:texts")) == Counter([*expected, "batch a"])


def test_each_step_is_done_once_whatever_the_moment(tmp_path: Path) -> None:
    run(tmp_path, seed=1, count=6, kills=2)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_each_step_is_done_once_in_many_worlds(tmp_path: Path, seed: int) -> None:
    run(tmp_path, seed, count=30, kills=20)
