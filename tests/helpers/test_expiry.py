"""`ttl=`: documents that go by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.jobs import Application
from syncline import Document, Index
from syncline.kernel.errors import SetupError
from syncline.testing import Backend

THINGS = """
    from datetime import datetime, timedelta

    from syncline import Change, Document, Index, MutationCtx, QueryCtx, mutation, on_change, query


    class Session(Document, ttl=timedelta(hours=1)):
        user: str


    class Offer(Document, ttl="ends_at"):
        item: str
        ends_at: datetime | None = None

        by_ends_at = Index("ends_at")


    class Gone(Document):
        what: str


    @on_change(Session)
    def note(ctx: MutationCtx, change: Change[Session]) -> None:
        if change.before is not None and change.after is None:
            ctx.db.insert(Gone(what=change.before.user))


    @query
    def left(ctx: QueryCtx) -> list[str]:
        sessions = [session.user for session in ctx.db.query(Session)]
        return sessions + [offer.item for offer in ctx.db.query(Offer)]


    @query
    def gone(ctx: QueryCtx) -> int:
        return ctx.db.query(Gone).count()


    @mutation
    def add(ctx: MutationCtx, users: list[str]) -> None:
        ctx.db.insert_many([Session(user=user) for user in users])


    @mutation
    def offer(ctx: MutationCtx, item: str, minutes: int | None) -> None:
        ends_at = None if minutes is None else ctx.now + timedelta(minutes=minutes)
        ctx.db.insert(Offer(item=item, ends_at=ends_at))
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    with Application(tmp_path, "", things=THINGS) as app:
        yield app


@pytest.fixture
def backend(app: Application) -> Backend:
    return app.backend


@pytest.fixture
def things(app: Application) -> Any:
    return app.module("things")


def test_documents_go_when_they_are_old_enough(backend: Backend, things: Any) -> None:
    backend.mutation(things.add, users=["old"])
    backend.advance(minutes=30)
    backend.mutation(things.add, users=["young"])
    backend.advance(minutes=29)
    assert backend.query(things.left) == ["old", "young"]
    backend.advance(minutes=2)
    assert backend.query(things.left) == ["young"]


def test_documents_go_at_the_time_that_they_say(backend: Backend, things: Any) -> None:
    for item, minutes in (("soon", 5), ("late", 50), ("never", None)):
        backend.mutation(things.offer, item=item, minutes=minutes)
    backend.advance(minutes=7)
    assert backend.query(things.left) == ["late", "never"]
    backend.advance(days=1)
    assert backend.query(things.left) == ["never"]


def test_thousands_go_with_their_triggers(backend: Backend, things: Any) -> None:
    for _ in range(2):
        backend.mutation(things.add, users=[str(number) for number in range(1_000)])
    backend.advance(hours=1, minutes=2)
    assert backend.query(things.left) == []
    assert backend.query(things.gone) == 2_000


def test_mistakes_are_named_when_the_class_is_made() -> None:
    with pytest.raises(SetupError, match=r"Short: ttl=datetime.timedelta\(0\) is no time to live"):

        class Short(Document, ttl=timedelta(0)):
            text: str

        raise AssertionError(Short)

    with pytest.raises(SetupError, match="Unknown: ttl names `end`, which is no field"):

        class Unknown(Document, ttl="end"):
            ends: datetime

        raise AssertionError(Unknown)

    with pytest.raises(SetupError, match='Slow: ttl="ends" needs an index that begins with the field'):

        class Slow(Document, ttl="ends"):
            ends: datetime
            text: str

            by_text = Index("text", "ends")

        raise AssertionError(Slow)
