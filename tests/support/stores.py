"""Stores, commits and keys for tests, without the layers above."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from syncline.kernel.clock import Clock, FakeClock
from syncline.kernel.limits import Limits
from syncline.store import Commit, DocumentWrite, EntryWrite, RequestRecord, Store, TableInfo

TABLE = 10_001
SHAPE = 1


def open_store(folder: Path, *, key: bytes | None = None, limits: Limits | None = None) -> Store:
    return Store.open(folder, clock=FakeClock(), key=key, limits=limits)


def open_unflushed(folder: Path, *, clock: Clock | None = None, limits: Limits | None = None) -> Store:
    """A store that never waits for the disk, for tests that write much and do not pull the plug."""
    path = folder / "syncline.db"
    return Store(path, clock=clock or FakeClock(), limits=limits or Limits(), durable=False)


def document_id(number: int) -> bytes:
    """An internal id; ids order as their numbers do."""
    return number.to_bytes(16, "big")


def index_key(part: bytes, number: int) -> bytes:
    """The key of document `number` under an encoded field value `part`, created at time `number`."""
    return part + number.to_bytes(8, "big") + document_id(number)


def put(number: int, body: bytes = b"{}", *, table: int = TABLE) -> DocumentWrite:
    return DocumentWrite(table, document_id(number), body, SHAPE)


def delete(number: int, *, table: int = TABLE) -> DocumentWrite:
    return DocumentWrite(table, document_id(number), None, SHAPE)


def entry(index: int, part: bytes, number: int, *, present: bool | None = True) -> EntryWrite:
    return EntryWrite(index, index_key(part, number), present, (len(part),))


def created(table: TableInfo, number: int, body: bytes = b"{}") -> tuple[DocumentWrite, EntryWrite]:
    """A new document with its entry in the order of creation."""
    return put(number, body, table=table.number), entry(table.by_creation, b"", number)


def request(session: bytes, number: int, result: bytes = b"null") -> RequestRecord:
    return RequestRecord(session, number, None, result, b"[]")


def commit(
    store: Store,
    *documents: DocumentWrite,
    entries: Iterable[EntryWrite] = (),
    requests: Iterable[RequestRecord] = (),
) -> int:
    """Append one commit alone; returns its timestamp."""
    ts = store.next_ts()
    store.append([Commit(ts, documents, tuple(entries), tuple(requests))])
    return ts


def fill(store: Store, table: TableInfo, numbers: Iterable[int], body: bytes = b"{}") -> int:
    """Store documents in one commit, each in the order of creation."""
    made = [created(table, number, body) for number in numbers]
    return commit(store, *[document for document, _ in made], entries=[made_entry for _, made_entry in made])
