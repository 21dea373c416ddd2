"""An application whose functions have arguments and results of every type, for what describes types to others."""

from __future__ import annotations

GALLERY = {
    "__init__": "",
    "schema": '''
        from syncline import Document, Index


        class Picture(Document):
            """A picture."""

            title: str
            likes: int = 0
            tags: list[str] = []

            by_title = Index("title")
    ''',
    "gallery": '''
        from dataclasses import dataclass
        from datetime import UTC, date, datetime
        from decimal import Decimal
        from enum import Enum
        from typing import Annotated, Any, Literal, NotRequired, TypedDict
        from uuid import UUID

        from msgspec import Meta
        from syncline import (
            ActionCtx, AppError, Id, Int64, MutationCtx, Page, PaginationOptions, QueryCtx, action, mutation, query,
        )

        from .schema import Picture


        class Colour(Enum):
            RED = "red"
            BLUE = "blue"


        class Size(TypedDict):
            width: int
            depth: NotRequired[float]


        @dataclass
        class Tree:
            name: str
            children: list["Tree"]


        @dataclass
        class Frame:
            size: Size
            wooden: bool = True


        @query(name="list")
        def list_pictures(ctx: QueryCtx, title: str | None = None, limit: Annotated[int, Meta(ge=0, le=50)] = 10) -> list[Picture]:
            """Pictures, by title.

            All titles unless one is given.
            """
            if title is None:
                return ctx.db.query(Picture).take(limit)
            return ctx.db.query(Picture).where(title=title).take(limit)


        @query
        def pages(ctx: QueryCtx, options: PaginationOptions) -> Page[Picture]:
            return ctx.db.query(Picture).paginate(options)


        @mutation
        def add(ctx: MutationCtx, title: Annotated[str, Meta(min_length=1, max_length=20)], tags: list[str] = []) -> Id[Picture]:
            return ctx.db.insert(Picture(title=title, tags=tags))


        @query
        def get(ctx: QueryCtx, id: Id[Picture]) -> Picture | None:
            return ctx.db.get(id)


        @query
        def numbers(ctx: QueryCtx, a: int, b: float, c: Int64, d: Decimal) -> dict[str, float | str | Int64]:
            return {"a": float(a), "b": b, "c": c, "d": str(d)}


        @query
        def special(ctx: QueryCtx, which: Literal["nan", "inf", "one"], factor: Literal[1, 2] | None = None) -> float:
            return float(which) if which != "one" else 1.0


        @query
        def moments(ctx: QueryCtx, on: date, at: datetime, id: UUID) -> dict[str, date | datetime]:
            return {"on": on, "at": at}


        @query
        def shapes(ctx: QueryCtx, frame: Frame, colour: Colour = Colour.RED, data: bytes = b"") -> Frame:
            return frame


        @query
        def whole(ctx: QueryCtx, data: bytes, number: Int64) -> dict[str, bytes | list[Int64]]:
            return {"data": data, "numbers": [number]}


        @query
        def trees(ctx: QueryCtx, tree: Tree) -> Tree:
            return tree


        @query
        def anything(ctx: QueryCtx, value: Any, record: dict[str, bool]) -> Any:
            return value


        @action
        async def fail(ctx: ActionCtx, code: Literal["a", "b"]) -> None:
            """Always fails."""
            raise AppError({"code": code})


        @mutation(internal=True)
        def secret(ctx: MutationCtx) -> None:
            """Not for clients."""
    ''',
}
