"""The commit lane: mutations of one node, one after the other, made durable in batches.

Each mutation runs against the newest state with the writes of the earlier ones of its batch. The batch is then
appended to the log in one durable transaction, and only after that are outcomes handed out. So there are no
conflicts to retry, a contended document costs what an uncontended one costs, and one flush is shared by all that
arrived while the last one ran.

Rules of this file: user code runs with its time limit armed, COMMIT never does; a failed append acknowledges
nothing and leaves the caches as they were.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeAlias

from syncline.database import (
    CachedSnapshot,
    CommitRecord,
    CreationClock,
    Mark,
    Transaction,
    WriteSet,
    commit_record,
)
from syncline.kernel.clock import Clock
from syncline.kernel.errors import OverloadedError, SynclineError
from syncline.kernel.identity import Caller
from syncline.store import Commit, RequestRecord, StoreFailedError, StoreFullError

from .calls import MutationCall
from .failures import make_failure, new_request_id, request_id_for
from .invoke import invoke
from .kinds import Kind
from .node import Node
from .outcomes import Failure, Outcome, Success
from .run import Execution, TransactionRun

#: A mutation's outcome and, if it succeeded, the timestamp at which it is visible.
Settled: TypeAlias = tuple[MutationCall, Outcome, int | None]
Publish: TypeAlias = Callable[[Sequence[CommitRecord], Sequence[Settled]], None]
#: Work that must have the lane to itself: binding a new schema, for example.
Job: TypeAlias = Callable[[], None]

_IDLE_SECONDS = 1.0
_BATCH_SECONDS = 0.02
_SESSIONS_REMEMBERED = 20_000


class Lane:
    """Owns the writing thread. `submit` may be called from any thread; `publish` is called on the lane's own."""

    def __init__(self, node: Node, publish: Publish, on_fatal: Callable[[BaseException], None]) -> None:
        self._node = node
        self._publish = publish
        self._on_fatal = on_fatal
        self._clock: Clock = node.clock
        self._queue: SimpleQueue[MutationCall | Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="syncline-lane", daemon=True)
        self._highest = _HighestRequests(node)
        self._entropy = node.new_entropy()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def submit(self, call: MutationCall) -> None:
        """Queue a mutation. Raises OverloadedError when too many wait already."""
        waiting = self._queue.qsize()
        if waiting >= self._node.settings.limits.lane_queue:
            raise OverloadedError(
                f"lane queue: {waiting:,} mutations wait, the limit is {self._node.settings.limits.lane_queue:,}. "
                "Try again in a second"
            )
        self._queue.put(call)

    def exclusively(self, job: Job) -> None:
        """Run `job` on the lane's thread, between two batches."""
        self._queue.put(job)

    # On the lane's thread

    def _work(self) -> None:
        execution = Execution(self._node.settings, self._entropy)
        batch = _Batch(self._node, execution, self._highest)
        try:
            while True:
                try:
                    item = self._queue.get(timeout=_IDLE_SECONDS)
                except Empty:
                    self._node.store.maintain()
                    continue
                if item is None:
                    return
                if not isinstance(item, MutationCall):
                    item()
                    continue
                self._run_batch(batch, item)
        except BaseException as error:  # A store that failed: this process must not go on.
            self._on_fatal(error)
        finally:
            execution.close()

    def _run_batch(self, batch: _Batch, first: MutationCall) -> None:
        """Run `first` and what waits behind it, within the bounds of a batch, and commit it all."""
        limits = self._node.settings.limits
        after: Job | None = None
        stopping = False
        batch.begin()
        started = self._clock.monotonic()
        call: MutationCall | None = first
        while call is not None:
            batch.add(call)
            call = None
            if (
                len(batch.settled) < limits.batch_mutations
                and batch.bytes < limits.batch_bytes
                and self._clock.monotonic() - started < _BATCH_SECONDS
            ):
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
                if isinstance(item, MutationCall):
                    call = item
                elif item is None:
                    stopping = True
                else:
                    after = item
        records = batch.commit()
        self._publish(records, batch.settled)
        if after is not None:
            after()
        if stopping:
            self._queue.put(None)


class _HighestRequests:
    """The highest request number that each recent session has had recorded.

    A session's requests rise, so a number above it is new: no look-up is needed for what is not a replay.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._highest: OrderedDict[bytes, int] = OrderedDict()

    def may_be_replay(self, session: bytes, request: int) -> bool:
        highest = self._highest.get(session)
        if highest is None:
            highest = self._node.store.writer_reader().highest_request(session)
            self.note(session, highest)
        return request <= highest

    def note(self, session: bytes, request: int) -> None:
        before = self._highest.get(session)
        if before is None or request > before:
            self._highest[session] = request
        self._highest.move_to_end(session)
        if len(self._highest) > _SESSIONS_REMEMBERED:
            self._highest.popitem(last=False)


class _Batch:
    """The mutations that become durable together."""

    def __init__(self, node: Node, execution: Execution, highest: _HighestRequests) -> None:
        self._node = node
        self._execution = execution
        self._highest = highest
        self._created: CreationClock = node.created
        self._writes = WriteSet()
        self._snapshot: CachedSnapshot | None = None
        self._commits: list[Commit] = []
        self._recorded: dict[tuple[bytes, int], tuple[str | None, Success, int]] = {}
        self.settled: list[Settled] = []
        self.bytes = 0

    def begin(self) -> None:
        node = self._node
        reader = node.store.writer_reader()
        self._snapshot = CachedSnapshot(reader, node.keys, reader.begin())
        self._writes = WriteSet()
        self._commits = []
        self._recorded = {}
        self.settled = []
        self.bytes = 0

    def add(self, call: MutationCall) -> None:
        """Run one mutation on top of the earlier ones."""
        outcome, ts = self._run(call)
        self.settled.append((call, outcome, ts))

    def _start_over(self) -> None:
        """An interrupt may have struck in the middle of a change to the write set: make it anew from its commits.

        Nothing of this batch is durable or acknowledged yet, and its commits are complete: they are written over a
        fresh write set as they are.
        """
        writes = WriteSet()
        for commit in self._commits:
            for document in commit.documents:
                writes.put_document(document.table, document.id, document.shape, document.body)
            for entry in commit.entries:
                if entry.present is not None:
                    writes.put_entry(entry.index, entry.key, entry.present, entry.offsets)
        self._writes = writes

    def _run(self, call: MutationCall) -> tuple[Outcome, int | None]:
        replayed = self._replayed(call)
        if replayed is not None:
            return replayed
        node = self._node
        release = node.release
        try:
            definition = release.registry.find(call.path, Kind.MUTATION, call.caller)
        except SynclineError as error:
            failure = make_failure(
                error,
                request_id=_request_id(call, node),
                redact=node.settings.redact,
                raised_by_function=False,
            )
            return failure, None
        assert self._snapshot is not None
        writes = self._writes
        mark = writes.mark()
        transaction = Transaction(
            self._snapshot,
            node.settings.limits,
            now_us=node.clock.wall_ns() // 1000,
            cursor_key=node.cursor_key,
            writes=writes,
            entropy=self._execution.entropy,
            created=self._created,
        )
        run = TransactionRun(
            definition, call.caller, self._execution, transaction, release.catalog, call.request_id
        )
        if call.session is not None and call.request is not None:
            run.request = call.session, call.request
        interrupts = self._execution.deadline.interrupts
        outcome = invoke(run, call.args)
        if self._execution.deadline.interrupts != interrupts:
            self._start_over()
            return outcome, None
        if isinstance(outcome, Failure):
            writes.undo(mark)
            return outcome, None
        if not writes.wrote_since(mark):
            return outcome, self._last_ts()
        return outcome, self._commit(call, outcome, mark)

    def _commit(self, call: MutationCall, outcome: Success, mark: Mark) -> int:
        documents, entries = self._writes.writes_since(mark)
        ts = self._node.store.next_ts()
        requests: tuple[RequestRecord, ...] = ()
        if call.session is not None and call.request is not None:
            identity = identity_key(call.caller)
            record = RequestRecord(call.session, call.request, identity, outcome.value, outcome.log_lines)
            requests = (record,)
            self._recorded[call.session, call.request] = (identity, outcome, ts)
        self._commits.append(Commit(ts, documents, entries, requests))
        self.bytes += sum([len(write.body) for write in documents if write.body is not None])
        return ts

    def _last_ts(self) -> int:
        """The timestamp of the state that a mutation without writes saw."""
        assert self._snapshot is not None
        return self._commits[-1].ts if self._commits else self._snapshot.ts

    def _replayed(self, call: MutationCall) -> tuple[Outcome, int | None] | None:
        """The recorded outcome of a request that was carried out before, for the same caller only."""
        session, request = call.session, call.request
        if session is None or request is None:
            return None
        found = self._recorded.get((session, request))
        if found is None:
            if not self._highest.may_be_replay(session, request):
                return None
            stored = self._node.store.writer_reader().request(session, request)
            if stored is None:
                return None
            ts, record = stored
            found = (record.identity, Success(record.result, record.log_lines), ts)
        identity, outcome, ts = found
        if identity != identity_key(call.caller):
            # Another user's result must not be shown to whoever guesses a session id.
            error = SynclineError("this request was made by another user before")
            return self._refused(call, error), None
        return outcome, ts

    def commit(self) -> list[CommitRecord]:
        """Make the batch durable. If that fails, its mutations fail, and nothing else happened."""
        commits = self._commits
        if not commits:
            return []
        node = self._node
        try:
            node.store.append(commits)
        except StoreFullError as error:
            self.settled = [
                (call, outcome if ts is None else self._refused(call, error), None)
                for call, outcome, ts in self.settled
            ]
            return []
        except StoreFailedError as error:
            refused = [(call, self._refused(call, error), None) for call, _, _ in self.settled]
            self.settled = list(refused)
            raise
        node.keys.apply_all(commits)
        for commit in commits:
            for record in commit.requests:
                self._highest.note(record.session, record.request)
        return [commit_record(commit) for commit in commits]

    def _refused(self, call: MutationCall, error: SynclineError) -> Failure:
        return make_failure(
            error,
            request_id=_request_id(call, self._node),
            redact=self._node.settings.redact,
            raised_by_function=False,
        )


def identity_key(caller: Caller) -> str | None:
    """Who made a request, as it is recorded."""
    return caller.identity.token_identifier if caller.identity is not None else None


def _request_id(call: MutationCall, node: Node) -> str:
    if call.request_id is not None:
        return call.request_id
    if call.session is not None and call.request is not None:
        return request_id_for(call.session, call.request)
    return new_request_id(node.entropy)
