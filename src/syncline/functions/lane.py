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
from syncline.schema import Id
from syncline.store import Commit, StoreFailedError, WriteRefusedError
from syncline.system import ScheduledJob

from .calls import MutationCall
from .definitions import FunctionDefinition
from .failures import make_failure, new_request_id, request_id_for
from .invoke import invoke
from .job_runs import NOT_PENDING, JobRecord
from .kinds import Kind
from .node import Node
from .outcomes import Failure, Outcome, Success
from .requests import ReplayError, Requests
from .run import Execution, TransactionRun

#: A mutation's outcome and, if it succeeded, the timestamp at which it is visible.
Settled: TypeAlias = tuple[MutationCall, Outcome, int | None]
Publish: TypeAlias = Callable[[Sequence[CommitRecord], Sequence[Settled]], None]
#: Work that must have the lane to itself: binding a new schema, for example.
Job: TypeAlias = Callable[[], None]

_IDLE_SECONDS = 1.0
_BATCH_SECONDS = 0.02


class Lane:
    """Owns the writing thread. `submit` may be called from any thread; `publish` is called on the lane's own."""

    def __init__(self, node: Node, publish: Publish, on_fatal: Callable[[BaseException], None]) -> None:
        self._node = node
        self._publish = publish
        self._on_fatal = on_fatal
        self._clock: Clock = node.clock
        self._queue: SimpleQueue[MutationCall | Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="syncline-lane", daemon=True)
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
        batch = _Batch(self._node, execution)
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
        if self._node.store.text is not None:
            self._node.store.text.hold_up(limits.search_backlog)
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


class _Batch:
    """The mutations that become durable together."""

    def __init__(self, node: Node, execution: Execution) -> None:
        self._node = node
        self._execution = execution
        self._requests = Requests(node.store.writer_reader())
        self._created: CreationClock = node.created
        self._writes = WriteSet()
        self._snapshot: CachedSnapshot | None = None
        self._commits: list[Commit] = []
        self.settled: list[Settled] = []
        self.bytes = 0

    def begin(self) -> None:
        node = self._node
        reader = node.store.writer_reader()
        self._snapshot = CachedSnapshot(reader, node.keys, reader.begin())
        self._writes = WriteSet()
        self._commits = []
        self._requests.begin_batch()
        self.settled = []
        self.bytes = 0

    def add(self, call: MutationCall) -> None:
        """Run one mutation on top of the earlier ones."""
        if call.job is None:
            outcome, ts = self._run(call)
        else:
            call, outcome, ts = self._run_job(call, call.job)
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
        try:
            replayed = self._requests.replayed(call)
        except ReplayError as error:
            return self._refused(call, error), None
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
        writes = self._writes
        mark = writes.mark()
        outcome, torn = self._invoke(definition, call)
        if torn:
            self._start_over()
            return outcome, None
        if isinstance(outcome, Failure):
            writes.undo(mark)
            return outcome, None
        if not writes.wrote_since(mark):
            ts = self._last_ts()
            self._requests.note_effectless(call, outcome, ts)
            return outcome, ts
        return outcome, self._commit(call, outcome, mark)

    def _invoke(self, definition: FunctionDefinition, call: MutationCall) -> tuple[Outcome, bool]:
        """Run a mutation's function. Also says whether an interrupt may have torn the write set."""
        run = TransactionRun(
            definition,
            call.caller,
            self._execution,
            self._transaction(),
            self._node.release.catalog,
            call.request_id,
        )
        if call.session is not None and call.request is not None:
            run.request = call.session, call.request
        if call.job is not None:
            run.job = call.job
        run.registry = self._node.release.registry
        interrupts = self._execution.deadline.interrupts
        outcome = invoke(run, call.args)
        return outcome, self._execution.deadline.interrupts != interrupts

    def _transaction(self) -> Transaction:
        node = self._node
        assert self._snapshot is not None
        return Transaction(
            self._snapshot,
            node.settings.limits,
            now_us=node.clock.wall_ns() // 1000,
            cursor_key=node.cursor_key,
            writes=self._writes,
            entropy=self._execution.entropy,
            created=self._created,
        )

    def _run_job(self, call: MutationCall, id: Id[ScheduledJob]) -> Settled:
        """A scheduled job: its effects and its new state are one commit, so it happens once."""
        release = self._node.release
        mark = self._writes.mark()
        record = JobRecord(self._transaction(), release.catalog, id)
        if record.job is None:
            return call, NOT_PENDING, self._last_ts()
        call = record.call(call)
        definition = release.registry.get(call.path)
        if definition is None or definition.kind is not record.kind:
            outcome: Outcome = self._refused(call, record.gone())
        elif record.kind is Kind.ACTION:
            outcome = record.start()
            return call, outcome, self._commit(call, outcome, mark)
        else:
            outcome, torn = self._invoke(definition, call)
            if torn:
                self._start_over()
                mark = self._writes.mark()
            elif isinstance(outcome, Failure):
                self._writes.undo(mark)
        # A transaction of its own: what the function used of its limits is not the record's concern.
        JobRecord(self._transaction(), release.catalog, id).finish(outcome)
        return call, outcome, self._commit(call, outcome, mark)

    def _commit(self, call: MutationCall, outcome: Outcome, mark: Mark) -> int:
        documents, entries = self._writes.writes_since(mark)
        ts = self._node.store.next_ts()
        requests = self._requests.records(call, outcome, ts) if isinstance(outcome, Success) else ()
        self._commits.append(Commit(ts, documents, entries, requests))
        self.bytes += sum([len(write.body) for write in documents if write.body is not None])
        return ts

    def _last_ts(self) -> int:
        """The timestamp of the state that a mutation without writes saw."""
        assert self._snapshot is not None
        return self._commits[-1].ts if self._commits else self._snapshot.ts

    def commit(self) -> list[CommitRecord]:
        """Make the batch durable. If that fails, its mutations fail, and nothing else happened."""
        commits = self._commits
        if not commits:
            return []
        node = self._node
        try:
            node.store.append(commits)
        except WriteRefusedError as error:
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
        self._requests.committed(commits)
        return [commit_record(commit) for commit in commits]

    def _refused(self, call: MutationCall, error: SynclineError) -> Failure:
        return make_failure(
            error,
            request_id=_request_id(call, self._node),
            redact=self._node.settings.redact,
            raised_by_function=False,
        )


def _request_id(call: MutationCall, node: Node) -> str:
    if call.request_id is not None:
        return call.request_id
    if call.session is not None and call.request is not None:
        return request_id_for(call.session, call.request)
    return new_request_id(node.entropy)
