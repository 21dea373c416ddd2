"""A store under random writes, with readers pinned at old snapshots, against dicts."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from support.stores import SHAPE, document_id, entry, index_key, open_unflushed
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits
from syncline.store import Commit, DocumentWrite, EntryWrite, Reader, Store

NUMBERS = st.integers(0, 60)
PARTS = st.sampled_from([b"\x10", b"\x10a", b"\x10b", b"\x20"])
# A cache of a few dozen documents, so that entries age and leave while the test runs.
LIMITS = Limits(document_cache_bytes=10_000, commit_window_bytes=50_000)


@dataclass
class Model:
    """What the store should hold: body and indexed part by number, with the timestamp of the last write."""

    documents: dict[int, tuple[int, bytes, bytes]] = field(
        default_factory=dict[int, tuple[int, bytes, bytes]]
    )

    def copy(self) -> Model:
        return Model(dict(self.documents))

    def rows(self, by_part: bool) -> list[tuple[bytes, int, int, bytes]]:
        return sorted(
            (index_key(part if by_part else b"", number), ts, SHAPE, body)
            for number, (ts, body, part) in self.documents.items()
        )


@dataclass
class Pinned:
    reader: Reader
    model: Model


class StoreMachine(RuleBasedStateMachine):
    pinned = Bundle("pinned")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="syncline-test-"))
        self.clock = FakeClock()
        self.held: list[Pinned] = []

    @initialize()
    def open(self) -> None:
        self.store: Store = open_unflushed(self.folder, clock=self.clock, limits=LIMITS)
        self.table = self.store.add_table("notes")
        self.other = self.store.add_table("others")
        self.index = self.store.add_index(self.table.number, "by_part", "").number
        self.model = Model()
        self.head = 0

    @rule(
        batch=st.lists(
            st.dictionaries(NUMBERS, st.none() | st.tuples(st.binary(max_size=40), PARTS), max_size=12),
            max_size=4,
        )
    )
    def write(self, batch: list[dict[int, tuple[bytes, bytes] | None]]) -> None:
        commits = [self._commit(changes) for changes in batch]
        self.store.append(commits)

    def _commit(self, changes: dict[int, tuple[bytes, bytes] | None]) -> Commit:
        ts = self.head = self.store.next_ts()
        documents: list[DocumentWrite] = []
        entries: list[EntryWrite] = []
        for number, change in changes.items():
            before = self.model.documents.pop(number, None)
            if before is not None and (change is None or change[1] != before[2]):
                entries.append(entry(self.index, before[2], number, present=False))
            if before is not None and change is None:
                entries.append(entry(self.table.by_creation, b"", number, present=False))
            body, part = change or (None, b"")
            documents.append(DocumentWrite(self.table.number, document_id(number), body, SHAPE))
            if body is not None:
                self.model.documents[number] = (ts, body, part)
                entries.append(entry(self.index, part, number))
                entries.append(entry(self.table.by_creation, b"", number))
        return Commit(ts, tuple(documents), tuple(entries))

    @rule(target=pinned)
    def pin(self) -> Pinned:
        pinned = Pinned(self.store.reader(), self.model.copy())
        assert pinned.reader.begin() == self.head == self.store.head
        self.held.append(pinned)
        return pinned

    @rule(pinned=consumes(pinned))
    def release(self, pinned: Pinned) -> None:
        if pinned in self.held:  # gone when the store was reopened
            pinned.reader.end()
            pinned.reader.close()
            self.held.remove(pinned)

    @rule(
        start=PARTS,
        stop=st.none() | PARTS,
        reverse=st.booleans(),
        by_part=st.booleans(),
        take=st.integers(0, 70),
    )
    def scan(self, start: bytes, stop: bytes | None, reverse: bool, by_part: bool, take: int) -> None:
        index = self.index if by_part else self.table.by_creation
        if not by_part:
            start, stop = index_key(b"", start[0]), None if stop is None else index_key(b"", stop[0])
        for reader, model in self._readers():
            expected = [
                row for row in model.rows(by_part) if row[0] >= start and (stop is None or row[0] < stop)
            ]
            assert reader.count(index, start, stop) == len(expected)
            if reverse:
                expected.reverse()
            assert list(reader.scan(index, start, stop, reverse)) == expected
            assert list(reader.scan(index, start, stop, reverse, take)) == expected[:take]
            assert list(reader.scan_keys(index, start, stop, reverse)) == [row[0] for row in expected]

    @rule(number=NUMBERS)
    def get(self, number: int) -> None:
        for reader, model in self._readers():
            found = model.documents.get(number)
            assert reader.get(self.table.number, document_id(number)) == (
                found and (found[0], SHAPE, found[1])
            )
            assert reader.get(self.other.number, document_id(number)) is None

    @rule(seconds=st.floats(-5000.0, 5000.0))
    def clock_jumps(self, seconds: float) -> None:
        self.clock.jump(self.clock.wall_ns() + int(seconds * 1e9))

    @rule()
    def maintain(self) -> None:
        while self.store.maintain():
            pass

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.held.clear()
        self.store = open_unflushed(self.folder, clock=self.clock, limits=LIMITS)
        assert self.store.head == self.head

    @invariant()
    def every_reader_sees_its_own_snapshot(self) -> None:
        for reader, model in self._readers():
            by_id = [
                (document_id(number), ts, SHAPE, body)
                for number, (ts, body, _) in sorted(model.documents.items())
            ]
            assert list(reader.scan(-self.table.number, b"", None)) == by_id

    def _readers(self) -> list[tuple[Reader, Model]]:
        if not hasattr(self, "store"):
            return []
        return [(self.store.writer_reader(), self.model), *[(held.reader, held.model) for held in self.held]]

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.store.check() == []
            self.store.close()
        shutil.rmtree(self.folder)


TestStoreModel = StoreMachine.TestCase
TestStoreModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
