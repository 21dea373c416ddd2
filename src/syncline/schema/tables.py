"""Tables: what the document classes of an application say, understood and checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from syncline.kernel.errors import SetupError
from syncline.values import Value

from .access import Access
from .aggregate import Aggregate, check_aggregate
from .binding import Binding
from .containers import ListNode, UnionNode
from .definition import MISSING, Missing
from .document import Document
from .hints import document_fields
from .index import Index
from .mismatch import Mismatch
from .nodes import TypeNode
from .search_index import SearchIndex, VectorIndex, check_derived


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of a table. `default` is what is stored for it when a document does not say, in wire form."""

    name: str
    node: TypeNode
    default: Value | Missing

    @property
    def required(self) -> bool:
        return self.default is MISSING


class TableSpec:
    """One document class as a table.

    Hints are read when `fields` is first used, since they may name classes that are defined further down; what is
    wrong with them is a SetupError then (or in `collect`).
    """

    def __init__(self, cls: type[Document]) -> None:
        definition = cls.__definition__
        self.cls = cls
        self.name = definition.table
        self.indexes: tuple[Index, ...] = definition.indexes
        #: Who may see and change the rows; None: everybody.
        self.access: Access | None = definition.access
        self.derived = definition.derived
        self.searches = tuple([each for each in definition.derived if isinstance(each, SearchIndex)])
        self.vectors = tuple([each for each in definition.derived if isinstance(each, VectorIndex)])

    @cached_property
    def fields(self) -> tuple[FieldSpec, ...]:
        """The fields in the order of the class. Raises SetupError naming class, field and type."""
        nodes = document_fields(self.cls)
        fields = tuple(FieldSpec(name, node, self._default(name, node)) for name, node in nodes)
        for index in self.indexes:
            self._check_index(index, dict(nodes))
            if isinstance(index, Aggregate):
                check_aggregate(self.cls.__name__, index, dict(nodes))
        for derived in (*self.searches, *self.vectors):
            check_derived(self.cls.__name__, derived, dict(nodes)[derived.field])
        return fields

    @cached_property
    def by_name(self) -> dict[str, FieldSpec]:
        return {field.name: field for field in self.fields}

    def index(self, name: str) -> Index | None:
        return next((index for index in self.indexes if index.name == name), None)

    def each_field(self, index: Index) -> str | None:
        """The list whose elements an `each` index has entries for; None for other indexes."""
        if not index.each:
            return None
        return next(name for name in index.fields if element_of(self.by_name[name].node) is not None)

    def _default(self, name: str, node: TypeNode) -> Value | Missing:
        defaults = self.cls.__definition__.defaults
        if name not in defaults:
            return MISSING
        try:
            return node.encoder(Binding(stored=True))(defaults[name])
        except Mismatch as mismatch:
            raise SetupError(
                f"{self.cls.__name__}.{name}: its default does not fit: expected {mismatch.expected}, got {mismatch.got}",
                "defaults are constants of the field's type; for None write ... | None",
            ) from None

    def _check_index(self, index: Index, nodes: dict[str, TypeNode]) -> None:
        lists = [name for name in index.fields if element_of(nodes[name]) is not None]
        where = f"{self.cls.__name__}.{index.name}"
        if index.each and len(lists) != 1:
            found = "none of its fields is a list" if not lists else f"{' and '.join(lists)} are lists"
            raise SetupError(
                f"{where}: each=True needs one field that is a list, but {found}", "index one list at a time"
            )

    def __repr__(self) -> str:
        return f"TableSpec({self.name!r}, {self.cls.__module__}.{self.cls.__name__})"


def table_of(cls: type[Document]) -> TableSpec:
    """The table of a document class."""
    # Kept on the class, so that it goes when a reload drops the class.
    spec = cast("TableSpec | None", vars(cls).get("__table__"))
    if spec is None:
        if cls is Document:
            raise SetupError(f"{cls!r} is not a document class", "write class ...(Document)")
        spec = TableSpec(cls)
        type.__setattr__(cls, "__table__", spec)
    return spec


def element_of(node: TypeNode) -> TypeNode | None:
    """The type of the elements if the field is a list (or None); None if it is not."""
    bare = node.bare()
    if isinstance(bare, UnionNode) and len(bare.members) == 1:
        bare = bare.members[0]
    return bare.item if isinstance(bare, ListNode) else None
