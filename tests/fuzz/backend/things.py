"""Functions of every kind, for calls of every kind."""

from typing import Any

from syncline import (
    ActionCtx,
    AppError,
    Id,
    MutationCtx,
    Page,
    PaginationOptions,
    QueryCtx,
    SyncActionCtx,
    action,
    mutation,
    query,
)

from .schema import Thing


@query
def echo(ctx: QueryCtx, value: Any = None) -> Any:
    return value


@query
def count(ctx: QueryCtx, name: str = "") -> int:
    return ctx.db.query(Thing).where(name=name).count()


@query
def page(ctx: QueryCtx, options: PaginationOptions, name: str = "") -> Page[Thing]:
    return ctx.db.query(Thing).where(name=name).paginate(options)


@query
def newest(ctx: QueryCtx, name: str = "") -> Any:
    thing = ctx.db.query(Thing).where(name=name).order("desc").first()
    return thing.value if thing is not None else None


@query
def get(ctx: QueryCtx, id: Id[Thing]) -> Thing | None:
    return ctx.db.get(id)


@query
def failing(ctx: QueryCtx, data: Any = None) -> None:
    raise AppError(data)


@query(internal=True)
def secret(ctx: QueryCtx) -> str:
    return "the secret"


@mutation
def keep(ctx: MutationCtx, name: str = "", value: Any = None) -> Id[Thing]:
    return ctx.db.insert(Thing(name=name, value=value))


@mutation
def put(ctx: MutationCtx, name: str, value: Any = None) -> None:
    """Replace the only one of this name."""
    thing = ctx.db.query(Thing).where(name=name).first()
    if thing is None:
        ctx.db.insert(Thing(name=name, value=value))
    else:
        ctx.db.patch(thing, value=value)


@mutation
def broken(ctx: MutationCtx) -> None:
    ctx.db.insert(Thing(name="broken"))
    raise ValueError("the text of a bug")


@query
def broken_query(ctx: QueryCtx) -> None:
    raise ValueError("the text of a bug")


@action
async def relay(ctx: ActionCtx, value: Any = None) -> Any:
    return await ctx.run(echo, value=value)


@action
def relay_in_a_thread(ctx: SyncActionCtx, value: Any = None) -> Any:
    return ctx.run(echo, value=value)


@action
async def relay_broken(ctx: ActionCtx) -> None:
    await ctx.run(broken)
