"""Messages: an insert, and the live "latest" that most applications are made of."""

from __future__ import annotations

from syncline import Id, MutationCtx, QueryCtx, mutation, query

from .schema import Message

#: What the reload benchmark edits.
REVISION = 0

#: How often `watched` ran in this process. A counter outside the database is what applications must not
#: have; here it is the measurement.
runs = 0


@mutation
def send(ctx: MutationCtx, channel: str, body: str) -> Id[Message]:
    return ctx.db.insert(Message(channel=channel, body=body))


@query
def latest(ctx: QueryCtx, channel: str, limit: int = 50) -> list[Message]:
    return ctx.db.query(Message).where(channel=channel).order("desc").take(limit)


@query
def watched(ctx: QueryCtx, channel: str, limit: int = 50) -> list[Message]:
    """As `latest`, and counts its runs."""
    global runs
    runs += 1
    return latest(ctx, channel=channel, limit=limit)


@query
def watched_runs(ctx: QueryCtx, ask: int) -> int:
    """`ask` is different each time, so that no cached answer comes back."""
    return runs


@query
def revision(ctx: QueryCtx) -> int:
    return REVISION


@mutation
def fill(ctx: MutationCtx, channels: int, first: int, count: int, size: int) -> None:
    """Insert `count` messages of `size` bytes, spread over channels c0, c1, ... starting at `first`."""
    body = "x" * size
    ctx.db.insert_many([
        Message(channel=f"c{number % channels}", body=body) for number in range(first, first + count)
    ])  # fmt: skip
