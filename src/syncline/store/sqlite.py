"""The part of apsw that the store uses, with types: rows are tuples whose columns the statement decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import apsw

Bindings: TypeAlias = Sequence[object]


class Cursor(Protocol):
    def execute(self, statements: str, bindings: Bindings | None = None) -> Cursor: ...
    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    @property
    def in_transaction(self) -> bool: ...
    def execute(self, statements: str, bindings: Bindings | None = None) -> Cursor: ...
    def executemany(self, statements: str, sequenceofbindings: Iterable[Bindings]) -> Cursor: ...
    def cursor(self) -> Cursor: ...
    def pragma(self, name: str, value: int | str | None = None) -> Any: ...
    def set_busy_timeout(self, milliseconds: int) -> None: ...
    def set_progress_handler(self, callable: Callable[[], bool] | None, nsteps: int = 100) -> None: ...
    def set_wal_hook(self, callable: Callable[[Any, str, int], int] | None) -> None: ...
    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]: ...
    def changes(self) -> int: ...
    def txn_state(self) -> int: ...
    def close(self) -> None: ...


def open_connection(path: Path, vfs: str | None) -> Connection:
    """A bare connection; the file is made if it is not there."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    return cast(Connection, apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=64))


# apsw's stub takes any buffer, which no type checker knows before Python 3.12.
_carray = cast(Callable[[tuple[bytes, ...]], object], apsw.carray)  # pyright: ignore[reportUnknownMemberType]  # as said above


def array(values: tuple[bytes, ...]) -> object:
    """Bindings for carray(?): a table of these values, in their order."""
    return _carray(values)
