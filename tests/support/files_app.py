"""An application that stores files."""

from __future__ import annotations

FILES = {
    "__init__": "",
    "schema": """
        from syncline import Document, Id, StoredFile


        class Picture(Document):
            title: str
            file: Id[StoredFile]
    """,
    "pictures": """
        from collections.abc import AsyncIterator
        from typing import Any

        from syncline import ActionCtx, Id, MutationCtx, QueryCtx, StoredFile, SyncActionCtx, action, mutation, query

        from .schema import Picture


        @mutation
        def upload_url(
            ctx: MutationCtx, private: bool = False, temporary: bool = False, most_bytes: int | None = None, types: list[str] = []
        ) -> str:
            return ctx.storage.upload_url(private=private, temporary=temporary, most_bytes=most_bytes, content_types=types)


        @mutation
        def add(ctx: MutationCtx, title: str, file: Id[StoredFile]) -> Id[Picture]:
            if ctx.storage.metadata(file) is None:
                raise ValueError("no such file")
            return ctx.db.insert(Picture(title=title, file=file))


        @query
        def url(ctx: QueryCtx, file: str, expires_in: float | None = None) -> str | None:
            return ctx.storage.url(file, expires_in=expires_in)


        @query
        def metadata(ctx: QueryCtx, file: str) -> StoredFile | None:
            return ctx.storage.metadata(file)


        @mutation
        def keep(ctx: MutationCtx, file: str) -> None:
            ctx.storage.keep(file)


        @mutation
        def delete(ctx: MutationCtx, file: str, fail: bool = False) -> None:
            ctx.storage.delete(file)
            if fail:
                raise ValueError("not after all")


        @action
        async def store(ctx: ActionCtx, content: bytes, content_type: str | None = None) -> Id[StoredFile]:
            return await ctx.storage.store(content, content_type=content_type)


        @action
        async def store_stream(ctx: ActionCtx, pieces: int, fail: bool = False) -> Id[StoredFile]:
            async def stream() -> AsyncIterator[bytes]:
                for number in range(pieces):
                    yield b"%06d" % number * 1000
                if fail:
                    raise ValueError("broken stream")

            return await ctx.storage.store(stream(), content_type="text/plain", private=True)


        @action
        async def get(ctx: ActionCtx, file: str) -> bytes | None:
            return await ctx.storage.get(file)


        @action
        async def measure(ctx: ActionCtx, file: str) -> dict[str, Any]:
            async with ctx.storage.open(file) as stream:
                pieces = [len(piece) async for piece in stream]
            return {"pieces": float(len(pieces)), "size": float(sum(pieces)), "type": stream.content_type}


        @action
        async def everything(ctx: ActionCtx, file: str) -> list[Any]:
            found = await ctx.storage.metadata(file)
            url = await ctx.storage.url(file)
            upload = await ctx.storage.upload_url()
            await ctx.storage.delete(file)
            return [None if found is None else found.size, url, upload, await ctx.storage.get(file)]


        @action(process=True)
        def in_process(ctx: SyncActionCtx, file: str) -> Id[StoredFile]:
            content = ctx.storage.get(file) or b""
            return ctx.storage.store(content[::-1], content_type="text/plain")


        @action
        def sync_everything(ctx: SyncActionCtx, content: bytes) -> list[Any]:
            file = ctx.storage.store([content[:3], content[3:]], content_type="text/plain")
            with ctx.storage.open(file) as pieces:
                read = b"".join(pieces)
            found = ctx.storage.metadata(file)
            url, upload = ctx.storage.url(file), ctx.storage.upload_url()
            whole = ctx.storage.get(file)
            ctx.storage.delete(file)
            return [read, None if found is None else found.sha256, url, upload, whole, ctx.storage.get(file)]
    """,
}
