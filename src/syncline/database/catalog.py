"""The application's schema bound to the store: numbers for tables, indexes and shapes, and the codecs for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from syncline.kernel.errors import SetupError
from syncline.kernel.identity import Identity
from syncline.schema import Aggregate, Document, Index, Members, TableCodec, TableNumbers, TableSpec
from syncline.store import TableInfo
from syncline.values import encode_key_part

from .search_binding import SearchBinding
from .vector_binding import VectorBinding

_NULL = encode_key_part(None)


def has_null(part: bytes, offsets: tuple[int, ...]) -> bool:
    """Whether a field of an encoded key is None: such keys may repeat in a unique index."""
    start = 0
    for offset in offsets:
        if part[start:offset] == _NULL:
            return True
        start = offset
    return False


class IndexBinding:
    """An index of a table, with its number in the store."""

    __slots__ = ("each_field", "fields", "id", "index", "label", "names", "unique")

    def __init__(self, index_id: int, index: Index, spec: TableSpec) -> None:
        self.id = index_id
        self.index = index
        self.fields: tuple[str, ...] = tuple(index.fields)
        self.names = frozenset(self.fields)
        self.unique = index.unique
        self.each_field = spec.each_field(index)
        self.label = f"{spec.name}.{index.name}"

    def __repr__(self) -> str:
        return f"<index {self.label}>"


class TableBinding:
    """A table of the schema, with its numbers in the store and its codec."""

    __slots__ = (
        "access",
        "aggregates",
        "by_creation",
        "by_index",
        "cls",
        "codec",
        "fields",
        "grants",
        "indexes",
        "name",
        "number",
        "plans",
        "searches",
        "shape",
        "spec",
        "system",
        "vectors",
    )

    def __init__(
        self,
        number: int,
        spec: TableSpec,
        codec: TableCodec,
        shape: int,
        by_creation: int,
        indexes: Iterable[IndexBinding],
        searches: Iterable[SearchBinding] = (),
        vectors: Iterable[VectorBinding] = (),
    ) -> None:
        self.number = number
        self.spec = spec
        self.fields = frozenset(spec.by_name)
        self.name = spec.name
        #: A table of Syncline itself: applications may read it, and change it by what `ctx` offers only.
        self.system = spec.name.startswith("_")
        self.cls: type[Document] = spec.cls
        #: Who may see and change the rows; None: everybody.
        self.access = spec.access
        #: Whether its rows are memberships that open rows of other tables, or of this one.
        self.grants = False
        self.codec = codec
        self.shape = shape
        self.by_creation = by_creation
        self.indexes = tuple(indexes)
        self.by_index = {binding.index: binding for binding in self.indexes}
        self.searches = tuple(searches)
        self.vectors = tuple(vectors)
        self.aggregates = tuple(binding for binding in self.indexes if isinstance(binding.index, Aggregate))
        self.plans: dict[Any, Any] = {}

    @property
    def derived(self) -> tuple[SearchBinding | VectorBinding, ...]:
        """The full-text and vector indexes."""
        return (*self.searches, *self.vectors)

    @property
    def bindings(self) -> tuple[IndexBinding | SearchBinding | VectorBinding, ...]:
        """All indexes that have a number in the store."""
        return (*self.indexes, *self.searches, *self.vectors)

    def __repr__(self) -> str:
        return f"<table {self.name}>"

    def current(self, shape: int, body: bytes) -> bytes:
        """A stored body in the current shape: an older one with the defaults it lacks."""
        return body if shape == self.shape else self.codec.upgrade(body)

    def load(self, shape: int, body: bytes) -> Document:
        return self.codec.load(body if shape == self.shape else self.codec.upgrade(body))


class Catalog:
    """All tables of one release, by number, name and class. Immutable once built."""

    __slots__ = ("_vias", "by_class", "by_name", "by_number", "numbers", "several_issuers")

    def __init__(
        self, tables: Iterable[TableBinding], numbers: TableNumbers, *, several_issuers: bool = False
    ) -> None:
        #: Whether a subject alone does not say who somebody is, since another issuer may give it to another person.
        self.several_issuers = several_issuers
        #: The numbers of all tables that the store knows, those without a class among them.
        self.numbers = numbers
        self.by_number: Mapping[int, TableBinding] = {table.number: table for table in tables}
        self.by_name: Mapping[str, TableBinding] = {table.name: table for table in self.by_number.values()}
        self.by_class: Mapping[type[Document], TableBinding] = {
            table.cls: table for table in self.by_number.values()
        }
        self._vias: dict[Index, tuple[TableBinding, IndexBinding]] = {}
        for table in self.by_number.values():
            if isinstance(table.access, Members):
                memberships, index = self._find(table, table.access.via)
                memberships.grants = True
                self._vias[table.access.via] = memberships, index

    def by_via(self, via: Index) -> tuple[TableBinding, IndexBinding]:
        """The memberships that a rule names by an index, and the index."""
        return self._vias[via]

    def _find(self, table: TableBinding, via: Index) -> tuple[TableBinding, IndexBinding]:
        for other in self.by_number.values():
            if via in other.by_index:
                return other, other.by_index[via]
        raise SetupError(
            f"{table.cls.__name__}.access: via={via!r} is no index of a table of this application",
            'name the index as an attribute of its class: members("team", via=TeamMember.by_user, field="team")',
        )

    @property
    def application_tables(self) -> list[TableBinding]:
        """The tables that the application declares, without Syncline's own."""
        return [table for table in self.by_number.values() if not table.system]

    def renumbered(self, tables: Iterable[TableInfo], indexes: Mapping[int, int]) -> Catalog:
        """The same tables after a load gave some of them, and some indexes (old number to new), other numbers."""
        changed = {info.name: info for info in tables}
        if not changed:
            return self
        # Codecs check the numbers in ids, so those of all tables are made anew.
        numbers = TableNumbers(
            {**dict(self.numbers.items()), **{name: info.number for name, info in changed.items()}}
        )
        bound: list[TableBinding] = []
        for table in self.by_number.values():
            info = changed.get(table.name, TableInfo(table.number, table.name, table.by_creation))
            bindings = [
                IndexBinding(indexes.get(binding.id, binding.id), binding.index, table.spec)
                for binding in table.indexes
            ]
            searches = [
                SearchBinding(indexes.get(search.id, search.id), search.index, table.spec)
                for search in table.searches
            ]
            vectors = [
                VectorBinding(indexes.get(each.id, each.id), each.index, table.spec) for each in table.vectors
            ]
            codec = TableCodec(table.spec, numbers)
            bound.append(
                TableBinding(
                    info.number, table.spec, codec, table.shape, info.by_creation, bindings, searches, vectors
                )
            )
        return Catalog(bound, numbers, several_issuers=self.several_issuers)

    def name_of(self, identity: Identity | None) -> str | None:
        """What owners and members are named by: the subject, or where several issuers may give one subject to several
        people, the token identifier. None for nobody."""
        # An empty subject is nobody's: it would own what has no owner yet.
        if identity is None or not identity.subject:
            return None
        return identity.token_identifier if self.several_issuers else identity.subject

    def naming(self, *, several_issuers: bool) -> Catalog:
        """The same tables for an application with these issuers."""
        if several_issuers == self.several_issuers:
            return self
        return Catalog(self.by_number.values(), self.numbers, several_issuers=several_issuers)

    def of(self, cls: type[Document]) -> TableBinding:
        """The table of a document class."""
        try:
            return self.by_class[cls]
        except KeyError:
            raise SetupError(
                f"{cls.__module__}.{cls.__qualname__} is not a table of this application",
                "declare the class in a module of the backend folder, as a subclass of Document",
            ) from None
