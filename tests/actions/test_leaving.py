"""Clients that leave while their actions run: over a real socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from support.applications import write_application
from support.processes import serving
from support.serving import Running, running
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(tmp_path_factory.mktemp("leaving"), {"work": WORK}) as server:
        yield server


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


@pytest.mark.parametrize("path", ["/api/action", "/api/run/work/leaves", "/api/function"])
def test_it_ends_with_an_http_request_that_is_hung_up(server: Running, path: str) -> None:
    before = len(server.value("query", "work:texts"))
    body = b'{"path":"work:leaves","args":{}}'
    key = server.admin_key.encode()
    head = b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Convex %b\r\ncontent-length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as leaving:
        leaving.sendall(head % (path.encode(), key, len(body)) + body)
        wait_for(server, before + 1)
    wait_for(server, before + 2)
    assert server.value("query", "work:texts")[before:] == ["leaves began", "leaves ended"]


def test_others_go_on_when_their_http_request_is_hung_up(server: Running) -> None:
    before = len(server.value("query", "work:texts"))
    body = b'{"path":"work:stays","args":{}}'
    with socket.create_connection(("127.0.0.1", server.port)) as leaving:
        leaving.sendall(
            b"POST /api/action HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        wait_for(server, before + 1)
    wait_for(server, before + 2)
    assert server.value("query", "work:texts")[before:] == ["stays began", "stays ended"]


def wait_for(server: Running, count: int) -> None:
    end = time.monotonic() + 20
    while len(server.value("query", "work:texts")) < count:
        assert time.monotonic() < end
