"""What the database holds."""

from syncline import Document, Index


class Task(Document):
    title: str
    done: bool = False

    by_done = Index("done")
