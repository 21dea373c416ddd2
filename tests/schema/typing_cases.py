"""Code as authors write it, for type checkers: mypy and pyright, both strict, have nothing to say about this file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, TypeVar, assert_type

import msgspec

from syncline.schema import UNSET, Document, Id, Index, Page, UnsetType, between, contains, gt, gte, lt, lte
from syncline.values import Int64

D = TypeVar("D", bound=Document)


class User(Document):
    name: str
    age: Annotated[int, msgspec.Meta(ge=0)] = 0

    by_name = Index("name", unique=True)


class Message(Document, table="all_messages"):
    LIMIT: ClassVar[int] = 10

    channel: str
    author: Id[User]
    reply_to: Id[Message] | None = None
    tags: list[str] = []
    seen: Int64 = Int64(0)

    by_channel = Index("channel")

    def shout(self) -> str:
        return self.channel.upper()


def get(id: Id[D]) -> D | None:
    return None


def insert(document: D) -> Id[D]:
    return document.id


def where(**conditions: object) -> None: ...


def fields(message: Message) -> None:
    assert_type(message.channel, str)
    assert_type(message.author, Id[User])
    assert_type(message.reply_to, Id[Message] | None)
    assert_type(message.tags, list[str])
    assert_type(message.seen, Int64)
    assert_type(message.id, Id[Message])
    assert_type(message.created_at, datetime)
    assert_type(message.shout(), str)
    assert_type(Message.by_channel, Index)
    assert_type(Message.LIMIT, int)


def ids(message: Message) -> None:
    assert_type(get(message.author), User | None)
    assert_type(get(message.id), Message | None)
    assert_type(insert(User(name="Ann")), Id[User])
    text: str = message.id
    where(author=text)


def documents(author: Id[User]) -> list[Message]:
    return [
        Message(channel="x", author=author),
        Message(channel="x", author=author, reply_to=None, tags=["a"]),
    ]


def pages(page: Page[Message]) -> Page[str]:
    assert_type(page.items, list[Message])
    assert_type(page.cursor, str)
    return page.map(lambda message: message.channel)


def conditions() -> None:
    where(likes=gte(3), channel="x", tags=contains("a"), seen=between(1, 2))
    where(likes=gt(1), seen=lt(2), other=lte(datetime.max))
    unset: UnsetType = UNSET
    where(likes=unset)
