"""Workflows that are under way when their code changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.lives import Process, World

FLOWS = """
    from syncline import Document, MutationCtx, QueryCtx, WorkflowCtx, mutation, query, workflow


    class Note(Document):
        text: str


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @mutation
    def add(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Note(text=text))


    @workflow
    async def flow(ctx: WorkflowCtx) -> None:
        await ctx.step(add, text="first")
        await ctx.sleep(hours=1)
        await ctx.step(add, text="last")
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    write_application(tmp_path, flows=FLOWS)
    world = World(tmp_path)
    yield world
    world.store.close()


def change(world: World, process: Process, old: str, new: str) -> None:
    file = world.folder / "backend" / "flows.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    process.reload(world.folder)


def watched(process: Process, id: str) -> Any:
    return process.call("_system/workflows:watch", id=id)


def test_what_comes_later_may_change(world: World) -> None:
    with world.process() as process:
        id = process.call("flows:flow")
        process.settle()
        change(world, process, 'text="last"', 'text="another"')
        process.pass_time(3600)
        assert process.call("flows:texts") == ["first", "another"]
        assert watched(process, id)["state"] == "success"


def test_what_is_on_record_may_not(world: World) -> None:
    with world.process() as process:
        id = process.call("flows:flow")
        process.settle()
        change(world, process, "await ctx.sleep(hours=1)\n", "await ctx.step(add, text='new')\n")
        process.pass_time(3600)
        found = watched(process, id)
        assert found["state"] == "failed"
        assert (
            "ChangedWorkflowError: the code of flows:flow has changed under a run of it: step 1 was sleep sleep, and now "
            "is call flows:add"
        ) in found["error"]
        assert process.call("flows:texts") == ["first"]


def test_one_that_is_gone_fails_and_says_so(world: World) -> None:
    with world.process() as process:
        id = process.call("flows:flow")
        process.settle()
        change(world, process, "async def flow", "async def renamed")
        process.pass_time(3600)
        assert watched(process, id)["error"] == "flows:flow is gone: the code in force has no such workflow"


def test_a_restart_goes_on_where_it_was(world: World) -> None:
    with world.process() as process:
        id = process.call("flows:flow")
    with world.process() as process:
        process.settle()
        assert process.call("flows:texts") == ["first"]
    with world.process() as process:
        process.pass_time(3600)
        assert process.call("flows:texts") == ["first", "last"]
        assert watched(process, id)["state"] == "success"
