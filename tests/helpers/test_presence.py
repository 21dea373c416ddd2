"""Presence: live, and seldom written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.jobs import Application
from syncline import Presence
from syncline.kernel.errors import SetupError
from syncline.testing import Backend

ROOMS = """
    from syncline import MutationCtx, Presence, Present, QueryCtx, mutation, query

    online = Presence("online")


    @mutation
    def here(ctx: MutationCtx, room: str, who: str, typing: bool = False) -> None:
        online.beat(ctx, room, who, {"typing": typing})


    @mutation
    def leave(ctx: MutationCtx, room: str, who: str) -> None:
        online.leave(ctx, room, who)


    @query
    def present(ctx: QueryCtx, room: str) -> list[Present]:
        return online.list(ctx, room)
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, "", rooms=ROOMS) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def rooms(app: Application) -> Any:
    return app.module("rooms")


def names(backend: Backend, rooms: Any, room: str = "r") -> list[str]:
    return [each["who"] for each in backend.query(rooms.present, room=room)]


def test_who_gives_signs_of_life_is_there_and_who_stops_is_not(backend: Backend, rooms: Any) -> None:
    for _ in range(12):
        backend.mutation(rooms.here, room="r", who="ann")
        backend.advance(seconds=10)
    backend.mutation(rooms.here, room="r", who="bob")
    backend.mutation(rooms.here, room="other", who="cid")
    assert names(backend, rooms) == ["ann", "bob"]
    with backend.subscribe(rooms.present, room="r") as updates:
        for _ in range(4):
            backend.advance(seconds=10)
            backend.mutation(rooms.here, room="r", who="bob")
        assert [each["who"] for each in updates.latest] == ["bob"]


def test_most_signs_of_life_write_nothing(backend: Backend, rooms: Any) -> None:
    backend.mutation(rooms.here, room="r", who="ann")
    with backend.subscribe(rooms.present, room="r") as updates:
        for _ in range(60):
            backend.advance(seconds=1)
            backend.mutation(rooms.here, room="r", who="ann")
        assert updates.count == 1
    [entry] = backend.query(rooms.present, room="r")
    assert entry["since"] == backend.now - timedelta(seconds=60)


def test_what_somebody_says_is_seen_at_once(backend: Backend, rooms: Any) -> None:
    backend.mutation(rooms.here, room="r", who="ann")
    with backend.subscribe(rooms.present, room="r") as updates:
        backend.mutation(rooms.here, room="r", who="ann", typing=True)
        assert updates.latest[0]["data"] == {"typing": True}
        backend.mutation(rooms.leave, room="r", who="ann")
        assert updates.latest == []


def test_a_timeout_is_not_too_short() -> None:
    with pytest.raises(SetupError, match="would be a write each second"):
        Presence("x", timedelta(seconds=1))
