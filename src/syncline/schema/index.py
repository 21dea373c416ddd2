"""Index definitions, as they stand in a document class."""

from __future__ import annotations

from syncline.kernel.errors import SetupError


class Index:
    """An index over `fields`, in this order: `by_author = Index("author", "channel")`.

    Every index ends with the creation time and the id, so that its order is total.

    - `unique=True`: no two documents have the same values in all fields. None may repeat.
    - `each=True`: one entry per element of the one field among `fields` that is a list.
    """

    __slots__ = ("each", "fields", "name", "owner", "unique")

    def __init__(self, *fields: str, unique: bool = False, each: bool = False) -> None:
        self.fields = fields
        self.unique = unique
        self.each = each
        #: Set when the class is made: the attribute's name and the class's.
        self.name = ""
        self.owner = ""

    def bind(self, owner: str, name: str) -> None:
        """Called by the document class that holds the index, once.

        Not `__set_name__`: Python 3.11 hides the error of that method in a RuntimeError.
        """
        if self.name:
            raise SetupError(
                f"{owner}.{name} is the same object as {self.owner}.{self.name}",
                "write Index(...) for each of them",
            )
        self.owner, self.name = owner, name

    def repeats(self, other: Index) -> bool:
        """Whether there is no use for both of two indexes of one class."""
        return type(other) is type(self) and other.fields == self.fields and other.each == self.each

    def definition(self) -> str:
        """What an index is rebuilt for when it changes."""
        return ",".join(self.fields) + (" unique" if self.unique else "") + (" each" if self.each else "")

    def __repr__(self) -> str:
        options = (", unique=True" if self.unique else "") + (", each=True" if self.each else "")
        return f"Index({', '.join(map(repr, self.fields))}{options})"
