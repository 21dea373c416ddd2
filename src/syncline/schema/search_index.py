"""Full-text and vector indexes, as they stand in a document class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncline.kernel.errors import SetupError

from .containers import ListNode, UnionNode
from .mismatch import did_you_mean
from .naming import RESERVED_INDEXES, problem_with_name
from .nodes import FloatNode, StrNode, TypeNode

_MOST_FILTERS = 16
MOST_DIMENSIONS = 4_096


class DerivedIndex:
    """An index that is kept beside the documents, over one field, with filters."""

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
                f"write {type(self).__name__}(...) for each of them",
            )
        self.owner, self.name = owner, name

    def __repr__(self) -> str:
        filters = f", filters={self.filters!r}" if self.filters else ""
        return f"{type(self).__name__}({self.field!r}{filters})"


class SearchIndex(DerivedIndex):
    """A full-text index over the text in `field`: `search_body = SearchIndex("body", filters=("channel",))`.

    `filters` are the fields whose values a search may fix: they are a part of the index. What an owner or the members of
    a group may see is narrowed by the index, too.
    """

    __slots__ = ()


class VectorIndex(DerivedIndex):
    """An index over the vectors in `field`: `near = VectorIndex("embedding", dimensions=384, filters=("channel",))`.

    `dimensions` is the length of each vector; `filters` are as in SearchIndex. Needs `pip install "syncline[vectors]"`.
    """

    __slots__ = ("dimensions",)

    def __init__(self, field: str, *, dimensions: int, filters: Iterable[str] = ()) -> None:
        super().__init__(field, filters=filters)
        self.dimensions = dimensions


def take_derived(
    cls: str, namespace: Mapping[str, object], fields: Mapping[str, object], taken: Iterable[str]
) -> tuple[DerivedIndex, ...]:
    """The full-text and vector indexes in the body of a class. `taken` are names of other indexes. Raises SetupError."""
    found: list[DerivedIndex] = []
    for name, value in namespace.items():
        if isinstance(value, DerivedIndex):
            value.bind(cls, name)
            _check(cls, value, fields, taken)
            found.append(value)
    return tuple(found)


def _check(cls: str, index: DerivedIndex, fields: Mapping[str, object], taken: Iterable[str]) -> None:
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
                "an index names fields of its class",
            )
    if len(set(index.filters)) != len(index.filters):
        raise SetupError(f"{where} names a filter twice", "name each filter once")
    if len(index.filters) > _MOST_FILTERS:
        raise SetupError(f"{where} has {len(index.filters)} filters, the limit is {_MOST_FILTERS}")
    if isinstance(index, VectorIndex) and not 1 <= index.dimensions <= MOST_DIMENSIONS:
        raise SetupError(
            f"{where}: dimensions={index.dimensions}, but vectors have 1 to {MOST_DIMENSIONS:,} numbers",
            "say how many numbers your model gives, for example dimensions=384",
        )


def check_derived(where: str, index: DerivedIndex, node: TypeNode) -> None:
    """Raise SetupError unless the field holds what the index is for."""
    if isinstance(index, SearchIndex):
        check_text(where, index, node)
    else:
        check_vector(where, index, node)


def check_vector(where: str, index: DerivedIndex, node: TypeNode) -> None:
    """Raise SetupError unless the field holds vectors, or vectors and None."""
    bare = node.bare()
    if isinstance(bare, UnionNode) and len(bare.members) == 1:
        bare = bare.members[0].bare()
    if not isinstance(bare, ListNode) or not isinstance(bare.item.bare(), FloatNode):
        raise SetupError(
            f"{where}.{index.name}: a vector index is for lists of numbers, and `{index.field}` is {node.describe()}",
            f"write {index.field}: list[float], or list[float] | None where it comes later",
        )


def check_text(where: str, index: DerivedIndex, node: TypeNode) -> None:
    """Raise SetupError unless the field holds text, or text and None."""
    bare = node.bare()
    if isinstance(bare, UnionNode) and len(bare.members) == 1:
        bare = bare.members[0]
    if not isinstance(bare.bare(), StrNode):
        raise SetupError(
            f"{where}.{index.name}: full-text search is for text, and `{index.field}` is {node.describe()}",
            f"index a field of type str or str | None, and name `{index.field}` among the filters",
        )
