"""The functions that the page calls. None of them mentions an owner: `access` of Todo fills in and checks."""

from syncline import AppError, Id, MutationCtx, QueryCtx, mutation, query

from .schema import Todo

LENGTH = 500


@query(name="list")
def list_todos(ctx: QueryCtx) -> list[Todo]:
    """The caller's, the newest first."""
    return ctx.db.query(Todo).order("desc").take(200)


@mutation
def add(ctx: MutationCtx, text: str) -> Id[Todo]:
    return ctx.db.insert(Todo(text=_checked(text)))


@mutation
def rename(ctx: MutationCtx, id: Id[Todo], text: str) -> None:
    ctx.db.patch(id, text=_checked(text))


@mutation
def check(ctx: MutationCtx, id: Id[Todo], done: bool) -> None:
    ctx.db.patch(id, done=done)


@mutation
def remove(ctx: MutationCtx, id: Id[Todo]) -> None:
    ctx.db.delete(id)


@query
def get(ctx: QueryCtx, id: Id[Todo]) -> Todo | None:
    return ctx.db.get(id)


def _checked(text: str) -> str:
    text = text.strip()
    if not text or len(text) > LENGTH:
        raise AppError({"code": "bad_text", "message": f"1 to {LENGTH} characters, please"})
    return text
