"""The application of the server tests: notes in lists, one function for each thing that can happen to a call."""

SCHEMA = """
    from syncline import Document, Index

    class Note(Document):
        list: str
        text: str

        by_list = Index("list")
"""

NOTES = """
    import asyncio
    import re
    from syncline import (
        ActionCtx, AppError, Int64, MutationCtx, Page, PaginationOptions, QueryCtx, SyncActionCtx, action, mutation,
        query,
    )
    from .schema import Note

    @query(name="list")
    def list_notes(ctx: QueryCtx, list: str = "a") -> list[str]:
        return [note.text for note in ctx.db.query(Note).where(list=list).all()]

    @query
    def page(ctx: QueryCtx, list: str, options: PaginationOptions) -> Page[Note]:
        return ctx.db.query(Note).where(list=list).order("desc").paginate(options)

    @query
    def count(ctx: QueryCtx, list: str = "a") -> int:
        return ctx.db.query(Note).where(list=list).count()

    @query
    def shout(ctx: QueryCtx, text: str) -> str:
        print("shouting", text)
        return text.upper()

    @query
    def values(ctx: QueryCtx) -> dict[str, float | Int64 | bytes]:
        return {"big": Int64(2**53 + 1), "bytes": b"hi", "half": 0.5}

    @query
    def me(ctx: QueryCtx) -> str | None:
        identity = ctx.auth.identity
        return None if identity is None else identity.token_identifier

    @query(internal=True)
    def secret(ctx: QueryCtx) -> str:
        return "internal"

    @query
    def broken(ctx: QueryCtx) -> None:
        raise ValueError("a bug")

    @query
    def refused(ctx: QueryCtx) -> None:
        raise AppError({"code": "no", "limit": 3})

    @query
    def endless(ctx: QueryCtx) -> None:
        while True:
            pass

    @query
    def hopeless(ctx: QueryCtx) -> bool:
        return re.match(r"(a+)+$", "a" * 40 + "b") is not None

    @mutation
    def add(ctx: MutationCtx, text: str, list: str = "a") -> str:
        return ctx.db.insert(Note(list=list, text=text))

    @mutation
    def refuse(ctx: MutationCtx) -> None:
        ctx.db.insert(Note(list="a", text="rolled back"))
        raise AppError("bad")

    @mutation
    def clear(ctx: MutationCtx, list: str = "a") -> int:
        found = ctx.db.query(Note).where(list=list).all()
        for note in found:
            ctx.db.delete(note)
        return len(found)

    @action
    async def twice(ctx: ActionCtx, text: str) -> int:
        await ctx.run(add, text=text)
        await ctx.run(add, text=text)
        return await ctx.run(count)

    @action
    def calculate(ctx: SyncActionCtx, number: int) -> int:
        return number * 2

    @action
    async def add_and_wait(ctx: ActionCtx, text: str, seconds: float) -> str:
        await ctx.run(add, text=text)
        await asyncio.sleep(seconds)
        return "waited"
"""

MODULES = {"schema": SCHEMA, "notes": NOTES}
