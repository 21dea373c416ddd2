"""Live queries: one run per change, however many watch; one timestamp per subscriber, however many queries.

How it works
    Every distinct query is an `Entry` with its newest content and the timestamps between which that is right.
    A commit looks up, in an index of read sets, the entries that it touches: they are right until just before
    it. Stale entries that somebody watches run together in a *round*, all on one snapshot S. When a result has
    landed, those who watch it move, in one transition, to the newest timestamp at which everything they watch is
    known. Nobody moves to where one of his queries is not known.

Rules of this file
    - Loop thread only; nothing here waits, reads a socket or starts a thread. The engine is asynchronous: no call
      to it calls back before it returns. Ports never call back at all.
    - Nothing lands in an entry before every commit up to its snapshot was seen (`head`): or it would claim to be
      right to this day while a commit that it does not know is on its way here.
    - What lands is compared with the commits after its snapshot that were seen while it ran.
    - An entry's content is replaced by rounds of its own lane only, which come one after the other. So `from_ts`
      never goes back, and what a lane's round found in an entry is still there when the round ends.

Why nobody starves under constant writes
    At the end of a round every entry of its lane that was watched when the round began is known at S: it was
    right there all along, or it ran, or a commit up to S touched it meanwhile, and then the round is extended by
    it. Whoever was waiting when the round began has a floor of at most S, and can move to S. Slow queries have
    rounds of their own, which are extended by whatever else their watchers need at S ("support"), since the other
    lane has moved on by then. So a slow query delays those who watch it, and nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from syncline.database import CommitRecord
from syncline.functions import Failure, MutationCall, Outcome, QueryResult
from syncline.kernel.clock import Clock
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits
from syncline.protocol import parse_path

from .arguments import canonical_arguments
from .cache import ResultCache
from .callbacks import call_back
from .entries import Done, Entry, Subscriber, Subscription, Support, Waiter
from .freshness import Freshness
from .pins import Pins
from .rounds import QueryEngine, Round, Rounds
from .stats import Effects, LiveStats

log = logging.getLogger("syncline.sync")

#: A query that ran longer than this runs in the slow lane from then on.
SLOW_SECONDS = 0.025


class LiveQueries:
    """The results of all queries that somebody watches, or lately asked for, and who must be told what."""

    def __init__(self, engine: QueryEngine, clock: Clock, limits: Limits) -> None:
        #: The newest commit that was seen: all up to it have found the entries that they touch. Nobody is moved
        #: beyond it. Never decreases.
        self.head: int = engine.head_ts
        #: Counted by those who deliver.
        self.deliveries = 0
        self.coalesced = 0
        self._subscriptions = 0
        self._cache = ResultCache(limits.cache_bytes)
        self._rounds = Rounds(engine)
        self._pins = Pins(engine, clock, limits)
        self._freshness = Freshness(clock)
        self._slow_paths: set[str] = set()
        self._touched: dict[Subscriber, None] = {}
        self._dispatching = False
        self.effects = Effects()
        engine.listener = self

    # Watching

    def subscribe(
        self, owner: Subscriber, query_id: int, path: str, args: bytes, journal: str | None
    ) -> Subscription:
        """Watch a query: a canonical path and one JSON object. Call `start` after the last one of several."""
        args = canonical_arguments(args)
        entry = self._entry_for(path, args, owner.caller, journal)
        subscription = Subscription(owner, query_id, path, args, journal, entry)
        self._join(entry, subscription)
        self._subscriptions += 1
        return subscription

    def refuse(self, owner: Subscriber, query_id: int, path: str, refusal: Failure) -> Subscription:
        """A subscription that shows `refusal` forever: the query is never run."""
        entry = Entry.refused(path, owner.caller, refusal)
        subscription = Subscription(owner, query_id, path, b"", None, entry)
        entry.subscriptions[subscription] = None
        self._subscriptions += 1
        return subscription

    def start(self) -> None:
        """Run what must be run for new subscriptions."""
        self._rounds.start()

    def cancel(self, subscription: Subscription) -> None:
        """Watch no more."""
        self._subscriptions -= 1
        entry = subscription.entry
        del entry.subscriptions[subscription]
        self._release(entry)

    def recast(self, subscription: Subscription) -> None:
        """The owner is another caller now. Results that did not look at the identity stay."""
        entry, caller = subscription.entry, subscription.owner.caller
        if not entry.fixed and not entry.serves(caller):
            self._move(subscription)

    def touch(self, owner: Subscriber) -> None:
        """Something happened to `owner`: advance it, after the batch if one is being worked through."""
        if self._dispatching:
            self._touched[owner] = None
        else:
            self._advance(owner, None)

    # Reading once

    def fetch(self, path: str, args: bytes, caller: Caller, done: Done) -> None:
        """Run a query once, or take its result from the cache: then `done` is called at once.

        The outcome is as of the newest commit that was acknowledged before this call, or later. Raises PathError.
        """
        path, args = parse_path(path), canonical_arguments(args)
        entry = self._cache.find(path, args, caller, None)
        content = None if entry is None or entry.until is not None else entry.content
        if entry is None or content is None or self._freshness.is_outdated(entry):
            self._cache.misses_once += 1
            self._wait(path, args, Waiter(done, caller, self.head))
            self._rounds.start()
        else:
            self._cache.used(entry)
            done(content.outcome, self.head)

    def pin(self, done: Callable[[int], None]) -> None:
        """Hold the newest snapshot for a while. `done` is called with its timestamp, for `fetch_at`."""
        self._pins.pin(self.head, done)

    def fetch_at(self, ts: int, path: str, args: bytes, caller: Caller, done: Done) -> None:
        """Run a query on a pinned snapshot. Raises PathError, and RetentionError if `ts` is not pinned (any more)."""
        self._pins.fetch(ts, parse_path(path), canonical_arguments(args), caller, done)

    # What the engine says

    def on_batch(
        self, commits: Sequence[CommitRecord], mutations: Sequence[tuple[MutationCall, Outcome, int | None]]
    ) -> None:
        self._dispatching = True
        if commits:
            self._rounds.saw(commits)
            for record in commits:
                if found := self._cache.hits(record):
                    self._invalidate(found, record)
            self.head = max(self.head, commits[-1].ts)
        for call, outcome, ts in mutations:
            call_back(call.done, outcome, ts)
        self._settle()

    def on_results(self, round: int, ts: int, results: Sequence[QueryResult]) -> None:
        if not self._rounds.receive(round, ts, results):
            # Of a pinned snapshot, or of a round that a release has ended.
            self._pins.on_results(round, ts, results, self.head)
            return
        self._dispatching = True
        self._settle()

    def on_release(self, ts: int) -> None:
        self._dispatching = True
        self.head = max(self.head, ts)
        # A round that began under the old code may have been answered by either: none of it is used.
        self._rounds.abandon()
        self._cache.forget_identity_use()
        self._slow_paths.clear()
        for entry in self._cache.all_entries():
            # From `ts` on. If no commit lies between (`from_ts` is `ts`), the entry is right nowhere: so be it.
            if entry.until is None or entry.until >= ts:
                entry.until = ts - 1
            entry.slow = False
            self._run_or_drop(entry)
        self._settle()

    # Time, and what there is to know

    def tick(self) -> None:
        """Let time pass: queries whose `ctx.clock` changed run again, old pins go. Call it about once a second."""
        for entry in self._freshness.due():
            if entry.valid and entry in self._cache:
                self._expire(entry)
                self._run_or_drop(entry)
        self._pins.expire()
        self._rounds.start()

    @property
    def next_tick_ns(self) -> int | None:
        """When the next query's `ctx.clock` changes (wall clock), for those who want to call `tick` on time."""
        return self._freshness.next_tick_ns

    @property
    def is_settled(self) -> bool:
        """Whether everything that is watched is known at the newest commit that was seen."""
        return self._rounds.idle

    def stats(self) -> LiveStats:
        cache, sent = self._cache, (self.deliveries, self.coalesced)
        asked = (cache.hits_once, cache.misses_once)
        return LiveStats(self._subscriptions, len(cache), cache.bytes, self._rounds.reruns, *sent, *asked)

    def reruns_caused(self, ts: int) -> int:
        """How many live queries the commit at `ts` made stale; of the newest commits, and from their `done` on."""
        return self.effects.of(ts)

    # Entries and those who want them

    def _entry_for(self, path: str, args: bytes, caller: Caller, journal: str | None) -> Entry:
        entry = self._cache.find(path, args, caller, journal)
        if entry is None:
            return self._cache.create(path, args, caller, journal, slow=path in self._slow_paths)
        if entry.valid and self._freshness.is_outdated(entry):
            self._expire(entry)
        return entry

    def _join(self, entry: Entry, subscription: Subscription) -> None:
        entry.subscriptions[subscription] = None
        self._cache.wake(entry)
        if not entry.valid:
            self._rounds.enqueue(entry)

    def _move(self, subscription: Subscription) -> None:
        """Let a subscription watch the entry that is right for its owner."""
        old, owner, path, args = subscription.entry, subscription.owner, subscription.path, subscription.args
        entry = self._entry_for(path, args, owner.caller, subscription.latest_journal)
        del old.subscriptions[subscription]
        subscription.entry = entry
        self._join(entry, subscription)
        owner.due = True
        self._release(old)

    def _wait(self, path: str, args: bytes, waiter: Waiter) -> None:
        entry = self._entry_for(path, args, waiter.caller, None)
        if entry.valid:
            assert entry.content is not None
            call_back(waiter.done, entry.content.outcome, self.head)
        else:
            entry.waiters.append(waiter)
            self._cache.wake(entry)
            self._rounds.enqueue(entry)

    def _release(self, entry: Entry) -> None:
        """Keep, or forget, an entry that perhaps nobody wants any more."""
        if entry.wanted or entry.running or entry.fixed:
            return
        if entry.valid:
            for evicted in self._cache.rest(entry):
                self._drop(evicted)
        else:
            self._drop(entry)

    def _drop(self, entry: Entry) -> None:
        self._rounds.withdraw(entry)
        self._cache.drop(entry)

    def _run_or_drop(self, entry: Entry) -> None:
        """The entry is stale."""
        if entry.wanted:
            self._rounds.enqueue(entry)
        else:
            self._drop(entry)

    def _expire(self, entry: Entry) -> None:
        # Not right at `head` any more, or the newcomer for whom it is too old would be shown it all the same.
        entry.until = self.head - 1

    def _invalidate(self, found: Iterable[Entry], record: CommitRecord) -> None:
        """A commit touched what these entries read."""
        ts = record.ts
        for entry in sorted(found, key=Entry.by_age):
            if entry.until is None and ts > entry.from_ts:
                entry.until = ts - 1
                if entry.subscriptions:
                    self.effects.note(entry.path, entry.args, record, self._cache.read_set(entry))
                self._run_or_drop(entry)

    # Results

    def _settle(self) -> None:
        """Do what has become possible: results land, subscribers move, rounds start."""
        for round, ts in self._rounds.ready(self.head):
            self._land(round, ts)
        if self._pins.held:
            self._pins.hand_out(self.head)
        self._advance_touched()
        self._dispatching = False
        self._rounds.start()

    def _land(self, round: Round, ts: int) -> None:
        """Put results into their entries, and move those who watch them. After a round's last one, end it."""
        results, round.held = round.held, []
        landed: dict[Entry, bool] = {}
        for result in results:
            entry = result.token
            assert isinstance(entry, Entry)
            del round.running[entry]
            if entry in round.supporting:
                self._keep_support(round, entry, result)
            else:
                landed[entry] = self._install(entry, result, ts)
        for record in round.commits:
            if record.ts > ts:
                self._invalidate(self._cache.hits(record), record)
        for entry, changed in landed.items():
            self._tell(round, entry, changed, ts)
        if not round.running:
            self._advance_touched()
            self._finish(round, ts)

    def _install(self, entry: Entry, result: QueryResult, ts: int) -> bool:
        """Make a result the entry's content, right from `ts` on. Returns whether a client would notice."""
        old = entry.content
        content = entry.content_of(result)
        changed = old is None or not content.same_as(old)
        entry.running = False
        entry.take(content if changed or old is None else old, ts)
        entry.slow = result.seconds > SLOW_SECONDS
        (self._slow_paths.add if entry.slow else self._slow_paths.discard)(entry.path)
        self._freshness.note(entry, result)
        self._cache.file(entry, result.read_set)
        if result.used_identity and not entry.personal:
            self._split(entry)
        return changed

    def _split(self, entry: Entry) -> None:
        """A shared entry's run looked at the identity: all but its caller get entries of their own, to be run."""
        self._cache.make_personal(entry)
        for subscription in list(entry.subscriptions):
            if not entry.serves(subscription.owner.caller):
                self._move(subscription)
                self._touched[subscription.owner] = None
        waiters, entry.waiters = entry.waiters, []
        for waiter in waiters:
            if entry.serves(waiter.caller):
                entry.waiters.append(waiter)
            else:
                self._wait(entry.path, entry.args, waiter)

    def _keep_support(self, round: Round, entry: Entry, result: QueryResult) -> None:
        if result.used_identity and not entry.personal:
            self._split(entry)  # Nobody but the caller that it ran for can use it: they move another time.
        else:
            round.support[entry] = entry.content_of(result)

    def _tell(self, round: Round, entry: Entry, changed: bool, ts: int) -> None:
        """An entry has landed at `ts`: let those who wait for it or watch it know."""
        if entry.waiters:
            content, waiters = entry.serve_waiters(ts)
            right_at = self.head if entry.valid else ts
            for waiter in waiters:
                call_back(waiter.done, content.outcome, right_at)
        touched = self._touched
        for subscription in entry.subscriptions:
            owner = subscription.owner
            if changed:
                owner.due = True
            if owner.due:
                touched[owner] = None
        if round.slow:
            round.watchers.update({subscription.owner: None for subscription in entry.subscriptions})
        self._release(entry)

    def _finish(self, round: Round, ts: int) -> None:
        """All of a round has landed: extend it, or move those who depend on it and end it."""
        if not round.extended:
            self._rounds.extend(round, ts)
            if round.running:
                return
        if round.slow:
            support = Support(ts, round.support)
            for owner in round.watchers:
                self._advance(owner, support)
        self._rounds.end(round)

    # Subscribers

    def _advance_touched(self) -> None:
        while self._touched:
            touched, self._touched = self._touched, {}
            for owner in touched:
                self._advance(owner, None)

    def _advance(self, owner: Subscriber, support: Support | None) -> None:
        if owner.due:
            try:
                owner.advance(support)
            except Exception:
                # One subscriber's failure must not reach another one.
                log.exception("a session failed and is closed")
                owner.abort()
