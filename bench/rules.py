"""What a rule costs: a caller's own newest 50 rows under `owned_by`, and the same list from a table without a rule.

In this process: a transaction, the query and the encoded result, without the cache of results and without sockets.
Both kinds are measured in turns, on the same rows.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence

from bench.report import Budget, Figure, Report, number
from bench.settings import Settings
from syncline.database import (
    CachedSnapshot,
    CreationClock,
    DatabaseReader,
    DatabaseWriter,
    Guard,
    KeyCache,
    Transaction,
    WriteSet,
    activate,
)
from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.kernel.identity import Identity
from syncline.kernel.limits import Limits
from syncline.schema import Document, Index, ResultCodec, members, owned_by, table_of
from syncline.store import Commit, Store

USERS = 500
ROWS = 200  # of each
LISTED = 50
BATCH = 2_000


class Membership(Document):
    user_id: str
    team: str

    by_user = Index("user_id")


class Owned(Document, table="owned"):
    text: str
    user_id: str

    by_user = Index("user_id")
    access = owned_by("user_id")


class Plain(Document, table="plain"):
    text: str
    user_id: str

    by_user = Index("user_id")


class Common(Document, table="common"):
    text: str
    team: str

    by_team = Index("team")
    access = members("team", via=Membership.by_user, field="team")


class Caller:
    """Somebody who is signed in."""

    def __init__(self, subject: str) -> None:
        self.identity = Identity(subject, "https://bench.test")

    def predicate_context(self) -> object:
        return self


class Bench:
    """A store with the same rows in each table, and one thread that reads it."""

    def __init__(self, settings: Settings) -> None:
        self._clock = SystemClock()
        self._store = Store.open(settings.new_data(), clock=self._clock)
        classes: Sequence[type[Document]] = (Membership, Owned, Plain, Common)
        self._catalog = activate(self._store, [table_of(cls) for cls in classes])
        self._keys = KeyCache(applied_ts=self._store.head)
        self._limits = Limits()
        self._fill()
        self._reader = self._store.reader()
        self._ts = self._reader.begin()
        self._encode: dict[type[Document], Callable[[object], bytes]] = {
            Owned: ResultCodec(list[Owned]).encode,
            Plain: ResultCodec(list[Plain]).encode,
            Common: ResultCodec(list[Common]).encode,
        }

    def close(self) -> None:
        self._reader.close()
        self._store.close()

    def read(
        self, subject: str, ask: Callable[[DatabaseReader, str], list[Document]], cls: type[Document]
    ) -> float:
        """Microseconds of one list."""
        began = time.perf_counter()
        snapshot = CachedSnapshot(self._reader, self._keys, self._ts)
        transaction = Transaction(snapshot, self._limits, now_us=0)
        caller = Caller(subject)
        guard = Guard(caller, transaction, self._catalog)
        found = ask(DatabaseReader(transaction, self._catalog, guard), caller.identity.subject)
        self._encode[cls](found)
        transaction.read_set()
        took = time.perf_counter() - began
        assert len(found) == LISTED
        return took * 1e6

    def _fill(self) -> None:
        order = [user for user in range(USERS) for _ in range(ROWS)]
        random.Random(0).shuffle(order)
        rows: list[Document] = [
            Membership(user_id=f"user_{user}", team=f"user_{user + step}")
            for user in range(USERS)
            for step in range(3)
        ]
        for user in order:
            name, text = f"user_{user}", "x" * 100
            rows += [
                Owned(text=text, user_id=name),
                Plain(text=text, user_id=name),
                Common(text=text, team=name),
            ]
        created, entropy = CreationClock(), SystemEntropy()
        for first in range(0, len(rows), BATCH):
            reader = self._store.writer_reader()
            writes = WriteSet()
            transaction = Transaction(
                CachedSnapshot(reader, self._keys, reader.begin()),
                self._limits,
                now_us=self._clock.wall_ns() // 1000,
                writes=writes,
                entropy=entropy,
                created=created,
            )
            mark = writes.mark()
            DatabaseWriter(transaction, self._catalog).insert_many(rows[first : first + BATCH])
            commit = Commit(self._store.next_ts(), *writes.writes_since(mark))
            self._store.append([commit])
            self._keys.apply_all([commit])


def _owned(db: DatabaseReader, subject: str) -> list[Document]:
    return list(db.query(Owned).order("desc").take(LISTED))


def _plain(db: DatabaseReader, subject: str) -> list[Document]:
    return list(db.query(Plain).where(user_id=subject).order("desc").take(LISTED))


def _common(db: DatabaseReader, subject: str) -> list[Document]:
    return list(db.query(Common).order("desc").take(LISTED))


def rules(settings: Settings, report: Report) -> None:
    """An owned list, a list of three teams, and a list without a rule."""
    report.begin(f"rules: the newest {LISTED} rows of a caller, of {USERS * ROWS:,} in the table")
    bench = Bench(settings)
    try:
        for cls, ask in ((Owned, _owned), (Plain, _plain), (Common, _common)):
            _times(bench, ask, cls, 100)  # Warm caches.
        runs: dict[str, list[float]] = {"owned": [], "plain": [], "common": []}
        for _ in range(max(5, settings.repeat)):
            runs["owned"] += _times(bench, _owned, Owned, USERS)
            runs["plain"] += _times(bench, _plain, Plain, USERS)
            runs["common"] += _times(bench, _common, Common, USERS)
    finally:
        bench.close()
    owned, plain, common = (statistics.median(found) for found in runs.values())
    notes = (f"{number(owned)} us, without a rule {number(plain)} us",)
    report.add(
        "rules", Figure("owned list / without a rule", owned / plain, "", Budget(1.2), notes), {"us": runs}
    )
    report.add("rules", Figure("list of three teams", common, "us"))


def _times(
    bench: Bench, ask: Callable[[DatabaseReader, str], list[Document]], cls: type[Document], count: int
) -> list[float]:
    return [bench.read(f"user_{user}", ask, cls) for user in range(count)]
