"""An application with routes of every kind."""

from __future__ import annotations

HOOKS = {
    "__init__": "",
    "schema": """
        from syncline import Document


        class Note(Document):
            text: str
    """,
    "notes": """
        from syncline import MutationCtx, QueryCtx, mutation, query

        from .schema import Note


        @mutation
        def add(ctx: MutationCtx, text: str) -> None:
            ctx.db.insert(Note(text=text))


        @query(name="list")
        def list_notes(ctx: QueryCtx) -> list[str]:
            return [note.text for note in ctx.db.query(Note)]
    """,
    "hooks": '''
        import asyncio
        import hashlib
        import threading
        import time
        from collections.abc import AsyncIterator, Iterator

        from starlette.exceptions import HTTPException
        from starlette.requests import Request
        from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
        from syncline import ActionCtx, AppError, Cors, SyncActionCtx, SyncRequest, route

        from . import notes

        seen: list[str] = []


        @route("/notes/{text}", methods=["POST", "PUT"], anonymous=True)
        async def add_note(ctx: ActionCtx, request: Request, text: str) -> Response:
            """Stores a note."""
            print("adding", text)
            await ctx.run(notes.add, text=text)
            return JSONResponse({"method": request.method, "notes": await ctx.run(notes.list_notes)}, 201)


        @route("/notes")
        def show_notes(ctx: SyncActionCtx, request: SyncRequest) -> Response:
            return JSONResponse({"notes": ctx.run(notes.list_notes), "thread": threading.current_thread().name})


        @route("/numbers/{number:int}/{rest:path}")
        async def numbers(ctx: ActionCtx, request: Request, number: int, rest: str) -> Response:
            return JSONResponse([number, rest, request.url.path, request.url.scheme, dict(request.query_params)])


        @route("/numbers/first")
        async def first(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse("first")


        @route("/who")
        async def who(ctx: ActionCtx, request: Request) -> Response:
            identity = ctx.auth.identity
            return PlainTextResponse("nobody" if identity is None else identity.subject)


        @route("/raw", methods=["POST"], body_bytes=200_000)
        async def raw(ctx: ActionCtx, request: Request) -> Response:
            return Response((await request.body())[::-1], media_type="application/x-backwards")


        @route("/digest", methods=["POST"], body_bytes=300_000_000)
        async def digest(ctx: ActionCtx, request: Request) -> Response:
            hasher, pieces = hashlib.sha256(), 0
            async for piece in request.stream():
                hasher.update(piece)
                pieces = max(pieces, len(piece))
            return JSONResponse({"sha256": hasher.hexdigest(), "largest": pieces})


        @route("/sync-digest", methods=["POST"])
        def sync_digest(ctx: SyncActionCtx, request: SyncRequest) -> Response:
            hasher = hashlib.sha256()
            for piece in request.stream():
                hasher.update(piece)
            return PlainTextResponse(hasher.hexdigest())


        @route("/sync-json", methods=["POST"])
        def sync_json(ctx: SyncActionCtx, request: SyncRequest) -> Response:
            return JSONResponse({"got": request.json(), "as": request.text(), "method": request.method})


        @route("/stream/{count:int}")
        async def stream(ctx: ActionCtx, request: Request, count: int) -> Response:
            async def pieces() -> AsyncIterator[bytes]:
                try:
                    for number in range(count):
                        seen.append("piece")
                        yield b"%d\\n" % number + b"x" * 100_000
                finally:
                    seen.append("closed")

            return StreamingResponse(pieces(), media_type="text/plain")


        @route("/sync-stream")
        def sync_stream(ctx: SyncActionCtx, request: SyncRequest) -> Response:
            def pieces() -> Iterator[bytes]:
                for number in range(3):
                    yield b"%d\\n" % number

            return StreamingResponse(pieces(), media_type="text/plain")


        @route("/fail")
        async def fail(ctx: ActionCtx, request: Request) -> Response:
            raise ValueError("secret detail")


        @route("/fail-late")
        async def fail_late(ctx: ActionCtx, request: Request) -> Response:
            async def pieces() -> AsyncIterator[bytes]:
                yield b"begun"
                raise ValueError("too late")

            return StreamingResponse(pieces())


        @route("/refuse/{code}")
        async def refuse(ctx: ActionCtx, request: Request, code: str) -> Response:
            if code == "teapot":
                raise HTTPException(418, "short and stout", {"x-lid": "yes"})
            if code == "app":
                raise AppError({"code": "no_tea"})
            ctx.auth.require()
            return Response()


        @route("/wrong")
        async def wrong(ctx: ActionCtx, request: Request) -> Response:
            return {"not": "a response"}


        @route("/slow", timeout=0.2)
        async def slow(ctx: ActionCtx, request: Request) -> Response:
            await asyncio.sleep(60)
            return Response()


        @route("/busy", timeout=0.2)
        def busy(ctx: SyncActionCtx, request: SyncRequest) -> Response:
            until = time.monotonic() + 20
            while time.monotonic() < until:
                pass
            return Response()


        @route("/wait", cancel_on_disconnect=True)
        async def wait(ctx: ActionCtx, request: Request) -> Response:
            seen.append("waiting")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            return Response()


        @route("/patient")
        async def patient(ctx: ActionCtx, request: Request) -> Response:
            seen.append("patient")
            while not await request.is_disconnected():
                await asyncio.sleep(0.01)
            seen.append("done")
            return Response()


        @route("/seen")
        async def show_seen(ctx: ActionCtx, request: Request) -> Response:
            return JSONResponse(seen)


        @route("/open", methods=["GET", "POST"], cors=True)
        async def open_to_all(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse("open")


        @route(
            "/partner",
            methods=["GET", "DELETE"],
            cors=Cors(origins=["https://a.example"], headers=["X-Key"], expose=["X-Count"], credentials=True, max_age=60),
        )
        async def partner(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse("partner", headers={"X-Count": "3"})


        @route("/options", methods=["OPTIONS"])
        async def options(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse("own options", headers={"allow": "whatever"})
    ''',
}
