"""A database without functions around it: transactions on a store in memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from syncline.database import (
    CachedSnapshot,
    CommitRecord,
    CreationClock,
    DatabaseReader,
    DatabaseWriter,
    Guard,
    KeyCache,
    ReadSet,
    RuleCaller,
    Transaction,
    WriteSet,
    activate,
    commit_record,
)
from syncline.kernel.clock import FakeClock, SeededEntropy
from syncline.kernel.limits import Limits
from syncline.schema import Page, TableSpec
from syncline.store import Commit, Store


class Rollback(Exception):
    """Raised inside a `writing` block to leave without a trace."""


class Database:
    """One store, one catalog, and transactions by `with`."""

    def __init__(
        self, specs: Sequence[TableSpec], limits: Limits | None = None, store: Store | None = None
    ) -> None:
        self.clock = FakeClock()
        self.store = store or Store.memory(self.clock)
        self.limits = limits or Limits()
        self.catalog = activate(self.store, specs)
        self.keys = KeyCache(1000, self.store.head)
        self.entropy = SeededEntropy(7)
        self.created = CreationClock()
        self.records: list[CommitRecord] = []
        self.read_set = ReadSet()
        self.journal: str | None = None
        self.page: Page[Any] = Page([], True, "")

    @contextmanager
    def reading(
        self, journal: str | None = None, caller: RuleCaller | None = None
    ) -> Generator[DatabaseReader]:
        """A snapshot of now, under the rules for `caller`. Its read set is in `self.read_set` afterwards."""
        reader = self.store.reader()
        ts = reader.begin()
        transaction = Transaction(
            CachedSnapshot(reader, self.keys, ts),
            self.limits,
            now_us=self.clock.wall_ns() // 1000,
            cursor_key=b"key",
            previous_journal=journal,
        )
        try:
            guard = None if caller is None else Guard(caller, transaction, self.catalog)
            yield DatabaseReader(transaction, self.catalog, guard)
        finally:
            self.read_set = transaction.read_set()
            self.journal = transaction.journal
            reader.close()

    @contextmanager
    def writing(self, caller: RuleCaller | None = None) -> Generator[DatabaseWriter]:
        """One mutation under the rules for `caller`, committed when the block ends and undone when it raises."""
        writes = WriteSet()
        mark = writes.mark()
        reader = self.store.writer_reader()
        ts = reader.begin()
        self.transaction = Transaction(
            CachedSnapshot(reader, self.keys, ts),
            self.limits,
            now_us=self.clock.wall_ns() // 1000,
            writes=writes,
            entropy=self.entropy,
            created=self.created,
        )
        self.clock.advance(0.001)
        try:
            guard = None if caller is None else Guard(caller, self.transaction, self.catalog)
            yield DatabaseWriter(self.transaction, self.catalog, guard)
        finally:
            self.read_set = self.transaction.read_set()
        if writes.wrote_since(mark):
            documents, entries = writes.writes_since(mark)
            commit = Commit(self.store.next_ts(), documents, entries)
            self.store.append([commit])
            self.keys.apply_all([commit])
            self.records.append(commit_record(commit))
