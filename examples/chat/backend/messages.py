"""Messages: the latest of a channel, its whole history page by page, and sending one."""

from datetime import datetime
from functools import partial
from typing import TypedDict

from syncline import AppError, Id, MutationCtx, Page, PaginationOptions, QueryCtx, mutation, query

from .channels import create, tidy
from .schema import Message, Person


class Entry(TypedDict):
    """A message as pages show it: with its author's name."""

    id: Id[Message]
    author: str
    body: str
    sent_at: datetime


@query(name="list")
def list_messages(ctx: QueryCtx, channel: str, limit: int = 50) -> list[Entry]:
    """The latest messages of a channel, the newest first."""
    latest = ctx.db.query(Message).where(channel=tidy(channel)).order("desc").take(limit)
    return [as_entry(ctx, message) for message in latest]


@query
def page(ctx: QueryCtx, channel: str, options: PaginationOptions) -> Page[Entry]:
    """One page of a channel's history, the newest first. Pages stay live, and adjoin without gaps."""
    messages = ctx.db.query(Message).where(channel=tidy(channel)).order("desc").paginate(options)
    return messages.map(partial(as_entry, ctx))


@mutation
def send(ctx: MutationCtx, channel: str, author: str, body: str) -> Id[Message]:
    """Stores a message, its author and its channel, and counts it: all in one transaction."""
    if not 1 <= len(body := body.strip()) <= 4000:
        raise AppError({"code": "bad_message", "message": "A message has 1 to 4,000 characters."})
    place = create(ctx, name=channel)
    ctx.db.patch(place, messages=place.messages + 1)
    return ctx.db.insert(Message(channel=place.name, author=person_called(ctx, author), body=body))


def as_entry(ctx: QueryCtx, message: Message) -> Entry:
    author = ctx.db.require(message.author)
    return {"id": message.id, "author": author.name, "body": message.body, "sent_at": message.created_at}


def person_called(ctx: MutationCtx, name: str) -> Id[Person]:
    """This example knows people by their names only; a real one would use `ctx.auth`."""
    if not 1 <= len(name := name.strip()) <= 40:
        raise AppError({"code": "bad_name", "message": "Your name needs 1 to 40 characters."})
    person = ctx.db.query(Person).where(name=name).unique()
    return person.id if person else ctx.db.insert(Person(name=name))
