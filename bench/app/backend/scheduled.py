"""Many jobs that are due at once."""

from __future__ import annotations

from syncline import Document, MutationCtx, QueryCtx, mutation, query


class Click(Document):
    note: str = ""


class Effect(Document):
    number: int


@mutation
def run(ctx: MutationCtx, number: int) -> None:
    ctx.db.insert(Effect(number=number))


@mutation
def plan(ctx: MutationCtx, first: int, count: int, seconds: float) -> None:
    for number in range(first, first + count):
        ctx.scheduler.after(seconds, run, number=number)


@query
def newest(ctx: QueryCtx) -> int:
    """How many there are, as long as they are done in their order: about."""
    effect = ctx.db.query(Effect).order("desc").first()
    return 0 if effect is None else effect.number + 1


@query
def exact(ctx: QueryCtx) -> int:
    return ctx.db.query(Effect).count()


@mutation
def click(ctx: MutationCtx) -> None:
    ctx.db.insert(Click())
