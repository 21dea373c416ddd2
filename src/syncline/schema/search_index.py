"""Full-text index definitions, as they stand in a document class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncline.kernel.errors import SetupError

from .containers import UnionNode
from .mismatch import did_you_mean
from .naming import RESERVED_INDEXES, problem_with_name
from .nodes import StrNode, TypeNode

_MOST_FILTERS = 16


class SearchIndex:
    """A full-text index over the text in `field`: `search_body = SearchIndex("body", filters=("channel",))`.

    `filters` are the fields whose values a search may fix: they are a part of the index. What an owner or the members of
    a group may see is narrowed by the index, too.
    """

    __slots__ = ("field", "filters", "name", "owner")

    def __init__(self, field: str, *, filters: Iterable[str] = ()) -> None:
        self.field = field
        self.filters = (filters,) if isinstance(filters, str) else tuple(filters)
        #: Set when the class is made: the attribute's name and the class's.
        self.name = ""
        self.owner = ""

    def bind(self, owner: str, name: str) -> None:
        """Called by the document class that holds the index, once."""
        if self.name:
            raise SetupError(
                f"{owner}.{name} is the same object as {self.owner}.{self.name}",
                "write SearchIndex(...) for each of them",
            )
        self.owner, self.name = owner, name

    def __repr__(self) -> str:
        filters = f", filters={self.filters!r}" if self.filters else ""
        return f"SearchIndex({self.field!r}{filters})"


def take_searches(
    cls: str, namespace: Mapping[str, object], fields: Mapping[str, object], taken: Iterable[str]
) -> tuple[SearchIndex, ...]:
    """The full-text indexes in the body of a class. `taken` are names of its other indexes. Raises SetupError."""
    found: list[SearchIndex] = []
    for name, value in namespace.items():
        if isinstance(value, SearchIndex):
            value.bind(cls, name)
            _check(cls, value, fields, taken)
            found.append(value)
    return tuple(found)


def _check(cls: str, index: SearchIndex, fields: Mapping[str, object], taken: Iterable[str]) -> None:
    where = f"{cls}.{index.name}"
    if index.name in fields:
        raise SetupError(
            f"{where} has a type and is an index", f"write {index.name} = {index!r} without a type"
        )
    if index.name in RESERVED_INDEXES or index.name in taken:
        raise SetupError(f"{where} cannot be an index: another one has this name", "rename the index")
    if problem := problem_with_name(index.name):
        raise SetupError(f"{where} cannot be an index: {problem}", "rename the index")
    for field in (index.field, *index.filters):
        if field not in fields:
            raise SetupError(
                f"{where}: {cls} has no field `{field}`{did_you_mean(field, fields)}",
                "a search index names fields of its class",
            )
    if len(set(index.filters)) != len(index.filters):
        raise SetupError(f"{where} names a filter twice", "name each filter once")
    if len(index.filters) > _MOST_FILTERS:
        raise SetupError(f"{where} has {len(index.filters)} filters, the limit is {_MOST_FILTERS}")


def check_text(where: str, index: SearchIndex, node: TypeNode) -> None:
    """Raise SetupError unless the field holds text, or text and None."""
    bare = node.bare()
    if isinstance(bare, UnionNode) and len(bare.members) == 1:
        bare = bare.members[0]
    if not isinstance(bare.bare(), StrNode):
        raise SetupError(
            f"{where}.{index.name}: full-text search is for text, and `{index.field}` is {node.describe()}",
            f"index a field of type str or str | None, and name `{index.field}` among the filters",
        )
