"""Rounds: stale queries run together on one snapshot, so that whoever watches several of them sees one moment.

Two lanes, each with one round at a time: one for queries that are usually fast, one for those that are not. An
entry waits in the queue of its lane, or runs in its lane's round, or neither; `Entry.queued` and `Entry.running`
say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from syncline.database import CommitRecord
from syncline.functions import EngineListener, QueryJob, QueryResult

from .entries import Content, Entry, Subscriber

#: Jobs go to the engine in groups, so that the first results travel while the others run.
_JOBS = 64
#: One-shot reads per round: live queries wait for no more of them than this.
_READS = 256


class RoundEngine(Protocol):
    """Runs queries on snapshots. No method calls the listener before it returns."""

    def start_round(self, slow: bool) -> int: ...
    def run_queries(self, round: int, jobs: Sequence[QueryJob]) -> None: ...
    def end_round(self, round: int) -> None: ...


class QueryEngine(RoundEngine, Protocol):
    """What live queries need of the engine. See `syncline.functions.Engine`."""

    listener: EngineListener | None

    @property
    def head_ts(self) -> int: ...


@dataclass(slots=True, eq=False)
class Round:
    """What is known of a round that the engine has open.

    Its life: jobs are sent; results arrive and, once every commit up to their snapshot was seen, land in their
    entries; after the last one the round is extended, once, by what else is needed at its snapshot; when that has
    landed too, it ends.
    """

    id: int
    slow: bool
    #: The entries whose results are awaited.
    running: dict[Entry, None] = field(default_factory=dict[Entry, None])
    #: The round's snapshot. None -> the timestamp: with the first results.
    ts: int | None = None
    #: Results that wait for commits up to `ts`, which are on their way.
    held: list[QueryResult] = field(default_factory=list[QueryResult])
    #: Every commit that was seen since the round began. Those after `ts` are not in its results.
    commits: list[CommitRecord] = field(default_factory=list[CommitRecord])
    extended: bool = False
    #: Slow rounds: everybody who watches an entry that ran here, in order.
    watchers: dict[Subscriber, None] = field(default_factory=dict[Subscriber, None])
    #: Slow rounds: what the watchers' other queries show at `ts`.
    support: dict[Entry, Content] = field(default_factory=dict[Entry, Content])
    #: Entries that run for `support` only: their content is for the other lane's rounds to replace.
    supporting: set[Entry] = field(default_factory=set[Entry])


class _Lane:
    __slots__ = ("queue", "round", "slow")

    def __init__(self, slow: bool) -> None:
        self.slow = slow
        self.queue: dict[Entry, None] = {}
        self.round: Round | None = None


class Rounds:
    """Starts, extends and ends rounds. What their results mean is decided by `LiveQueries`."""

    def __init__(self, engine: RoundEngine) -> None:
        self._engine = engine
        self._normal, self._slow = self._lanes = (_Lane(False), _Lane(True))
        self._open: dict[int, Round] = {}
        #: Runs asked for, since the start.
        self.reruns = 0

    @property
    def idle(self) -> bool:
        """Nothing runs, and nothing waits to."""
        return all(lane.round is None and not lane.queue for lane in self._lanes)

    def enqueue(self, entry: Entry) -> None:
        """Let the entry run in the next round of its lane, if it does not run already."""
        if not entry.queued and not entry.running:
            entry.queued = True
            (self._slow if entry.slow else self._normal).queue[entry] = None

    def withdraw(self, entry: Entry) -> None:
        """The entry need not run."""
        if entry.queued:
            entry.queued = False
            del (self._slow if entry.slow else self._normal).queue[entry]

    def start(self) -> None:
        """Start the rounds that can start."""
        for lane in self._lanes:
            if lane.queue and lane.round is None:
                entries = _next_entries(lane.queue)
                lane.round = Round(self._engine.start_round(lane.slow), lane.slow)
                self._open[lane.round.id] = lane.round
                self._run(lane, lane.round, entries)

    def saw(self, commits: Sequence[CommitRecord]) -> None:
        """Remember commits for the rounds that may not have them in their snapshots."""
        for lane in self._lanes:
            if lane.round is not None:
                lane.round.commits.extend(commits)

    def receive(self, round: int, ts: int, results: Sequence[QueryResult]) -> bool:
        """Keep results until they may land. False if the round is not one of these."""
        known = self._open.get(round)
        if known is None:
            return False
        known.ts = ts
        known.held.extend(results)
        return True

    def ready(self, head: int) -> Iterator[tuple[Round, int]]:
        """The rounds with results that may land now that all commits up to `head` were seen."""
        for lane in self._lanes:
            round = lane.round
            if round is not None and round.held and round.ts is not None and round.ts <= head:
                yield round, round.ts

    def extend(self, round: Round, ts: int) -> None:
        """Run what else is needed at the round's snapshot: see `LiveQueries`, "Why nobody starves"."""
        round.extended = True
        lane = self._slow if round.slow else self._normal
        behind = [entry for entry in lane.queue if entry.until is not None and entry.until < ts]
        if behind:
            self._run(lane, round, behind)
        if round.slow:
            for entry in behind:
                round.watchers.update({subscription.owner: None for subscription in entry.subscriptions})
            self._gather_support(round, ts)

    def end(self, round: Round) -> None:
        self._engine.end_round(round.id)
        del self._open[round.id]
        (self._slow if round.slow else self._normal).round = None

    def abandon(self) -> None:
        """End all rounds, whatever is running in them, and empty the queues."""
        for lane in self._lanes:
            if lane.round is not None:
                for entry in lane.round.running:
                    entry.running = False
                self.end(lane.round)
            for entry in lane.queue:
                entry.queued = False
            lane.queue.clear()

    def _run(self, lane: _Lane, round: Round, entries: Sequence[Entry]) -> None:
        for entry in entries:
            del lane.queue[entry]
            entry.queued = False
            entry.running = True
        self._submit(round, entries)

    def _gather_support(self, round: Round, ts: int) -> None:
        """See to it that whoever watches the round's entries knows all his queries at its snapshot.

        What entries show now is noted: the normal lane may replace it before this round ends.
        """
        missing: dict[Entry, None] = {}
        for owner in round.watchers:
            if owner.ts > ts or owner.floor > ts:
                continue
            for subscription in owner.subscriptions:
                entry = subscription.entry
                if entry.covers(ts):
                    assert entry.content is not None
                    round.support[entry] = entry.content
                elif not entry.slow and entry.content is not None:
                    # A page that never ran has no end yet: here it could get another one than in its own lane. So
                    # whoever watches that moves with the next round.
                    missing[entry] = None
        if missing:
            round.supporting.update(missing)
            self._submit(round, list(missing))

    def _submit(self, round: Round, entries: Sequence[Entry]) -> None:
        self.reruns += len(entries)
        round.running.update(dict.fromkeys(entries))
        jobs = [QueryJob(entry, entry.path, entry.args, entry.caller, entry.journal) for entry in entries]
        for start in range(0, len(jobs), _JOBS):
            self._engine.run_queries(round.id, jobs[start : start + _JOBS])


def _next_entries(queue: Iterable[Entry]) -> list[Entry]:
    """What the next round runs: all that is watched, and some of what is read once.

    What was shown before comes first: nobody knows how long a new query takes.
    """
    watched = [entry for entry in queue if entry.subscriptions]
    known = [entry for entry in watched if entry.content is not None]
    new = [entry for entry in watched if entry.content is None]
    read = [entry for entry in queue if not entry.subscriptions]
    return known + new + read[:_READS]
