"""After two users became one: their documents do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from syncline.database import Query, SystemWriter
from syncline.database.catalog import Catalog, TableBinding
from syncline.functions.contexts import MutationCtx
from syncline.functions.decorators import mutation
from syncline.functions.system_db import run_of, system_writer
from syncline.kernel.errors import DocumentError, UniqueError
from syncline.kernel.identity import Identity
from syncline.schema import Aggregate, Document, Members, OwnedBy, PaginationOptions, PublicRead
from syncline.system import StoredBlob, WorkflowRun

#: So many times the documents of a batch are looked at where no index says which are to be moved.
_LOOKED_AT = 10


class _Place(msgspec.Struct):
    """Where a batch begins: in a table, among documents whose `field` names the merged user in one of two ways.

    Without an index on the field all documents are looked at, once for both ways.
    """

    table: str
    field: str
    way: int
    cursor: str | None


class _Stayed(msgspec.Struct):
    table: str
    id: str
    why: str


class _Moved(msgspec.Struct):
    place: _Place | None
    moved: int
    stayed: list[_Stayed]


class _Result(msgspec.Struct):
    """`place` is a text, which nobody but this module reads."""

    place: str | None
    moved: int
    stayed: list[_Stayed]


class _Step(NamedTuple):
    table: str
    field: str
    way: int


@dataclass(frozen=True)
class _Owner:
    """A field that names a user. `group`: of a membership, the field that says in what."""

    table: TableBinding
    field: str
    group: str | None

    @property
    def indexed(self) -> bool:
        return any(
            binding.fields[0] == self.field and not isinstance(binding.index, Aggregate)
            for binding in self.table.indexes
        )


@mutation(internal=True)
def move(ctx: MutationCtx, issuer: str, source: str, target: str, place: str | None, limit: float) -> str:
    """Give the next documents of `source` to `target`, both subjects of `issuer`. What cannot be moved stays."""
    begin = None if place is None else msgspec.json.decode(place, type=_Place)
    ways = list(zip(_ways(source, issuer), _ways(target, issuer), strict=True))
    moved = _Mover(system_writer(ctx), run_of(ctx).catalog, ways).run(begin, int(limit))
    after = None if moved.place is None else msgspec.json.encode(moved.place).decode()
    return msgspec.json.encode(_Result(after, moved.moved, moved.stayed)).decode()


class _Mover:
    def __init__(self, db: SystemWriter, catalog: Catalog, ways: list[tuple[str, str]]) -> None:
        self._db = db
        # Where a field is both an owner's and a member's, what is known of memberships counts.
        found = sorted(_owners(catalog), key=lambda owner: owner.group is not None)
        self._owners = {(owner.table.name, owner.field): owner for owner in found}
        self._ways = ways

    def run(self, begin: _Place | None, limit: int) -> _Moved:
        """One batch: of the first place from `begin` on that has anything."""
        steps = sorted(
            _Step(*key, way)
            for key, owner in self._owners.items()
            for way in range(len(self._ways) if owner.indexed else 1)
        )
        first = None if begin is None else _Step(begin.table, begin.field, begin.way)
        for step in steps:
            if first is not None and step < first:
                continue
            cursor = begin.cursor if begin is not None and step == first else None
            owner = self._owners[step.table, step.field]
            if cursor is None and self._is_empty(owner, step.way):
                continue
            return self._batch(owner, step, cursor, limit)
        return _Moved(None, 0, [])

    def _is_empty(self, owner: _Owner, way: int) -> bool:
        return self._query(owner, way).first() is None

    def _query(self, owner: _Owner, way: int) -> Query[Document]:
        query = self._db.query(owner.table.cls)
        return query.where(**{owner.field: self._ways[way][0]}) if owner.indexed else query

    def _batch(self, owner: _Owner, step: _Step, cursor: str | None, limit: int) -> _Moved:
        names = dict(self._ways)
        most = limit if owner.indexed else limit * _LOOKED_AT
        page = self._query(owner, step.way).paginate(PaginationOptions(most, cursor))
        moved, stayed = 0, list[_Stayed]()
        for document in page.items:
            name = names.get(getattr(document, owner.field))
            if name is None:
                continue
            why = self._give(owner, document, name)
            if why is None:
                moved += 1
            else:
                stayed.append(_Stayed(owner.table.name, str(document.id), why))
        # The last one of a step may be followed by others: the next call finds out.
        place = _Place(step.table, step.field, step.way, page.cursor)
        if page.is_done:
            place = _Place(step.table, step.field, step.way + 1, None)
        return _Moved(place, moved, stayed)

    def _give(self, owner: _Owner, document: Document, name: str) -> str | None:
        """Why not, if it cannot be."""
        cls, field = owner.table.cls, owner.field
        if owner.group is not None:
            same = {field: name, owner.group: getattr(document, owner.group)}
            if self._db.query(cls).where(**same).first() is not None:
                return "the other user has this membership already"
        try:
            self._db.patch(document, **{field: name})
        except (UniqueError, DocumentError) as error:
            # Both are raised before anything is written: the rest goes on.
            return str(error)
        return None


def _ways(subject: str, issuer: str) -> tuple[str, str]:
    """How rules name a user: by the subject, or where there are several issuers by both.

    The way that is not in use now may have been when a document was written.
    """
    return subject, Identity(subject, issuer).token_identifier


def _owners(catalog: Catalog) -> Iterator[_Owner]:
    """Where documents name users, as rules say and as Syncline's own tables do."""
    for table in catalog.application_tables:
        match table.access:
            case OwnedBy(owner) | PublicRead(owner):
                yield _Owner(table, owner, None)
            case Members(via=via, field=group):
                memberships, index = catalog.by_via(via)
                if memberships.system:  # Follows the accounts by itself.
                    continue
                yield _Owner(memberships, index.fields[0], group)
            case _:
                pass
    yield _Owner(catalog.of(StoredBlob), "owner", None)
    yield _Owner(catalog.of(WorkflowRun), "owner", None)


FUNCTIONS: tuple[Any, ...] = (move,)
