"""An application for the tests of the client in Python."""

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
    SyncActionCtx,
    action,
    mutation,
    query,
)


class Notice(Document):
    board: str
    text: str
    due: datetime | None = None

    by_board = Index("board")


@query(name="list")
def list_notices(ctx: QueryCtx, board: str) -> list[Notice]:
    return ctx.db.query(Notice).where(board=board).all()


@query
def texts(ctx: QueryCtx, board: str) -> list[str]:
    return [notice.text for notice in ctx.db.query(Notice).where(board=board)]


@query
def one(ctx: QueryCtx, board: str) -> str:
    notice = ctx.db.query(Notice).where(board=board).first()
    if notice is None:
        raise AppError({"code": "empty", "board": board})
    return notice.text


@query
def whoami(ctx: QueryCtx) -> str | None:
    return None if ctx.auth.identity is None else ctx.auth.identity.subject


@query
def large(ctx: QueryCtx, size: int) -> str:
    return "x" * size


@query(internal=True)
def secret(ctx: QueryCtx) -> str:
    return "secret"


@mutation
def post(ctx: MutationCtx, board: str, text: str, due: datetime | None = None) -> Id[Notice]:
    if not text:
        raise AppError({"code": "no_text"})
    return ctx.db.insert(Notice(board=board, text=text, due=due))


@mutation
def clear(ctx: MutationCtx, board: str) -> int:
    notices = ctx.db.query(Notice).where(board=board).all()
    for notice in notices:
        ctx.db.delete(notice.id)
    return len(notices)


@mutation
def sign(ctx: MutationCtx, board: str) -> None:
    identity = ctx.auth.identity
    ctx.db.insert(Notice(board=board, text="nobody" if identity is None else identity.subject))


@action
async def double(ctx: ActionCtx, number: int) -> int:
    return 2 * number


@action
def shout(ctx: SyncActionCtx, text: str) -> str:
    return text.upper()


@action
async def wait_for_notice(ctx: ActionCtx, board: str) -> str:
    """The first text of a board that has one."""
    while not (found := await ctx.run(texts, board)):
        pass
    return found[0]
