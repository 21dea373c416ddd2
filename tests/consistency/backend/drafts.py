"""Mutations that have something to do only in some states."""

from syncline import AppError, MutationCtx, QueryCtx, mutation, query

from .schema import Draft


@mutation
def save(ctx: MutationCtx, name: str) -> None:
    ctx.db.insert(Draft(name=name))


@mutation
def discard(ctx: MutationCtx, name: str) -> bool:
    """Whether there was one."""
    draft = ctx.db.query(Draft).where(name=name).unique()
    if draft is not None:
        ctx.db.delete(draft)
    return draft is not None


@mutation
def discard_existing(ctx: MutationCtx, name: str) -> None:
    """Fails if there is none."""
    if not ctx.run(discard, name=name):
        raise AppError("there is no such draft")


@query
def exists(ctx: QueryCtx, name: str) -> bool:
    return ctx.db.query(Draft).where(name=name).exists()
