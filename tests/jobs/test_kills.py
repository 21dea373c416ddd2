"""A real server that is killed at random moments: each scheduled mutation has its effect exactly once."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from support.applications import write_application
from support.restartable import RestartableServer

APPLICATION = """
    import asyncio

    from syncline import ActionCtx, Document, Index, MutationCtx, QueryCtx, ScheduledJob, action, every, mutation, query


    class Note(Document):
        text: str

        by_text = Index("text")


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @query
    def states(ctx: QueryCtx) -> dict[str, int]:
        found: dict[str, int] = {}
        for job in ctx.db.unrestricted.query(ScheduledJob):
            if job.cron is None:
                found[job.state] = found.get(job.state, 0) + 1
        return found


    @mutation
    def add(ctx: MutationCtx, text: str, again: int) -> None:
        ctx.db.insert(Note(text=text))
        if again:
            ctx.scheduler.after(0.05, add, text=f"{text}+", again=again - 1)


    @action
    async def work(ctx: ActionCtx, text: str) -> None:
        await asyncio.sleep(0.02)
        await ctx.run(add, text=text, again=0)


    @mutation
    def plan(ctx: MutationCtx, name: str, count: int) -> None:
        if ctx.db.query(Note).where(text=f"plan {name}").exists():
            return
        ctx.db.insert(Note(text=f"plan {name}"))
        for number in range(count):
            ctx.scheduler.after(ctx.random.random() * 2, add, text=f"{name} {number}", again=2)
        for number in range(count // 10):
            ctx.scheduler.after(ctx.random.random() * 2, work, text=f"{name} work {number}")


    @every(seconds=1)
    @mutation
    def beat(ctx: MutationCtx) -> None:
        ctx.db.insert(Note(text=f"beat {ctx.now:%H:%M:%S}"))
"""


def run(folder: Path, seed: int, plans: int, kills: int) -> None:
    chance = random.Random(seed)
    backend = write_application(folder, jobs=APPLICATION)
    with RestartableServer(backend, folder) as server:
        for number in range(plans):
            server.ask("mutation", "jobs:plan", name=str(number), count=100)
        for _ in range(kills):
            time.sleep(chance.uniform(0.05, 0.6))
            if chance.random() < 0.3:
                server.kill()
                server.start()
            else:
                server.kill_serving_process()
                server.wait_until_it_answers()
        states = server.states_in_the_end("jobs:states", "pending", "running")
        texts = server.ask("query", "jobs:texts")
        plain = Counter(
            text for text in texts if not text.startswith(("plan", "beat")) and "work" not in text
        )
        expected = {
            f"{plan} {number}{'+' * depth}"
            for plan in range(plans)
            for number in range(100)
            for depth in range(3)
        }
        assert plain == Counter(expected)
        worked = Counter(text for text in texts if "work" in text)
        assert set(worked.values()) <= {1}, "an action was started twice"
        assert states.get("success", 0) + states.get("failed", 0) == plans * 310
        # Whatever an interrupted action had done by then is done.
        assert len(worked) >= plans * 10 - states.get("failed", 0)
        beats = Counter(text for text in texts if text.startswith("beat"))
        assert set(beats.values()) <= {1, 2}, "a cron ran again and again"


@pytest.mark.parametrize("seed", [1])
def test_each_scheduled_mutation_has_its_effect_once(tmp_path: Path, seed: int) -> None:
    run(tmp_path, seed, plans=1, kills=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_each_scheduled_mutation_has_its_effect_once_whatever_the_moment(tmp_path: Path, seed: int) -> None:
    run(tmp_path, seed, plans=5, kills=25)
