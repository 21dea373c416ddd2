"""What the database holds."""

from syncline import Document, Id, Index


class Channel(Document):
    name: str
    messages: int = 0

    by_name = Index("name", unique=True)


class Person(Document, table="people"):
    name: str

    by_name = Index("name", unique=True)


class Message(Document):
    channel: str  # the channel's name, which never changes
    author: Id[Person]
    body: str

    by_channel = Index("channel")
