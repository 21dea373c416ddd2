"""A small application for the tests of the test kit."""

from __future__ import annotations

from datetime import datetime

from syncline import (
    ActionCtx,
    AppError,
    Document,
    Id,
    Index,
    MutationCtx,
    QueryCtx,
    action,
    mutation,
    query,
)


class Note(Document):
    text: str
    user_id: str
    likes: int = 0

    by_user = Index("user_id")


@query
def mine(ctx: QueryCtx) -> list[Note]:
    return ctx.db.query(Note).where(user_id=ctx.auth.require().subject).all()


@query
def texts(ctx: QueryCtx) -> list[str]:
    return [note.text for note in ctx.db.query(Note)]


@mutation
def add(ctx: MutationCtx, text: str) -> Id[Note]:
    if not text:
        raise AppError({"code": "empty"})
    print("adding", text)
    return ctx.db.insert(Note(text=text, user_id=ctx.auth.require().subject))


@mutation(internal=True)
def clear(ctx: MutationCtx) -> int:
    notes = ctx.db.query(Note).all()
    for note in notes:
        ctx.db.delete(note)
    return len(notes)


@query
def minute(ctx: QueryCtx) -> datetime:
    return ctx.clock(minutes=1)


@query
def chance(ctx: QueryCtx) -> float:
    return ctx.random.random()


@action
async def add_two(ctx: ActionCtx, text: str) -> list[str]:
    await ctx.run(add, text=f"{text} 1")
    await ctx.run(add, text=f"{text} 2")
    return await ctx.run(texts)
