"""What the prompt of `syncline shell` reads and writes: the newest snapshot for each statement, and whole mutations."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from syncline.client import AdminKey, FunctionError, SyncClient
from syncline.client.functions import Functions
from syncline.database import (
    CachedSnapshot,
    CreationClock,
    DatabaseReader,
    DatabaseWriter,
    KeyCache,
    Transaction,
    WriteSet,
    activate,
    last_creation_time,
)
from syncline.functions import Failure, Function
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.errors import SetupError
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits
from syncline.server.admin_key import read_admin_key
from syncline.server.data_key import read_data_key
from syncline.server.endpoint import find_endpoint
from syncline.server.local import call_once
from syncline.server.settings import Settings
from syncline.server.viewing import Viewed
from syncline.store import Commit, FolderLockedError, FoundNearest, Reader, Row, Store, TextReader
from syncline.values import decode_json

from .calling import show_progress
from .output import show_log_lines

_MANY = 2**60


def without_limits(limits: Limits) -> Limits:
    """A person who waits for a whole table knows what he asked for."""
    return replace(limits, read_bytes=_MANY, read_documents=_MANY, read_ranges=_MANY)


class StatementSnapshot:
    """A snapshot that is taken when a statement first reads, and let go when it ends: what waits holds nothing.

    It stays the same object, so that a query of one statement can be read in a later one, as of then.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._now: CachedSnapshot | None = None

    def release(self) -> None:
        if self._now is not None:
            self._reader.end()
            self._now = None

    def _current(self) -> CachedSnapshot:
        if self._now is None:
            self._now = CachedSnapshot(self._reader, KeyCache(), self._reader.begin())
        return self._now

    def get(self, table: int, internal_id: bytes, /) -> tuple[int, int, bytes] | None:
        return self._current().get(table, internal_id)

    def rows(
        self,
        table: int,
        index_id: int,
        prefix: bytes,
        start: bytes,
        stop: bytes,
        reverse: bool,
        limit: int | None,
        /,
    ) -> Iterator[Row]:
        return self._current().rows(table, index_id, prefix, start, stop, reverse, limit)

    def keys(
        self, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool = False, /
    ) -> Iterator[bytes]:
        return self._current().keys(index_id, prefix, start, stop, reverse)

    def known_keys(self, index_id: int, prefix: bytes, start: bytes, stop: bytes, /) -> list[bytes] | None:
        return self._current().known_keys(index_id, prefix, start, stop)

    def count(self, index_id: int, start: bytes, stop: bytes, /) -> int:
        return self._current().count(index_id, start, stop)

    @property
    def ts(self) -> int:
        return self._current().ts

    def nearest(
        self, index_id: int, table: int, vector: bytes, count: int, groups: Sequence[Sequence[str]], /
    ) -> FoundNearest | None:
        return self._current().nearest(index_id, table, vector, count, groups)

    def text(self) -> TextReader | None:
        return self._current().text()


class ShellData:
    """`database` for reading, `run` for functions, `write` for writing without one."""

    def __init__(self, settings: Settings, viewed: Viewed, caller: Caller) -> None:
        self._settings = settings
        self._viewed = viewed
        self._caller = caller
        self._functions = Functions(viewed.release.modules.package)
        self._limits = without_limits(viewed.settings.limits)
        self._snapshot = StatementSnapshot(viewed.reader())
        self.database = DatabaseReader(self._transaction(), viewed.catalog)

    def end_statement(self) -> None:
        """Let the snapshot go."""
        self._snapshot.release()

    def _transaction(self) -> Transaction:
        now_us = SystemClock().wall_ns() // 1000
        return Transaction(self._snapshot, self._limits, now_us=now_us, cursor_key=self._viewed.cursor_key)

    def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the application, or a path such as "messages:send", and return its result.

        A running server does it; otherwise this process. What fails raises FunctionError. Reads behind it, in the same
        statement too, see what it wrote.
        """
        try:
            return self._run(function, args, kwargs)
        finally:
            self.end_statement()

    def _run(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        path = function if isinstance(function, str) else self._path(function)
        kind = self._viewed.registry.find(path, None, self._caller).kind.value.lower()
        bound = self._functions.find(function, kind)
        endpoint = find_endpoint(self._settings.data)
        key = read_admin_key(self._settings.data, os.environ)
        if endpoint is not None and key is not None:
            with SyncClient(
                endpoint.url, token=self._token(key), package=self._viewed.release.modules.package
            ) as client:
                return getattr(client, kind)(function, *args, **kwargs)
        raw = bound.encode(args, kwargs)
        outcome = asyncio.run(
            call_once(
                self._settings,
                os.environ,
                bound.path,
                raw,
                self._caller,
                show_progress,
                release=self._viewed.release,
            )
        )
        show_log_lines(list(outcome.lines))
        if isinstance(outcome, Failure):
            data = None if outcome.data is None else decode_json(outcome.data)
            raise FunctionError(bound.path, outcome.error.message, data)
        return bound.decode(outcome.value)

    def _path(self, function: object) -> str:
        if not isinstance(function, Function):
            raise TypeError(
                f"run calls functions of the application and paths such as 'messages:send', got {function!r}"
            )
        found = cast("Function[..., Any]", function).definition
        if found is None:
            raise TypeError(f"{function!r} is not one of the application's functions")
        return found.path

    def _token(self, key: str) -> AdminKey:
        identity = self._caller.identity
        if identity is None:
            return AdminKey(key)
        return AdminKey(
            key, acting_as={"issuer": identity.issuer, "subject": identity.subject, **identity.claims}
        )

    @contextmanager
    def write(self) -> Generator[DatabaseWriter]:
        """One transaction without a function: committed when the block ends, dropped if it raises.

        It has no live queries to tell, so no server may run on the data.
        """
        self.end_statement()
        clock, entropy = SystemClock(), SystemEntropy()
        try:
            store = Store.open(self._settings.data, clock=clock, key=read_data_key(os.environ))
        except FolderLockedError:
            raise SetupError(
                "a server is running on the data, and must do all writes itself",
                "write with a mutation: run(messages.send, ...); or stop the server",
            ) from None
        with store:
            catalog = activate(store, self._viewed.release.schema, show_progress)
            reader = store.writer_reader()
            writes = WriteSet()
            mark = writes.mark()
            transaction = Transaction(
                CachedSnapshot(reader, KeyCache(applied_ts=store.head), reader.begin()),
                self._limits,
                now_us=clock.wall_ns() // 1000,
                writes=writes,
                entropy=entropy,
                created=CreationClock(last_creation_time(store, catalog)),
            )
            yield DatabaseWriter(transaction, catalog)
            if writes.wrote_since(mark):
                store.append([Commit(store.next_ts(), *writes.writes_since(mark))])
