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
    from datetime import datetime

    from syncline import Document, Id, MutationCtx, QueryCtx, ScheduledJob, mutation, query


    class Note(Document):
        text: str
        job: str | None


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @mutation
    def add(ctx: MutationCtx, text: str) -> int:
        if text == "bad":
            raise ValueError("no bad texts")
        ctx.db.insert(Note(text=text, job=ctx.scheduler.job))
        return len(text)


    @mutation
    def later(ctx: MutationCtx, seconds: float, text: str) -> Id[ScheduledJob]:
        return ctx.scheduler.after(seconds, add, text=text)
"""


class Application:
    """A backend of given modules, and the fake world that it runs in."""

    def __init__(self, folder: Path, jobs: str, limits: Limits | None = None, **modules: str) -> None:
        self._release = load_application(write_application(folder, jobs=jobs, **modules))
        self.backend = Backend(self._release, limits=limits)

    def module(self, name: str) -> ModuleType:
        return sys.modules[f"backend.{name}"]

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        self.backend.close()
        self._release.modules.close()
