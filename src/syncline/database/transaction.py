"""One transaction: reads of a snapshot with its own writes over it, and the read set that they leave.

Rules of this file: no I/O but through the snapshot; every read is recorded before it is answered; limits are
checked where the cost arises.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter

from syncline.kernel.clock import Entropy
from syncline.kernel.errors import LimitError
from syncline.kernel.limits import Limits
from syncline.store import Row

from .creation import CreationClock
from .observer import Observer
from .read_set import END, ReadRange, ReadSet, document_range
from .scans import Scan, Snapshot
from .write_set import WriteSet


class Transaction:
    """Reads of one snapshot, and writes into a write set over it (None in queries).

    `now_us` is the transaction's time in microseconds since the epoch.
    """

    __slots__ = (
        "_entropy",
        "_points",
        "_scans",
        "_searches",
        "bytes_read",
        "bytes_written",
        "created",
        "cursor_key",
        "documents_read",
        "documents_written",
        "journal",
        "limits",
        "now_us",
        "observer",
        "paginated",
        "previous_journal",
        "ranges_read",
        "rule_epoch",
        "snapshot",
        "unserved_queries",
        "writes",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        limits: Limits,
        *,
        now_us: int,
        cursor_key: bytes = b"",
        writes: WriteSet | None = None,
        entropy: Entropy | None = None,
        created: CreationClock | None = None,
        previous_journal: str | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.limits = limits
        self.now_us = now_us
        self.cursor_key = cursor_key
        self.writes = writes
        self.created = created
        self.previous_journal = previous_journal
        self.journal: str | None = None  # None -> the end of the page: paginate()
        self.paginated = False
        #: Grows when memberships may have changed: what rules have read of them is old then.
        self.rule_epoch = 0
        #: Hears what each query has chosen to read; for those who explain it.
        self.observer: Observer | None = None
        self._entropy = entropy
        self._points: set[tuple[int, bytes]] = set()
        self._scans: list[Scan] = []
        self._searches: list[ReadRange] = []
        # What it has used of its limits.
        self.documents_read = 0
        self.documents_written = 0
        self.bytes_read = 0
        self.bytes_written = 0
        self.ranges_read = 0
        #: Queries whose conditions no index served whole: rows were read and left out.
        self.unserved_queries = 0

    # Reading

    def get(self, table: int, internal_id: bytes) -> tuple[int, bytes] | None:
        """(shape, body) of a document, or None."""
        points = self._points
        place = (table, internal_id)
        if place not in points:
            points.add(place)
            self._count_range()
        self.documents_read += 1
        if self.writes is not None:
            written = self.writes.documents.get(place)
            if written is not None:
                return None if written.body is None else (written.shape, written.body)
        found = self.snapshot.get(table, internal_id)
        if found is None:
            return None
        self.bytes_read += len(found[2])
        if self.documents_read > self.limits.read_documents or self.bytes_read > self.limits.read_bytes:
            self._refuse_reads()
        return found[1], found[2]

    def rows(
        self, table: int, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool = False
    ) -> Iterator[Row]:
        """(key, ts, shape, body) of a range with this transaction's own writes, read as consumed."""
        if start >= stop:
            return
        scan = Scan(index_id, prefix, start, stop, reverse)
        self._scans.append(scan)
        self._count_range()
        limits = self.limits
        source = self._merged(table, index_id, prefix, start, stop, reverse, None)
        for row in source:
            scan.last = row[0]
            self.documents_read += 1
            self.bytes_read += len(row[3])
            if self.documents_read > limits.read_documents or self.bytes_read > limits.read_bytes:
                self._refuse_reads()
            yield row
        scan.exhausted = True

    def first_rows(
        self, table: int, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool, count: int
    ) -> list[Row]:
        """Up to `count` rows of a range at once: `rows` without the cost of stopping at each."""
        if start >= stop or count <= 0:
            return []
        scan = Scan(index_id, prefix, start, stop, reverse)
        self._scans.append(scan)
        self._count_range()
        found = self._looked_up(table, index_id, prefix, start, stop, reverse, count)
        if found is None:
            found = list(islice(self._merged(table, index_id, prefix, start, stop, reverse, count), count))
        self.documents_read += len(found)
        for row in found:
            self.bytes_read += len(row[3])
        if self.documents_read > self.limits.read_documents or self.bytes_read > self.limits.read_bytes:
            self._refuse_reads()
        if found:
            scan.last = found[-1][0]
        scan.exhausted = len(found) < count
        return found

    def read_derived(self, searched: ReadRange) -> None:
        """Note a search of a full-text or vector index."""
        self._searches.append(searched)
        self._count_range()

    def peek(self, table: int, internal_id: bytes) -> tuple[int, bytes] | None:
        """As `get`, for documents that a search looks at: what it found decides what was read."""
        if self.writes is not None:
            written = self.writes.documents.get((table, internal_id))
            if written is not None:
                return None if written.body is None else (written.shape, written.body)
        found = self.snapshot.get(table, internal_id)
        return None if found is None else (found[1], found[2])

    def look_through(self, table: int, by_creation: int) -> Iterator[tuple[bytes, int, bytes]]:
        """(id, shape, body) of all documents of a table, for a search without an index."""
        for key, _ts, shape, body in self._merged(table, by_creation, b"", b"", END, False, None):
            yield key[-16:], shape, body

    def count_keys(self, index_id: int, prefix: bytes, start: bytes, stop: bytes) -> int:
        """How many entries a range holds. Reads all of it, without the documents."""
        if start >= stop:
            return 0
        self._read_whole(index_id, prefix, start, stop)
        overlay = self.writes.overlays.get(index_id) if self.writes is not None else None
        changed = overlay.between(start, stop) if overlay is not None else ()
        if overlay is None or not changed:
            count = self.snapshot.count(index_id, start, stop)
        else:
            count = sum(overlay.present[key] for key in changed)
            skipped = set(changed)
            count += sum(key not in skipped for key in self.snapshot.keys(index_id, prefix, start, stop))
        self.documents_read += count
        if self.documents_read > self.limits.read_documents:
            self._refuse_reads()
        return count

    def first_key(self, index_id: int, prefix: bytes, stop: bytes) -> bytes | None:
        """The first key that starts with `prefix`, or None. `stop` is the end of the prefix."""
        self._read_whole(index_id, prefix, prefix, stop)
        overlay = self.writes.overlays.get(index_id) if self.writes is not None else None
        if overlay is None:
            return next(self.snapshot.keys(index_id, prefix, prefix, stop), None)
        for key in overlay.between(prefix, stop):
            if overlay.present[key]:
                return key
        for key in self.snapshot.keys(index_id, prefix, prefix, stop):
            if overlay.present.get(key) is not False:
                return key
        return None

    def _read_whole(self, index_id: int, prefix: bytes, start: bytes, stop: bytes) -> None:
        scan = Scan(index_id, prefix, start, stop, False)
        scan.exhausted = True
        self._scans.append(scan)
        self._count_range()

    def _merged(
        self,
        table: int,
        index_id: int,
        prefix: bytes,
        start: bytes,
        stop: bytes,
        reverse: bool,
        limit: int | None,
    ) -> Iterator[Row]:
        """The rows of a range as they are with this transaction's writes."""
        writes = self.writes
        if writes is None or not writes.documents:
            return self.snapshot.rows(table, index_id, prefix, start, stop, reverse, limit)
        overlay = writes.overlays.get(index_id)
        # Copied now: a loop that inserts into the range it reads ends.
        changed = (
            {key: overlay.present[key] for key in overlay.between(start, stop)} if overlay is not None else {}
        )
        stored = self.snapshot.rows(table, index_id, prefix, start, stop, reverse, None if changed else limit)
        if changed:
            stored = self._with_entries(table, stored, changed, reverse)
        return self._with_documents(table, stored)

    def _looked_up(
        self, table: int, index_id: int, prefix: bytes, start: bytes, stop: bytes, reverse: bool, count: int
    ) -> list[Row] | None:
        """As `_merged`, for ranges whose few keys are known and unchanged: look-ups of one document, above all."""
        writes = self.writes
        if writes is not None:
            overlay = writes.overlays.get(index_id)
            if overlay is not None and overlay.keys:
                return None
        keys = self.snapshot.known_keys(index_id, prefix, start, stop)
        if keys is None:
            return None
        found: list[Row] = []
        get = self.snapshot.get
        for key in reversed(keys) if reverse else keys:
            written = writes.documents.get((table, key[-16:])) if writes is not None else None
            if written is None:
                stored = get(table, key[-16:])
                if stored is not None:
                    found.append((key, *stored))
            elif written.body is not None:
                found.append((key, 0, written.shape, written.body))
            if len(found) == count:
                break
        return found

    def _with_entries(
        self, table: int, stored: Iterator[Row], changed: dict[bytes, bool], reverse: bool
    ) -> Iterator[Row]:
        """Stored rows with written entries in their places and without removed ones."""
        added = sorted((key for key, present in changed.items() if present), reverse=reverse)
        kept = (row for row in stored if row[0] not in changed)
        # The bodies of added rows are found in the write set: an entry is written with its document.
        mine = ((key, 0, 0, b"") for key in added)
        return heapq.merge(kept, mine, key=itemgetter(0), reverse=reverse)

    def _with_documents(self, table: int, rows: Iterator[Row]) -> Iterator[Row]:
        assert self.writes is not None
        documents = self.writes.documents
        for row in rows:
            written = documents.get((table, row[0][-16:]))
            if written is None:
                yield row
            elif written.body is not None:
                yield row[0], 0, written.shape, written.body

    # Writing

    def put_document(self, table: int, internal_id: bytes, shape: int, body: bytes | None) -> None:
        writes = self.writes
        assert writes is not None
        self.documents_written += 1
        self.bytes_written += len(body) if body is not None else 0
        limits = self.limits
        if self.documents_written > limits.write_documents or self.bytes_written > limits.write_bytes:
            self._refuse_writes()
        writes.put_document(table, internal_id, shape, body)

    def new_id(self) -> bytes:
        """A new internal id: 48 bits of time in milliseconds, 80 random bits.

        Ids grow with time so that new documents land at the end of the B-tree.
        """
        assert self._entropy is not None
        return (self.now_us // 1000).to_bytes(6, "big") + self._entropy.bytes(10)

    def new_creation_time(self) -> int:
        """Microseconds since the epoch: the transaction's time, or as little later as keeps it strictly growing."""
        assert self.created is not None
        return self.created.next(self.now_us)

    @contextmanager
    def nested(self) -> Generator[None]:
        """A nested transaction: its writes are dropped, and its reads kept, if the block raises."""
        writes = self.writes
        if writes is None:
            yield
            return
        mark = writes.mark()
        written = self.documents_written, self.bytes_written
        try:
            yield
        except BaseException:
            writes.undo(mark)
            self.documents_written, self.bytes_written = written
            self.rule_epoch += 1
            raise

    # The outcome

    def read_set(self) -> ReadSet:
        """All that was read so far."""
        ranges = [document_range(table, internal_id) for table, internal_id in self._points]
        for scan in self._scans:
            item = scan.read_range()
            if item is not None:
                ranges.append(item)
        return ReadSet([*ranges, *self._searches])

    # Limits

    def _count_range(self) -> None:
        self.ranges_read += 1
        if self.ranges_read > self.limits.read_ranges:
            raise LimitError(
                f"read ranges: {self.ranges_read:,} used, the limit is {self.limits.read_ranges:,} "
                "(each get and each query counts as one). Read a range of an index instead of single documents."
            )

    def _refuse_reads(self) -> None:
        remedy = "Read less: use an index and take(n) or paginate, or keep a count in a document of its own."
        self.limits.check("read_documents", self.documents_read, remedy)
        self.limits.check("read_bytes", self.bytes_read, remedy)

    def _refuse_writes(self) -> None:
        remedy = (
            "Write in several mutations, for example in batches that an action calls one after the other."
        )
        self.limits.check("write_documents", self.documents_written, remedy)
        self.limits.check("write_bytes", self.bytes_written, remedy)
