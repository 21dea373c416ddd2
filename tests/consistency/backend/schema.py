"""Lists in documents, lists that are ranges of an index, and drafts that come and go."""

from syncline import Document, Index


class Cell(Document):
    name: str
    items: list[int] = []

    by_name = Index("name", unique=True)


class Entry(Document, table="entries"):
    """An element of two lists: all of its group, and all of its band."""

    group: str
    band: int
    value: int

    by_group = Index("group")
    by_band = Index("band")


class Draft(Document):
    name: str

    by_name = Index("name", unique=True)
