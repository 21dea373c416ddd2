"""`ctx.db`: the database as application code sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar, cast

from syncline.kernel.errors import ArgumentError, ForbiddenError, NotFoundError, UniqueError
from syncline.schema import Document, Id, body_of, read_head
from syncline.schema.table_codec import IndexKey
from syncline.values import InvalidValueError, Value, check_document, decode_id, encode_id, parts_end

from .aggregate_keeping import keep_aggregates
from .aggregate_methods import AggregateMethods
from .catalog import Catalog, IndexBinding, TableBinding, has_null
from .query import Query
from .rules import Guard, TableRule
from .transaction import Transaction

D = TypeVar("D", bound=Document)


class DatabaseReader(AggregateMethods):
    """Reads of one snapshot. In a mutation they see its own writes."""

    __slots__ = ("_catalog", "_guard", "_transaction")

    def __init__(self, transaction: Transaction, catalog: Catalog, guard: Guard | None = None) -> None:
        """`guard` holds the rules that bind the caller; None: there are none."""
        self._transaction = transaction
        self._catalog = catalog
        self._guard = guard

    @property
    def unrestricted(self) -> DatabaseReader:
        """The database without the rules of its tables, whoever is calling."""
        return self if self._guard is None else DatabaseReader(self._transaction, self._catalog)

    def get(self, id: Id[D]) -> D | None:
        """The document, or None. ArgumentError if `id` is no id at all."""
        table, internal = self._place(id)
        if table is None:
            return None
        found = self._transaction.get(table.number, internal)
        if found is None:
            return None
        document = table.load(*found)
        rule = self._rule(table)
        return None if rule is not None and not rule.sees(document) else cast("D", document)

    def get_many(self, ids: Iterable[Id[D]]) -> list[D | None]:
        """The documents in the order of `ids`, None where there is none."""
        return [self.get(id) for id in ids]

    def require(self, id: Id[D]) -> D:
        """The document, or NotFoundError."""
        found = self.get(id)
        if found is None:
            raise self._missing(id)
        return found

    def query(self, cls: type[D]) -> Query[D]:
        """A query on the table of `cls`; see `Query`."""
        table = self._catalog.of(cls)
        return Query(self._transaction, table, self._rule(table))

    def normalize_id(self, cls: type[D], text: str) -> Id[D] | None:
        """`text` as an id of the table, or None. Does not say whether the document exists."""
        try:
            number, _internal = decode_id(text)
        except ValueError:
            return None
        return cast("Id[D]", Id(text)) if number == self._catalog.of(cls).number else None

    def _rule(self, table: TableBinding) -> TableRule | None:
        """What binds the caller in this table; None: nothing does."""
        return None if self._guard is None else self._guard.rule(table)

    def _place(self, id: str) -> tuple[TableBinding | None, bytes]:
        try:
            number, internal = decode_id(id)
        except ValueError as error:
            raise ArgumentError(f"not a document id: {error}") from None
        return self._catalog.by_number.get(number), internal

    def _missing(self, id: str) -> NotFoundError:
        table = self._place(id)[0]
        return NotFoundError(
            f"there is no document {id} in {table.name if table is not None else 'any table'}"
        )


class DatabaseWriter(DatabaseReader):
    """Reads and writes of one mutation."""

    __slots__ = ()

    #: Whether system tables may be written.
    _system = False

    @property
    def unrestricted(self) -> DatabaseWriter:
        """The database without the rules of its tables, whoever is calling."""
        return self if self._guard is None else DatabaseWriter(self._transaction, self._catalog)

    def insert(self, document: D) -> Id[D]:
        """Store a new document and return its id."""
        table = self._catalog.of(type(document))
        if table.system and not self._system:
            raise _not_yours(table)
        codec = table.codec
        transaction = self._transaction
        fields = codec.to_fields(document)
        rule = self._rule(table)
        if rule is not None:
            rule.fill(fields)
        internal = transaction.new_id()
        created = transaction.new_creation_time()
        text = encode_id(table.number, internal)
        body = self._encode(table, fields, text, created)
        if rule is not None:
            rule.check_insert(fields, codec.load(body))
        tail = created.to_bytes(8, "big") + internal
        writes = transaction.writes
        assert writes is not None
        # Everything that may refuse comes first: a caller may catch the error and go on, and must find nothing half
        # written.
        keys = [(index, codec.index_keys(index.index, fields)) for index in table.indexes]
        for index, parts in keys:
            if index.unique:
                for part, offsets in parts:
                    self._check_unique(index, part, offsets, internal)
        if table.grants:
            transaction.rule_epoch += 1
        transaction.put_document(table.number, internal, table.shape, body)
        for index, parts in keys:
            for part, offsets in parts:
                writes.put_entry(index.id, part + tail, True, offsets)
        writes.put_entry(table.by_creation, tail, True, ())
        self._touch_derived(table, internal, fields)
        if table.aggregates:
            keep_aggregates(transaction, self._catalog, table, None, fields)
        return cast("Id[D]", Id(text))

    def insert_many(self, documents: Iterable[D]) -> list[Id[D]]:
        """Store several documents; their ids in the same order."""
        return [self.insert(document) for document in documents]

    def patch(self, target: Id[D] | D, /, **changes: object) -> None:
        """Change some fields; UNSET sets a field back to its default."""
        table, internal, text, shape, body = self._stored(target)
        codec = table.codec
        old_body = table.current(shape, body)
        before = codec.decode_body(old_body)
        self._rewrite(table, internal, text, old_body, before, codec.patched(before, changes), changes)

    def replace(self, target: Id[D] | D, document: D) -> None:
        """Replace all fields; the id and the creation time stay."""
        table, internal, text, shape, body = self._stored(target)
        if type(document) is not table.cls:
            raise ArgumentError(
                f"replace: {text} is a document of {table.name}, got a {type(document).__name__}"
            )
        codec = table.codec
        old_body = table.current(shape, body)
        before, after = codec.decode_body(old_body), codec.to_fields(document)
        rule = self._rule(table)
        if rule is not None:
            rule.refill(before, after)
        self._rewrite(table, internal, text, old_body, before, after)

    def delete(self, target: Id[D] | D) -> None:
        """Remove a document; NotFoundError if there is none."""
        table, internal, _text, shape, body = self._stored(target)
        codec = table.codec
        current = table.current(shape, body)
        rule = self._rule(table)
        if rule is not None:
            rule.check_delete(codec.load(current))
        fields = codec.decode_body(current)
        tail = read_head(current)[1].to_bytes(8, "big") + internal
        writes = self._transaction.writes
        assert writes is not None
        if table.grants:
            self._transaction.rule_epoch += 1
        self._transaction.put_document(table.number, internal, table.shape, None)
        for index in table.indexes:
            for part, offsets in codec.index_keys(index.index, fields):
                writes.put_entry(index.id, part + tail, False, offsets)
        writes.put_entry(table.by_creation, tail, False, ())
        self._touch_derived(table, internal, fields)
        if table.aggregates:
            keep_aggregates(self._transaction, self._catalog, table, fields, None)

    def _stored(self, target: str | Document) -> tuple[TableBinding, bytes, str, int, bytes]:
        text = _id_of(target)
        table, internal = self._place(text)
        found = self._transaction.get(table.number, internal) if table is not None else None
        if table is None or found is None:
            raise self._missing(text)
        rule = self._rule(table)
        if rule is not None and not rule.sees(table.load(*found)):
            raise self._missing(text)  # What is hidden does not exist.
        if table.system and not self._system:
            raise _not_yours(table)
        return table, internal, text, *found

    def _encode(self, table: TableBinding, fields: dict[str, Value], text: str, created_us: int) -> bytes:
        """A document as it is stored. Raises LimitError if it may not be."""
        values, limits = cast("dict[str, object]", fields), self._transaction.limits
        try:
            body = table.codec.encode_body(fields, text, created_us)
        except InvalidValueError:
            # Deeper than anything can be encoded is deeper than documents may be, and that is what to say.
            check_document(values, limits)
            raise
        self._check_size(values, body)
        return body

    def _check_size(self, values: dict[str, object], body: bytes) -> None:
        check_document(values, self._transaction.limits, body)

    def _rewrite(
        self,
        table: TableBinding,
        internal: bytes,
        text: str,
        old_body: bytes,
        before: dict[str, Value],
        after: dict[str, Value],
        changed: Collection[str] | None = None,
    ) -> None:
        codec = table.codec
        created = read_head(old_body)[1]
        body = self._encode(table, after, text, created)
        rule = self._rule(table)
        if rule is not None:
            rule.check_update(before, after, codec.load(old_body), codec.load(body))
        tail = created.to_bytes(8, "big") + internal
        writes = self._transaction.writes
        assert writes is not None
        keys: list[tuple[IndexBinding, list[IndexKey], list[IndexKey]]] = []
        for index in table.indexes:
            old = codec.index_keys(index.index, before)
            same = changed is not None and index.names.isdisjoint(changed)
            keys.append((index, old, old if same else codec.index_keys(index.index, after)))
        for index, old, new in keys:
            if index.unique and new != old:
                for part, offsets in new:
                    self._check_unique(index, part, offsets, internal)
        if table.grants:
            self._transaction.rule_epoch += 1
        self._transaction.put_document(table.number, internal, table.shape, body)
        for index, old, new in keys:
            self._move_entries(index, old, new, tail)
        writes.touch_entry(table.by_creation, tail, ())
        self._touch_derived(table, internal, before, after)
        if table.aggregates:
            keep_aggregates(self._transaction, self._catalog, table, before, after)

    def _touch_derived(self, table: TableBinding, internal: bytes, *states: dict[str, Value]) -> None:
        """Say to full-text and vector indexes what a document was or is."""
        writes = self._transaction.writes
        assert writes is not None
        for fields in states:
            for search in table.searches:
                writes.touch_entry(search.id, search.key(fields), ())
            for vectors in table.vectors:
                writes.touch_entry(vectors.id, vectors.key(fields, internal), ())

    def _move_entries(
        self,
        index: IndexBinding,
        before: list[IndexKey],
        after: list[IndexKey],
        tail: bytes,
    ) -> None:
        writes = self._transaction.writes
        assert writes is not None
        if before is after or before == after:
            for part, offsets in before:
                writes.touch_entry(index.id, part + tail, offsets)
            return
        kept = {part for part, _ in before} & {part for part, _ in after}
        for part, offsets in before:
            if part in kept:
                writes.touch_entry(index.id, part + tail, offsets)
            else:
                writes.put_entry(index.id, part + tail, False, offsets)
        for part, offsets in after:
            if part not in kept:
                writes.put_entry(index.id, part + tail, True, offsets)

    def _check_unique(
        self, index: IndexBinding, part: bytes, offsets: tuple[int, ...], internal: bytes
    ) -> None:
        if has_null(part, offsets):
            return
        found = self._transaction.first_key(index.id, part, parts_end(part))
        if found is not None and found[-16:] != internal:
            raise UniqueError(index.label)


class SystemWriter(DatabaseWriter):
    """Reads and writes for Syncline's own functions: its own tables, too."""

    __slots__ = ()

    _system = True

    def _check_size(self, values: dict[str, object], body: bytes) -> None:
        limits = self._transaction.limits
        if (
            len(body) > limits.document_bytes // 4
        ):  # Far from the common case, which need not copy the limits.
            limits = replace(limits, document_bytes=limits.system_document_bytes)
        check_document(values, limits, body)


def _not_yours(table: TableBinding) -> ForbiddenError:
    return ForbiddenError(
        f"{table.name} is a table of Syncline: it is changed by what ctx offers for it, not through ctx.db"
    )


_ID = b',"_id":"'


def _id_of(target: str | Document) -> str:
    """The id of a document or an id, as a plain string: an Id would not encode as one."""
    if not isinstance(target, Document):
        return str(target)
    body = body_of(target)
    if body is None:
        return str(target.id)
    start = body.index(_ID) + len(_ID)
    return body[start : body.index(b'"', start)].decode("ascii")
