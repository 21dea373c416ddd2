"""An engine over a dictionary, with the guarantees of the real one and none of its threads.

Work queues up in four places: the lane, what the lane has to tell, and each reader's jobs and answers. Nothing moves
until somebody steps it, so that a test chooses the order and a simulation draws it. Each place is first in, first out;
between places every order is possible, as between threads: so an answer can overtake the commits that it contains.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from syncline.database import CommitRecord
from syncline.functions import (
    ActionCall,
    EngineListener,
    MutationCall,
    Outcome,
    QueryJob,
    QueryResult,
    Success,
    make_failure,
)
from syncline.kernel.clock import SeededEntropy
from syncline.kernel.errors import AppError, OverloadedError
from syncline.kernel.identity import Caller
from syncline.values import encode_json

from .model_app import History, arguments, number_of, read_set, text_of

FIRST_TS = 1_000

Settled = tuple[MutationCall, Outcome, int | None]


@dataclass(eq=False)
class Reader:
    slow: bool
    jobs: deque[tuple[int, Sequence[QueryJob] | None]]
    answers: deque[tuple[int, int, list[QueryResult]]]


class ModelEngine:
    def __init__(self, entropy_seed: int = 0) -> None:
        self.history = History(FIRST_TS)
        self.listener: EngineListener | None = None
        self._entropy = SeededEntropy(entropy_seed)
        self.lane: deque[MutationCall | None] = deque()
        self.news: deque[Callable[[EngineListener], None]] = deque()
        self.readers = (Reader(False, deque(), deque()), Reader(True, deque(), deque()))
        self.actions: deque[ActionCall] = deque()
        self.acted: deque[Callable[[], None]] = deque()
        #: Called with "lane", "news", "jobs", "answers", "actions" or "acted", and whether it is the slow reader.
        self.wake: Callable[[str, bool], None] = lambda place, slow: None
        self.recorded: dict[tuple[bytes | None, int | None], tuple[Outcome, int]] = {}
        #: The `op` of every mutation that took effect, in order.
        self.applied: list[str] = []
        #: Its commit timestamp and its caller, by `op`.
        self.applied_at: dict[str, int] = {}
        self.applied_by: dict[str, Caller] = {}
        self.slow_paths: dict[str, float] = {"m:slow": 0.1}
        self.overloaded = False
        self.runs = 0
        self._rounds: dict[int, tuple[Reader, int | None]] = {}
        self._last_round = 0

    @property
    def head_ts(self) -> int:
        return self.history.head

    # What the listener and sessions call

    def mutate(self, call: MutationCall) -> None:
        if self.overloaded:
            raise OverloadedError(
                "lane queue: 10,000 mutations wait, the limit is 10,000. Try again in a second"
            )
        self.lane.append(call)
        self.wake("lane", False)

    def cancel(self, handle: object, *, client_left: bool = False) -> None:
        """Actions of the model end in an instant."""

    def act(self, call: ActionCall) -> None:
        if self.overloaded:
            raise OverloadedError("actions queued: 1,000 wait, the limit is 1,000. Try again in a second")
        self.actions.append(call)
        self.wake("actions", False)

    def start_round(self, slow: bool) -> int:
        self._last_round += 1
        self._rounds[self._last_round] = (self.readers[slow], None)
        return self._last_round

    def run_queries(self, round: int, jobs: Sequence[QueryJob]) -> None:
        self._queue(round, jobs)

    def end_round(self, round: int) -> None:
        self._queue(round, None)

    def _queue(self, round: int, jobs: Sequence[QueryJob] | None) -> None:
        reader, _ = self._rounds[round]
        reader.jobs.append((round, jobs))
        self.wake("jobs", reader.slow)

    # Stepping

    def release(self) -> None:
        """Queue a switch to the next release."""
        self.lane.append(None)
        self.wake("lane", False)

    def step_lane(self, most: int = 1) -> None:
        """Run and commit a batch of what is queued. Readers see it; the listener has not been told."""
        commits: list[CommitRecord] = []
        settled: list[Settled] = []
        while self.lane and len(settled) < most:
            call = self.lane.popleft()
            if call is None:
                if settled:
                    self.lane.appendleft(None)
                    break
                ts = self.history.head + 10
                self.history.switch(ts)
                self._tell(partial(_release, ts))
                return
            outcome, ts_or_none, record = self._execute(call)
            if record is not None:
                commits.append(record)
            settled.append((call, outcome, ts_or_none))
        if settled:
            self._tell(lambda listener: listener.on_batch(commits, settled))

    def step_news(self) -> None:
        """Tell the listener of the oldest batch or release that it does not know."""
        if self.news:
            assert self.listener is not None
            self.news.popleft()(self.listener)

    def step_reader(self, slow: bool = False, part: int | None = None) -> None:
        """Let a reader work off its oldest item. Its answer, in parts of `part`, is on its way afterwards."""
        reader = self.readers[slow]
        if not reader.jobs:
            return
        round, jobs = reader.jobs.popleft()
        _, ts = self._rounds[round]
        if jobs is None:
            del self._rounds[round]
            return
        if ts is None:
            ts = self.history.head
            self._rounds[round] = (reader, ts)
        results = [self._query(job, ts) for job in jobs]
        part = part or max(1, len(results))
        for start in range(0, max(1, len(results)), part):
            reader.answers.append((round, ts, results[start : start + part]))
            self.wake("answers", slow)

    def step_answers(self, slow: bool = False) -> None:
        answers = self.readers[slow].answers
        if answers:
            assert self.listener is not None
            self.listener.on_results(*answers.popleft())

    def step_actions(self) -> None:
        """Run the oldest action: one that adds, and one that does nothing."""
        if self.actions:
            call = self.actions.popleft()
            outcome: Outcome = Success(encode_json("done"))
            if call.path == "m:add_later":
                inner = MutationCall(
                    "m:add", call.args, call.caller, lambda outcome, ts: self._finish(call, outcome)
                )
                self.lane.append(inner)
                self.wake("lane", False)
            else:
                if call.path != "m:act":
                    outcome = make_failure(AppError("no"), request_id=call.request_id or "", redact=False)
                self._finish(call, outcome)

    def step_acted(self) -> None:
        if self.acted:
            self.acted.popleft()()

    def settle(self) -> None:
        """Step everything, in the most ordinary order, until nothing is left to do."""
        while True:
            before = self._waiting()
            if not before:
                return
            self.step_actions()
            self.step_lane(64)
            self.step_news()
            for slow in (False, True):
                self.step_reader(slow)
                self.step_answers(slow)
            self.step_acted()

    def restart(self) -> None:
        """The process died: what was durable is there, everything on its way is not."""
        for queue in (self.lane, self.news, self.actions, self.acted):
            queue.clear()
        for reader in self.readers:
            reader.jobs.clear()
            reader.answers.clear()
        self._rounds.clear()
        self.listener = None

    def open_rounds(self) -> int:
        return len(self._rounds)

    # Inside

    def _waiting(self) -> int:
        queues = [len(self.lane), len(self.news), len(self.actions), len(self.acted)]
        return sum(queues) + sum(len(reader.jobs) + len(reader.answers) for reader in self.readers)

    def _tell(self, news: Callable[[EngineListener], None]) -> None:
        self.news.append(news)
        self.wake("news", False)

    def _finish(self, call: ActionCall, outcome: Outcome) -> None:
        self.acted.append(lambda: call.done(outcome))
        self.wake("acted", False)

    def _execute(self, call: MutationCall) -> tuple[Outcome, int | None, CommitRecord | None]:
        recorded = self.recorded.get((call.session, call.request))
        if recorded is not None:
            return *recorded, None
        args = arguments(call.args)
        if call.path not in ("m:add", "m:noop"):
            error = AppError({"refused": call.path})
            return make_failure(error, request_id=self._entropy.bytes(8).hex(), redact=False), None, None
        if call.path == "m:noop":
            return Success(b"null"), self.history.head, None
        document = (text_of(args, "group"), text_of(args, "name"))
        number = (self.history.state().get(document) or 0) + number_of(args, "by", 1)
        ts = self.history.head + 1 + len(self.applied) % 3
        record = self.history.commit(ts, {document: None if number % 7 == 0 else number})
        self.applied.append(str(args.get("op")))
        self.applied_at[str(args.get("op"))] = ts
        self.applied_by[str(args.get("op"))] = call.caller
        outcome = Success(encode_json(float(number)))
        if call.session is not None:
            self.recorded[call.session, call.request] = (outcome, ts)
        return outcome, ts, record

    def _query(self, job: QueryJob, ts: int) -> QueryResult:
        self.runs += 1
        found = self.history.evaluate(job.path, arguments(job.args), job.caller, ts, job.journal)
        return QueryResult(
            job.token,
            found.outcome(self._entropy.bytes(8).hex()),
            found.journal,
            read_set(found),
            found.used_identity,
            False,
            None,
            self.slow_paths.get(job.path, 0.001),
        )


def _release(ts: int, listener: EngineListener) -> None:
    listener.on_release(ts)
