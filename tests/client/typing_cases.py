"""Code of programs that use the client, for type checkers: mypy and pyright, both strict, have nothing to say about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

from support.noticeboard import notices
from syncline import Id
from syncline.client import Client, LiveResult, State, Subscription, SyncClient, Update


async def calls(client: Client) -> None:
    assert_type(await client.query(notices.list_notices, board="b"), list[notices.Notice])
    assert_type(await client.query(notices.list_notices, "b"), list[notices.Notice])
    assert_type(await client.query(notices.whoami), str | None)
    assert_type(await client.mutation(notices.post, board="b", text="t"), Id[notices.Notice])
    assert_type(await client.action(notices.double, number=1), int)
    assert_type(await client.action(notices.shout, text="a"), str)
    assert_type(await client.query("notices:list", board="b"), Any)


async def live_queries(client: Client) -> None:
    assert_type(client.subscribe(notices.texts, "b"), Subscription[list[str]])
    async with client.subscribe(notices.texts, board="b") as live:
        assert_type(live.latest, list[str])
        assert_type(live.state, State)
        assert_type(await live.ready(), list[str])
        async for update in live.updates():
            assert_type(update, Update[list[str]])
            assert_type(update.value, list[str])
    async for texts in client.subscribe(notices.texts, board="b"):
        assert_type(texts, list[str])


def blocking(client: SyncClient, show: Callable[[Update[list[str]]], None]) -> None:
    assert_type(client.query(notices.whoami), str | None)
    assert_type(client.mutation(notices.clear, board="b"), int)
    assert_type(client.action(notices.double, number=1), int)
    assert_type(client.action(notices.shout, text="a"), str)
    assert_type(client.subscribe(notices.texts, show, board="b"), LiveResult[list[str]])
