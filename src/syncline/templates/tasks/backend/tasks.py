"""Tasks: a list that is live in every window."""

from typing import TypedDict

from syncline import AppError, Id, MutationCtx, QueryCtx, mutation, query

from .schema import Task

LONGEST_TITLE = 200


class Counts(TypedDict):
    open: int
    done: int


@query(name="list")
def list_tasks(ctx: QueryCtx, limit: int = 200) -> list[Task]:
    """The tasks, the newest first."""
    return ctx.db.query(Task).order("desc").take(limit)


@query
def counts(ctx: QueryCtx) -> Counts:
    """How many tasks are open, and how many are done."""
    tasks = ctx.db.query(Task)
    return {"open": tasks.where(done=False).count(), "done": tasks.where(done=True).count()}


@mutation
def add(ctx: MutationCtx, title: str) -> Id[Task]:
    """Stores a task."""
    if not 1 <= len(title := title.strip()) <= LONGEST_TITLE:
        message = f"A title has 1 to {LONGEST_TITLE} characters."
        raise AppError({"code": "bad_title", "message": message})
    return ctx.db.insert(Task(title=title))


@mutation
def set_done(ctx: MutationCtx, task: Id[Task], done: bool) -> None:
    """Ticks a task off, or opens it again."""
    ctx.db.patch(task, done=done)


@mutation
def remove(ctx: MutationCtx, task: Id[Task]) -> None:
    """Deletes a task."""
    ctx.db.delete(task)
