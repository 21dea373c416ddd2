"""Two tables: accounts found by number, messages found by channel."""

from __future__ import annotations

from syncline import Document, Index


class Account(Document):
    number: int
    owner: str
    balance: int

    by_number = Index("number", unique=True)


class Message(Document):
    channel: str
    body: str

    by_channel = Index("channel")
