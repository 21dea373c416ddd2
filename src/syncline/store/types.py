"""The records that a store takes and gives back: bytes, numbers and timestamps, nothing of the application."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

Timestamp: TypeAlias = int
"""A commit timestamp: nanoseconds, unique, strictly increasing, below 2**63 (SQLite's integers are signed)."""

StoredBody: TypeAlias = tuple[Timestamp, int, bytes]
"""What is stored under an id: (commit timestamp of the last write, shape number, body)."""

Row: TypeAlias = tuple[bytes, Timestamp, int, bytes]
"""One row of a scan: (index key, commit timestamp of the last write, shape number, body)."""

ID_BYTES = 16
"""An internal document id: 6 bytes of milliseconds (big endian), 10 random. The last 16 bytes of every key."""

KEY_TAIL_BYTES = 8 + ID_BYTES
"""What every index key ends with: creation time (8 bytes big endian, microseconds) and the internal id."""


class DocumentWrite(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A document's new state. `body` None deletes it; `shape` is the number under which its fields were written."""

    table: int
    id: bytes
    body: bytes | None
    shape: int


class EntryWrite(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An index entry that the commit touches.

    `present`: True adds the entry (adding one that is there is harmless), False removes it, None says that it
    stays while its document changed: that is kept in the commit log and costs no write.
    `offsets`: where each indexed field ends in `key`, for those who look for equal prefixes.
    """

    index: int
    key: bytes
    present: bool | None
    offsets: tuple[int, ...] = ()


class RequestRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The outcome of a client's mutation, kept so that a replay gets the answer and not a second run.

    `result` and `log_lines` are encoded JSON; `identity` is who made the request (None: nobody signed in).
    """

    session: bytes
    request: int
    identity: str | None
    result: bytes
    log_lines: bytes


class Commit(msgspec.Struct, frozen=True, array_like=True):
    """Everything that one transaction wrote, under its timestamp."""

    ts: Timestamp
    documents: tuple[DocumentWrite, ...] = ()
    entries: tuple[EntryWrite, ...] = ()
    requests: tuple[RequestRecord, ...] = ()


class TableInfo(msgspec.Struct, frozen=True):
    """A table of the catalog. `by_creation` is the number of its built-in index on creation time."""

    number: int
    name: str
    by_creation: int


class IndexInfo(msgspec.Struct, frozen=True):
    """An index of the catalog. While `ready` is False it is being built and must not answer reads."""

    number: int
    table: int
    name: str
    definition: str
    ready: bool


class ShapeInfo(msgspec.Struct, frozen=True):
    """A description of fields, types and defaults under which bodies of a table were written."""

    number: int
    table: int
    text: str
