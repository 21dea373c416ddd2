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
    """The channel of this name, made if there is none."""
    name = tidy(name)
    if not 1 <= len(name) <= 40:
        problem = "A channel's name has 1 to 40 letters, digits and dashes."
        raise AppError({"code": "bad_name", "message": problem})
    channel = ctx.db.query(Channel).where(name=name).unique()
    return channel or ctx.db.require(ctx.db.insert(Channel(name=name)))


def tidy(name: str) -> str:
    """The form in which names are stored and compared: "Field Notes" is field-notes."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")
