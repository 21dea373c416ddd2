"""Clients that leave while their actions run: over a real socket."""

from __future__ import annotations

import time
from pathlib import Path

from support.applications import write_application
from support.processes import serving
from support.sockets import SyncSocket

WORK = """
    import asyncio

    from syncline import ActionCtx, Document, MutationCtx, QueryCtx, action, mutation, query


    class Note(Document):
        text: str


    @query
    def texts(ctx: QueryCtx) -> list[str]:
        return [note.text for note in ctx.db.query(Note)]


    @mutation
    def add(ctx: MutationCtx, text: str) -> None:
        ctx.db.insert(Note(text=text))


    @action(cancel_with_client=True)
    async def leaves(ctx: ActionCtx) -> None:
        try:
            # Inside: what it wrote may be seen before it hears of it itself.
            await ctx.run(add, text="leaves began")
            await asyncio.sleep(60)
        finally:
            await ctx.run(add, text="leaves ended")


    @action
    async def stays(ctx: ActionCtx) -> None:
        await ctx.run(add, text="stays began")
        await asyncio.sleep(0.5)
        await ctx.run(add, text="stays ended")
"""


def test_an_action_ends_with_its_client_if_it_says_so(tmp_path: Path) -> None:
    write_application(tmp_path, work=WORK)
    (tmp_path / "pyproject.toml").write_text("[tool.syncline]\n")
    with serving(tmp_path) as server, SyncSocket(server.port) as watcher:
        watcher.connect()
        watcher.subscribe(0, "work:texts")
        with SyncSocket(server.port) as leaving:
            leaving.connect()
            leaving.act(1, "work:leaves")
            leaving.act(2, "work:stays")
            while len(watcher.value(0)) < 2:
                pass
        seen: list[str] = []
        end = time.monotonic() + 20
        while len(seen) < 4:
            assert time.monotonic() < end
            seen = watcher.value(0)
        assert sorted(seen[2:]) == ["leaves ended", "stays ended"]
