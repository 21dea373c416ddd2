"""An application that schedules things, in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from syncline.functions import load_application
from syncline.kernel.limits import Limits
from syncline.testing import Backend

from .applications import write_application

JOBS = """
    from datetime import datetime, timedelta

    from syncline import (
        ActionCtx, Document, Id, MutationCtx, QueryCtx, ScheduledJob, SyncActionCtx, action, mutation, query
    )


    class Note(Document):
        text: str
        job: str | None


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @query(internal=True)
    def jobs_of_notes(ctx: QueryCtx) -> list[str | None]:
        return [note.job for note in ctx.db.query(Note)]


    @query(internal=True)
    def get(ctx: QueryCtx, id: Id[ScheduledJob]) -> ScheduledJob | None:
        return ctx.db.get(id)


    @mutation
    def add(ctx: MutationCtx, text: str) -> int:
        identity = ctx.auth.identity
        ctx.db.insert(Note(text=text if identity is None else f"{text} of {identity.subject}", job=ctx.scheduler.job))
        if text.startswith("bad"):
            raise ValueError(f"no {text} texts")
        return len(text)


    @mutation(internal=True)
    def add_hidden(ctx: MutationCtx, text: str) -> list[str]:
        add(ctx, text=text)
        return [text]


    @mutation
    def later(ctx: MutationCtx, seconds: float, text: str) -> Id[ScheduledJob]:
        return ctx.scheduler.after(seconds, add, text=text)


    @mutation
    def hidden_later(ctx: MutationCtx, text: str) -> Id[ScheduledJob]:
        return ctx.scheduler.after(timedelta(seconds=1), add_hidden, text)


    @mutation
    def at(ctx: MutationCtx, when: datetime, text: str) -> Id[ScheduledJob]:
        return ctx.scheduler.at(when, add, text=text)


    @mutation
    def cancel(ctx: MutationCtx, id: Id[ScheduledJob]) -> None:
        ctx.scheduler.cancel(id)


    @mutation
    def cancel_self(ctx: MutationCtx) -> None:
        assert ctx.scheduler.job is not None
        ctx.scheduler.cancel(ctx.scheduler.job)


    @mutation
    def schedule_cancel_self(ctx: MutationCtx) -> Id[ScheduledJob]:
        return ctx.scheduler.after(0, cancel_self)


    @mutation
    def nested(ctx: MutationCtx, fail: bool) -> None:
        try:
            ctx.run(later_or_fail, text="inner", fail=fail)
        except ValueError:
            pass
        ctx.scheduler.after(1, add, text="outer")


    @mutation
    def later_or_fail(ctx: MutationCtx, text: str, fail: bool) -> None:
        ctx.scheduler.after(1, add, text=text)
        if fail:
            raise ValueError("undone")


    @mutation
    def many(ctx: MutationCtx, count: int) -> None:
        for number in range(count):
            ctx.scheduler.after(1, add, text=f"{number:04}")


    @mutation
    def chain(ctx: MutationCtx, left: int) -> None:
        add(ctx, text=f"{left} at {ctx.now:%M:%S}")
        if left:
            ctx.scheduler.after(60, chain, left=left - 1)


    @mutation
    def start_chain(ctx: MutationCtx, left: int) -> None:
        ctx.scheduler.after(60, chain, left=left)


    @mutation
    def forever(ctx: MutationCtx) -> None:
        ctx.scheduler.after(0, forever)


    @mutation
    def spin(ctx: MutationCtx) -> None:
        ctx.db.insert(Note(text="never", job=None))
        while True:
            pass


    @mutation
    def spin_later(ctx: MutationCtx) -> Id[ScheduledJob]:
        return ctx.scheduler.after(1, spin)


    @action
    async def work(ctx: ActionCtx, text: str) -> str:
        if text == "bad":
            raise ValueError("bad work")
        await ctx.run(add, text=text)
        return f"did {text}"


    @action
    async def schedule_from_action(ctx: ActionCtx, text: str) -> Id[ScheduledJob]:
        await ctx.scheduler.at(ctx.now, add, text=text)
        cancelled = await ctx.scheduler.after(1, add, text="cancelled")
        await ctx.scheduler.cancel(cancelled)
        return await ctx.scheduler.after(timedelta(seconds=1), work, text=f"{text} work")


    @action
    def schedule_from_thread(ctx: SyncActionCtx, text: str) -> Id[ScheduledJob]:
        ctx.scheduler.at(ctx.now, add, text=text)
        cancelled = ctx.scheduler.after(1, add, text="cancelled")
        ctx.scheduler.cancel(cancelled)
        return ctx.scheduler.after(1, work, text=f"{text} work")


    @mutation
    def work_later(ctx: MutationCtx, text: str) -> Id[ScheduledJob]:
        return ctx.scheduler.after(1, work, text=text)


    @mutation
    def too_many_bytes(ctx: MutationCtx, calls: int, size: int) -> None:
        for _ in range(calls):
            ctx.scheduler.after(1, add, text="x" * size)


    @mutation
    def wrong(ctx: MutationCtx, what: str) -> None:
        match what:
            case "query":
                ctx.scheduler.after(1, texts)
            case "function":
                ctx.scheduler.after(1, len)
            case "argument":
                ctx.scheduler.after(1, add, text=5)
            case "missing":
                ctx.scheduler.after(1, add)
            case "negative":
                ctx.scheduler.after(-1, add, text="x")
            case "nan":
                ctx.scheduler.after(float("nan"), add, text="x")
            case "far":
                ctx.scheduler.after(timedelta(days=10_000), add, text="x")
            case "naive":
                ctx.scheduler.at(datetime(2030, 1, 1), add, text="x")
            case "id":
                ctx.scheduler.cancel(ctx.db.insert(Note(text="", job=None)))
            case _:
                raise AssertionError(what)
"""


class Application:
    """A backend of given modules, and the fake world that it runs in."""

    def __init__(self, folder: Path, jobs: str = JOBS, limits: Limits | None = None, **modules: str) -> None:
        self._release = load_application(write_application(folder, jobs=jobs, **modules))
        self.backend = Backend(self._release, limits=limits)

    def module(self, name: str) -> ModuleType:
        return sys.modules[f"backend.{name}"]

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        self.backend.close()
        self._release.modules.close()
