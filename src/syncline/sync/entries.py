"""One query with its arguments, as all who watch it share it: `Entry`; and what it shows: `Content`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import count
from typing import NamedTuple, Protocol, TypeAlias

from syncline.functions import Failure, Outcome, QueryResult, Success
from syncline.kernel.identity import Caller
from syncline.protocol import shared_failure_tail, shared_update_tail

#: Receives an outcome and a timestamp at which it is right.
Done: TypeAlias = Callable[[Outcome, int], None]

#: Path, canonical arguments, the journal that the client brought, how far the caller is trusted, whether anybody
#: is signed in. The last two are part of every key because they decide which functions may be called at all.
Key: TypeAlias = tuple[str, bytes, str | None, int, bool]

#: A rough count of the bytes that an entry costs beside its result and arguments.
_OVERHEAD = 1200
_RANGE_OVERHEAD = 250


_UPDATED = b'{"type":"QueryUpdated","queryId":'
_FAILED = b'{"type":"QueryFailed","queryId":'


class Content:
    """What a query shows. Compared by what a client would notice: a rerun of equal content keeps the old object.

    The part of the message that is the same for every client is made once, when the first one needs it.
    """

    __slots__ = ("_head", "_tail", "journal", "outcome")

    def __init__(self, outcome: Outcome, journal: str | None) -> None:
        self.outcome = outcome
        self.journal = journal
        self._head = _UPDATED if isinstance(outcome, Success) else _FAILED
        self._tail: bytes | None = None

    def same_as(self, other: Content) -> bool:
        """Whether a client that was shown `other` need not be told. Request ids in failures do not count."""
        if self is other:
            return True
        mine, theirs = self.outcome, other.outcome
        if self.journal != other.journal or mine.log_lines != theirs.log_lines:
            return False
        if isinstance(mine, Success):
            return isinstance(theirs, Success) and mine.value == theirs.value
        return (
            isinstance(theirs, Failure)
            and mine.fingerprint == theirs.fingerprint
            and mine.data == theirs.data
        )

    def modification(self, query_id: int) -> bytes:
        """The QueryUpdated or QueryFailed of a transition."""
        tail = self._tail
        if tail is None:
            outcome = self.outcome
            if isinstance(outcome, Success):
                tail = shared_update_tail(outcome.value, outcome.log_lines, self.journal)
            else:
                tail = shared_failure_tail(outcome.message, outcome.log_lines, self.journal, outcome.data)
            self._tail = tail
        return b"%b%d,%b" % (self._head, query_id, tail)

    @property
    def size(self) -> int:
        """Bytes of the result."""
        outcome = self.outcome
        return len(outcome.value if isinstance(outcome, Success) else outcome.message) + len(
            outcome.log_lines
        )


class Subscriber(Protocol):
    """Somebody who watches a set of queries and is shown all of them at one timestamp: a session, as a rule."""

    #: The timestamp at which it was last shown its queries. Never decreases.
    ts: int
    #: It must not be shown anything older than this, because it, or somebody it has heard from, saw this already.
    floor: int
    #: There is something to send: a query's content changed, or a transition is owed.
    due: bool
    caller: Caller

    @property
    def subscriptions(self) -> Collection[Subscription]: ...

    def advance(self, support: Support | None = None) -> None:
        """Move to the newest timestamp at which all queries are known, if there is one and anything to send."""
        ...

    def abort(self) -> None:
        """`advance` raised: give up this subscriber alone."""
        ...


class Support(NamedTuple):
    """What queries show at one timestamp which their entries do not cover (any more, or at all)."""

    ts: int
    contents: Mapping[Entry, Content]


class Subscription:
    """One subscriber's interest in one query."""

    __slots__ = ("args", "entry", "journal", "owner", "path", "query_id", "shown")

    def __init__(
        self, owner: Subscriber, query_id: int, path: str, args: bytes, journal: str | None, entry: Entry
    ) -> None:
        self.owner = owner
        self.query_id = query_id
        self.path = path
        self.args = args
        #: The journal that the client brought; what it was shown since carries its own.
        self.journal = journal
        #: Invariant: `self in entry.subscriptions`, until it is cancelled.
        self.entry = entry
        #: None until the first transition with this query, then always what the client holds.
        self.shown: Content | None = None

    @property
    def latest_journal(self) -> str | None:
        return self.journal if self.shown is None else self.shown.journal


class Waiter(NamedTuple):
    """A one-shot reader of an entry: served by the first result that is at `floor` or later."""

    done: Done
    caller: Caller
    floor: int


_order = count()


class Entry:
    """A query's newest known content and the timestamps between which it is right.

    - No content: it never ran (or not yet in this release's life). It is queued or running.
    - `until` is None: right from `from_ts` to the newest commit that was seen. Its read set is in the range index.
    - `until` is a timestamp: right from `from_ts` to `until`; then a commit touched what it read. If anybody
      watches it or waits for it, it is queued or running; otherwise it is forgotten at once.
    """

    __slots__ = (
        "args",
        "base_size",
        "caller",
        "content",
        "expires",
        "fixed",
        "from_ts",
        "journal",
        "key",
        "order",
        "path",
        "personal",
        "queued",
        "running",
        "size",
        "slow",
        "subscriptions",
        "tick_ns",
        "timed",
        "until",
        "waiters",
    )

    def __init__(self, key: Key, caller: Caller, *, personal: bool, slow: bool) -> None:
        self.key = key
        #: Entries are worked through by age, so that equal histories have equal outcomes.
        self.order = next(_order)
        self.path: str = key[0]
        self.args: bytes = key[1]
        #: What the next run is given: the last run's journal, so that a page keeps its end.
        self.journal: str | None = key[2]
        #: Whom it runs for: anybody of its kind while it is shared, its owner when it is personal.
        self.caller = caller
        #: False: the last run did not look at the identity, so that the result is everybody's.
        self.personal = personal
        self.content: Content | None = None
        self.from_ts = 0
        self.until: int | None = None
        #: Ran longer than the normal lane allows; runs in the slow lane until it gets faster.
        self.slow = slow
        #: In a lane's queue.
        self.queued = False
        #: In its lane's round.
        self.running = False
        #: A result that no run made (a refusal by the session): it never changes and is never run.
        self.fixed = False
        # A dictionary for its order: whom a result reaches first must not depend on addresses in memory.
        self.subscriptions: dict[Subscription, None] = {}
        self.waiters: list[Waiter] = []
        #: Whether `expires` or `tick_ns` is set: new subscribers look at the clock then.
        self.timed = False
        #: Monotonic seconds after which new subscribers want a new run, because this one used `ctx.now`.
        self.expires: float | None = None
        #: Wall clock nanoseconds at which `ctx.clock` in it shows another time.
        self.tick_ns: int | None = None
        #: Bytes of the result when it last ran without a journal.
        self.base_size = 0
        #: Bytes as the cache counts them.
        self.size = 0

    @classmethod
    def refused(cls, path: str, caller: Caller, refusal: Failure) -> Entry:
        """An entry that shows `refusal` forever."""
        entry = cls((path, b"", None, 0, False), caller, personal=True, slow=False)
        entry.fixed = True
        entry.content = Content(refusal, None)
        return entry

    def by_age(self) -> int:
        return self.order

    @property
    def valid(self) -> bool:
        """Right at the newest commit that was seen."""
        return self.content is not None and self.until is None

    def covers(self, ts: int) -> bool:
        """Whether the content is right at `ts`, which is not after the newest commit that was seen."""
        return self.content is not None and self.from_ts <= ts and (self.until is None or ts <= self.until)

    @property
    def wanted(self) -> bool:
        return bool(self.subscriptions or self.waiters)

    @property
    def adoptable(self) -> bool:
        """Whether a newcomer without a journal may be shown this page, which grew or shrank since it was cut."""
        content = self.content
        if content is None or content.journal is None or self.key[2] is not None:
            return True
        if isinstance(content.outcome, Failure):
            return False  # Its journal may be the reason; a newcomer has a chance without it.
        return self.base_size <= 2 * content.size and content.size <= 2 * self.base_size

    def serves(self, caller: Caller) -> bool:
        """Whether `caller` may be shown this content."""
        mine = self.caller
        if mine.trust != caller.trust or (mine.identity is None) != (caller.identity is None):
            return False
        return not self.personal or mine.identity == caller.identity

    def content_of(self, result: QueryResult) -> Content:
        """What a run of this entry gave."""
        journal = result.journal
        if journal is None and isinstance(result.outcome, Failure):
            journal = (
                self.journal
            )  # A failure may not know it. The next run must find the page's end all the same.
        return Content(result.outcome, journal)

    def serve_waiters(self, ts: int) -> tuple[Content, list[Waiter]]:
        """The content, which landed at `ts`, and those who need not wait any longer."""
        assert self.content is not None
        waiters = self.waiters
        # Whoever came after the round's snapshot was taken wants a newer one, unless nothing has changed since.
        self.waiters = [waiter for waiter in waiters if waiter.floor > ts and not self.valid]
        return self.content, [waiter for waiter in waiters if waiter.floor <= ts or self.valid]

    def take(self, content: Content, ts: int) -> None:
        """This is the content from `ts` on."""
        if self.journal is None:
            self.base_size = content.size
        self.content = content
        self.journal = content.journal
        self.from_ts = ts
        self.until = None

    def weight(self, ranges: int) -> int:
        """Bytes that this entry costs with its present content."""
        content = self.content
        return _OVERHEAD + ranges * _RANGE_OVERHEAD + len(self.args) + (2 * content.size if content else 0)
