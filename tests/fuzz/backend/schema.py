"""What is kept."""

from typing import Any

from syncline import Document, Index


class Thing(Document):
    name: str
    value: Any = None

    by_name = Index("name")
