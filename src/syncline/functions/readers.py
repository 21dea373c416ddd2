"""Reader threads: queries on snapshots, in rounds.

All queries of a round see the same snapshot. A round holds a connection of its own with a read transaction open
on it, so that more queries can join it later; ending it lets the snapshot go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TypeAlias

from syncline.database import CachedSnapshot, Catalog, ReadSet, Transaction
from syncline.kernel.errors import SynclineError
from syncline.store import Reader

from .calls import QueryJob, QueryResult
from .failures import make_failure, new_request_id
from .invoke import invoke
from .kinds import Kind
from .node import ActiveRelease, Node
from .run import Execution, TransactionRun

Answer: TypeAlias = Callable[[int, int, Sequence[QueryResult]], None]

#: Results found so far are handed over when a batch of queries takes longer than this.
_PART_SECONDS = 0.005
_NOTHING = ReadSet()


class _Round:
    """A snapshot that is held open, and the release that answers on it."""

    __slots__ = ("reader", "release", "snapshot")

    def __init__(self, reader: Reader, node: Node) -> None:
        self.reader = reader
        ts = reader.begin()
        self.snapshot = CachedSnapshot(reader, node.keys, ts)
        self.release: ActiveRelease = node.release_at(ts)


class ReaderThread:
    """One thread that runs queries. Its methods may be called from any thread."""

    def __init__(
        self, node: Node, name: str, answer: Answer, on_fatal: Callable[[BaseException], None]
    ) -> None:
        """`on_fatal` hears why the thread has ended, but by `stop`: its queries would wait for ever."""
        self._node = node
        self._answer = answer
        self._on_fatal = on_fatal
        self._entropy = node.new_entropy()
        self._queue: SimpleQueue[Callable[[Execution], None] | None] = SimpleQueue()
        self._rounds: dict[int, _Round] = {}
        self._idle: list[Reader] = []
        self._thread = threading.Thread(target=self._work, name=f"syncline-reader-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def run(self, round: int, jobs: Sequence[QueryJob]) -> None:
        """Run queries on the round's snapshot, which the first call takes."""
        self._queue.put(partial(self._run, round, jobs))

    def end(self, round: int) -> None:
        """Let the round's snapshot go."""
        self._queue.put(partial(self._end, round))

    def once(self, job: QueryJob, done: Callable[[QueryResult], None]) -> None:
        """Run one query on the newest snapshot; `done` is called on this thread."""
        self._queue.put(partial(self._run_once, job, done))

    def read(self, work: Callable[[Reader, Catalog], None]) -> None:
        """Call `work` on this thread with the newest snapshot. It must not raise."""
        self._queue.put(partial(self._read, work))

    # On the reader's thread

    def _work(self) -> None:
        execution = Execution(self._node.settings, self._entropy)
        try:
            while (work := self._queue.get()) is not None:
                work(execution)
        except BaseException as error:  # No snapshot can be taken, or results be handed over.
            self._on_fatal(error)
        finally:
            execution.close()
            for held in self._rounds.values():
                held.reader.close()
            for reader in self._idle:
                reader.close()

    def _take(self) -> _Round:
        reader = self._idle.pop() if self._idle else self._node.store.reader()
        return _Round(reader, self._node)

    def _let_go(self, held: _Round) -> None:
        held.reader.end()
        self._idle.append(held.reader)

    def _end(self, number: int, _execution: Execution) -> None:
        held = self._rounds.pop(number, None)
        if held is not None:
            self._let_go(held)

    def _read(self, work: Callable[[Reader, Catalog], None], _execution: Execution) -> None:
        held = self._take()
        try:
            work(held.reader, held.release.catalog)
        finally:
            self._let_go(held)

    def _run_once(self, job: QueryJob, done: Callable[[QueryResult], None], execution: Execution) -> None:
        held = self._take()
        try:
            result, _ = self._query(execution, held, job)
        finally:
            self._let_go(held)
        done(result)

    def _run(self, number: int, jobs: Sequence[QueryJob], execution: Execution) -> None:
        held = self._rounds.get(number)
        if held is None:
            held = self._rounds[number] = self._take()
        monotonic = self._node.clock.monotonic
        part_began = monotonic()
        results: list[QueryResult] = []
        for job in jobs:
            result, now = self._query(execution, held, job)
            results.append(result)
            if now - part_began > _PART_SECONDS:
                self._answer(number, held.snapshot.ts, results)
                results, part_began = [], now
        if results or not jobs:
            self._answer(number, held.snapshot.ts, results)

    def _query(self, execution: Execution, held: _Round, job: QueryJob) -> tuple[QueryResult, float]:
        node = self._node
        began = node.clock.monotonic()
        try:
            definition = held.release.registry.find(job.path, Kind.QUERY, job.caller)
        except SynclineError as error:
            failure = make_failure(
                error,
                request_id=job.request_id or new_request_id(execution.entropy),
                redact=node.settings.redact,
                raised_by_function=False,
            )
            return QueryResult(job.token, failure, None, _NOTHING, False, False, None, 0.0), began
        limits = node.settings.limits
        transaction = Transaction(
            held.snapshot,
            limits,
            now_us=node.clock.wall_ns() // 1000,
            cursor_key=node.cursor_key,
            previous_journal=job.journal,
        )
        run = TransactionRun(
            definition, job.caller, execution, transaction, held.release.catalog, job.request_id
        )
        held.reader.set_deadline(began + limits.run_seconds)
        outcome = invoke(run, job.args)
        now = node.clock.monotonic()
        result = QueryResult(
            job.token,
            outcome,
            transaction.journal,
            transaction.read_set(),
            run.used_identity,
            run.used_now,
            run.tick_ns,
            now - began,
        )
        return result, now
