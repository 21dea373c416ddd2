"""The driver of scheduled functions: wakes when something is due, and has the engine run it.

Rules of this file: loop thread only, and nothing here waits. What must survive a crash is in the store: a mutation's
job changes its state in the transaction of its effects, an action's job is on record as running before it starts.
What is here can be lost at any moment, and is read again.

The table is not polled. A commit that writes where it matters, and the time of the next job, are what wakes the driver;
`tick` is for a clock that jumps. Not more jobs are handed to the lane than may wait there without holding up others:
the next ones follow when these are done, behind what clients have sent meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from syncline.database import Catalog, CommitRecord, TableBinding
from syncline.functions import ActionCall, MutationCall, Outcome, Success
from syncline.functions.crons import crons_of
from syncline.functions.job_runs import JOB_CALLER, error_text, is_meant
from syncline.functions.node import ActiveRelease
from syncline.functions.outcomes import ActionStarted
from syncline.kernel.clock import Clock
from syncline.kernel.errors import OverloadedError
from syncline.kernel.limits import Limits
from syncline.schema import Id
from syncline.store import Reader
from syncline.system import ScheduledJob
from syncline.values import encode_id

from .due import DueQueue, Found, due_ms, id_of, state_prefix
from .stats import JobStats

T = TypeVar("T")

_SYSTEM: Final = "_system/jobs:"
_FIRST_RETRY: Final = 0.5  # seconds, doubled each time
_LAST_RETRY: Final = 60.0
_OVERLOADED_RETRY: Final = 0.05
_NO_ROOM_RETRY: Final = 1.0
_UPKEEP_SECONDS: Final = 600.0
_SWEEP_SECONDS: Final = 60.0
_CANCELLED_ACTION: Final = state_prefix("cancelled", "action")
_BACKWARDS_MS: Final = 60_000.0


class Timer(Protocol):
    """What waits to be called, and can be told not to."""

    def cancel(self) -> None: ...


#: Calls a function in so many seconds: `loop.call_later`.
Later = Callable[[float, Callable[[], None]], Timer]


class JobsEngine(Protocol):
    """What the driver needs of the engine. See `syncline.functions.engine.Engine`."""

    @property
    def release(self) -> ActiveRelease: ...

    def mutate(self, call: MutationCall) -> None: ...
    def cancel(self, handle: object) -> None: ...
    def read(self, work: Callable[[Reader, Catalog], T], done: Callable[[T | Exception], None]) -> None: ...
    def watch(
        self, commits: Callable[[Sequence[CommitRecord]], None], release: Callable[[], None]
    ) -> None: ...


class _Debt(NamedTuple):
    """A call of a function of Syncline's that tells what became of a started action."""

    name: str
    args: bytes
    queue: DueQueue
    key: bytes


class Jobs:
    """Runs what is scheduled. `act` starts actions; without `later` only `tick` makes time pass (in tests)."""

    def __init__(
        self,
        engine: JobsEngine,
        act: Callable[[ActionCall], None],
        clock: Clock,
        limits: Limits,
        later: Later | None = None,
    ) -> None:
        self._engine = engine
        self._act = act
        self._clock = clock
        self._limits = limits
        self._later = later
        room = limits.scheduled_queued
        self._mutations = DueQueue("mutation", limits.scheduled_mutations_running, room)
        self._actions = DueQueue("action", limits.scheduled_actions_running, room)
        self._queues = (self._mutations, self._actions)
        self._open = False  # False -> True: whatever an earlier process left is in order, begin()
        self._paused = False
        self._chores: list[str] = []  # of Syncline's own functions: to be called again, until they are done
        self._chore_runs = False
        self._retry_at = 0.0
        self._retry_seconds = _FIRST_RETRY
        self._owed: list[_Debt] = []  # what must be put on record and could not be committed so far
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._latest_ms = 0.0
        self._upkeep_at = 0.0
        self._sweep_at = 0.0
        self._started = 0
        self._failed = 0
        self._max_lag = 0.0
        engine.watch(self._on_commits, self._on_release)

    # Life

    def begin(self) -> None:
        """Set in order what an earlier process left, take up the crons of the release, and run what is due."""
        self._latest_ms = self._now_ms()
        self._chores = ["interrupt_running", "sync_crons", "open"]
        self._upkeep_at = self._clock.monotonic()
        self.tick()

    def _on_release(self) -> None:
        """New code is in force, or all data are others."""
        self._chores.append("sync_crons")
        for queue in self._queues:
            queue.stale = True
        self.tick()

    def pause(self) -> None:
        """Start nothing, until `resume`."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.tick()

    def stop(self) -> None:
        """Start nothing any more."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Facts

    @property
    def ready(self) -> bool:
        """Whether everything is in order, and crons are those of the release."""
        return self._open and not self._chores

    @property
    def idle(self) -> bool:
        """Nothing is due, and nothing runs."""
        return self.ready and not self._owed and all(queue.idle for queue in self._queues)

    @property
    def next_ms(self) -> float | None:
        """When the next job is due, in milliseconds since the epoch; None when there is none. To be asked when idle."""
        found = [queue.next_ms for queue in self._queues]
        return min((each for each in found if each is not None), default=None)

    def stats(self) -> JobStats:
        oldest = [queue.oldest_ms for queue in self._queues]
        now = self._now_ms()
        lags = [(now - each) / 1000 for each in oldest if each is not None]
        return JobStats(
            started=self._started,
            failed=self._failed,
            running=sum(queue.running for queue in self._queues),
            waiting=sum(queue.waiting for queue in self._queues),
            lag=max([0.0, *lags]),
            max_lag=max([self._max_lag, *lags]),
        )

    # Time

    def tick(self) -> None:
        """Do what has become possible. Call it about once a second: the clock may have jumped."""
        now = self._now_ms()
        if self._open and now < self._latest_ms - _BACKWARDS_MS:
            # Times that crons have reckoned lie too far ahead now.
            self._chores.append("sync_crons")
            self._latest_ms = now
        self._latest_ms = max(now, self._latest_ms)
        if self._open and self._clock.monotonic() >= self._upkeep_at:
            self._upkeep_at = self._clock.monotonic() + _UPKEEP_SECONDS
            self._chores.append("forget_ended")
        if self._open and self._clock.monotonic() >= self._sweep_at:
            self._sweep_at = self._clock.monotonic() + _SWEEP_SECONDS
            if any(table.cls.__definition__.ttl is not None for table in self._tables()):
                self._chores.append("sweep_expired")
        self._go_on()

    def _tables(self) -> Sequence[TableBinding]:
        return self._engine.release.catalog.application_tables

    def _go_on(self) -> None:
        if self._clock.monotonic() >= self._retry_at:
            self._do_chores()
            self._pay()
            if self._open and not self._paused:
                for queue in self._queues:
                    self._run(queue)
                    self._look(queue)
        self._arm()

    def _arm(self) -> None:
        """Wake up in time for what comes next."""
        if self._later is None or not self._open:
            return
        waits = [self._retry_at - self._clock.monotonic()]
        next_ms = self.next_ms
        if next_ms is not None:
            waits.append((next_ms - self._now_ms()) / 1000)
        wait = min((wait for wait in waits if wait > 0), default=None)
        if wait is None:
            return
        at = self._clock.monotonic() + wait
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = self._later(wait, self._woken), at

    def _woken(self) -> None:
        self._timer = None
        self.tick()

    def _now_ms(self) -> float:
        return self._clock.wall_ns() / 1e6

    # What is due

    def _on_commits(self, commits: Sequence[CommitRecord]) -> None:
        table = self._engine.release.catalog.of(ScheduledJob)
        index = table.by_index[ScheduledJob.by_state].id
        keys = [key for record in commits for number, key, _ in record.entries if number == index]
        if keys:
            for key in keys:
                if key.startswith(_CANCELLED_ACTION):
                    self._engine.cancel(self._id(key))  # It may be running: it is stopped if it can be.
            for queue in self._queues:
                queue.notice(keys)
            self._go_on()

    def _look(self, queue: DueQueue) -> None:
        now = self._now_ms()
        if queue.wants_to_read(now):
            queue.begin_reading()
            self._engine.read(
                lambda reader, catalog: queue.read(reader, catalog, now), partial(self._found, queue)
            )

    def _found(self, queue: DueQueue, found: Found | Exception) -> None:
        if isinstance(found, Exception):
            queue.end_reading(None)
            self._back_off()
        else:
            queue.end_reading(found)
        self._go_on()

    def _run(self, queue: DueQueue) -> None:
        while (key := queue.take()) is not None:
            id = self._id(key)
            call = MutationCall("", b"{}", JOB_CALLER, partial(self._settled, queue, key, id), job=id)
            try:
                self._engine.mutate(call)
            except OverloadedError:
                queue.give_back(key)
                self._retry_at = self._clock.monotonic() + _OVERLOADED_RETRY
                return

    def _settled(
        self, queue: DueQueue, key: bytes, id: Id[ScheduledJob], outcome: Outcome, ts: int | None
    ) -> None:
        if ts is None:
            # Nothing was committed, the disk is full perhaps: the job is as it was.
            queue.give_back(key)
            self._back_off()
            self._arm()
            return
        self._retry_seconds = _FIRST_RETRY
        self._started += 1
        self._max_lag = max(self._max_lag, (self._now_ms() - due_ms(key)) / 1000)
        if isinstance(outcome, ActionStarted):
            self._start_action(queue, key, id, outcome)
        else:
            self._failed += not isinstance(outcome, Success)
            queue.done(key)
        self._go_on()

    def _back_off(self) -> None:
        self._retry_at = self._clock.monotonic() + self._retry_seconds
        self._retry_seconds = min(2 * self._retry_seconds, _LAST_RETRY)

    def _id(self, key: bytes) -> Id[ScheduledJob]:
        return Id(encode_id(self._engine.release.catalog.of(ScheduledJob).number, id_of(key)))

    # Actions

    def _start_action(
        self, queue: DueQueue, key: bytes, id: Id[ScheduledJob], started: ActionStarted
    ) -> None:
        done = partial(self._acted, queue, key, id)
        try:
            self._act(ActionCall(started.path, started.args, JOB_CALLER, done, job=id, handle=id))
        except OverloadedError:
            args = msgspec.json.encode({"id": str(id), "seconds": _NO_ROOM_RETRY})
            self._record(_Debt("postpone", args, queue, key))

    def _acted(self, queue: DueQueue, key: bytes, id: Id[ScheduledJob], outcome: Outcome) -> None:
        self._failed += not isinstance(outcome, Success)
        self._record(_Debt("finish_action", _ending(id, outcome, self._limits), queue, key))

    def _record(self, debt: _Debt) -> None:
        """Put on record what became of an action; again later, if that cannot be committed now."""

        def done(outcome: Outcome, ts: int | None) -> None:
            if isinstance(outcome, Success):
                debt.queue.done(debt.key)
                debt.queue.stale = True  # Whatever was written of it passed for known.
            else:
                self._owed.append(debt)
                self._back_off()
            self._go_on()

        if not self._call(debt.name, debt.args, done):
            self._owed.append(debt)

    def _pay(self) -> None:
        owed, self._owed = self._owed, []
        for debt in owed:
            self._record(debt)

    # Syncline's own functions

    def _do_chores(self) -> None:
        """One after the other: the first one again until it has nothing left to do."""
        if not self._chores or self._chore_runs:
            return
        name = self._chores[0]
        if name == "open":
            del self._chores[0]
            self._open = True
            for queue in self._queues:
                queue.stale = True
            return
        args = b"{}"
        if name == "sync_crons":
            args = msgspec.json.encode({"declared": crons_of(self._engine.release.registry)})
        self._chore_runs = self._call(name, args, self._chore_done)

    def _chore_done(self, outcome: Outcome, ts: int | None) -> None:
        self._chore_runs = False
        if not isinstance(outcome, Success):
            self._back_off()
        elif outcome.value in (b"null", b"0.0"):
            del self._chores[0]
        self._go_on()

    def _call(self, name: str, args: bytes, done: Callable[[Outcome, int | None], None]) -> bool:
        """Call one of them, if the lane takes it."""
        try:
            self._engine.mutate(MutationCall(_SYSTEM + name, args, JOB_CALLER, done))
        except OverloadedError:
            self._retry_at = self._clock.monotonic() + _OVERLOADED_RETRY
            return False
        return True


def _ending(id: Id[ScheduledJob], outcome: Outcome, limits: Limits) -> bytes:
    """The arguments with which an action's end is put on record."""
    name = msgspec.json.encode(str(id))
    if not isinstance(outcome, Success):
        final = b"true" if is_meant(outcome) else b"false"
        text = msgspec.json.encode(error_text(outcome))
        return b'{"id":%b,"error":%b,"data":%b,"final":%b}' % (name, text, outcome.data or b"null", final)
    if len(outcome.value) > limits.system_document_bytes:
        note = f"its result was not kept: it has {len(outcome.value):,} bytes"
        return b'{"id":%b,"note":%b}' % (name, msgspec.json.encode(note))
    return b'{"id":%b,"result":%b}' % (name, outcome.value)
