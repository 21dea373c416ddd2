"""Channels: a live list with counts, and making one."""

import re

from syncline import AppError, MutationCtx, QueryCtx, mutation, query

from .schema import Channel


@query(name="list")
def list_channels(ctx: QueryCtx) -> list[Channel]:
    """All channels, by name."""
    return ctx.db.query(Channel).index(Channel.by_name).all()


@mutation
def create(ctx: MutationCtx, name: str) -> Channel:
    """The channel of this name, made if there is none. "Field Notes" is called field-notes."""
    name = re.sub(r"[\W_]+", "-", name.lower()).strip("-")
    if not 1 <= len(name) <= 40:
        raise AppError(
            {"code": "bad_name", "message": "A channel's name has 1 to 40 letters, digits and dashes."}
        )
    channel = ctx.db.query(Channel).where(name=name).unique()
    return channel or ctx.db.require(ctx.db.insert(Channel(name=name)))
