"""The engine: one node's lane, readers and actions behind a thread-safe face.

The event loop asks through methods that return at once, and hears through one listener, whose methods are called
on the loop's thread: one wake-up per batch, never one per call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Protocol, TypeVar

from syncline.database import (
    Catalog,
    CommitRecord,
    CreationClock,
    KeyCache,
    Progress,
    activate,
    build_aggregates,
    declare_derived,
    last_creation_time,
)
from syncline.database.activation import silent
from syncline.kernel.clock import Clock, Entropy, SystemEntropy
from syncline.schema import TableSpec
from syncline.store import Commit, Loaded, Reader, Store, StoreFailedError, Timestamp

from .actions import ActionRunner
from .calls import ActionCall, EngineListener, MutationCall, QueryJob, QueryResult
from .index_workers import IndexWorkers
from .lane import Lane, Settled
from .node import ActiveRelease, Node
from .outcomes import Outcome
from .readers import ReaderThread
from .registry import Registry
from .run import RunSettings
from .system import specification_query, system_definitions
from .variables import CHANGE, StoredVariables

T = TypeVar("T")

#: Hands a call to the event loop's thread, in order: `loop.call_soon_threadsafe`.
Post = Callable[..., object]

#: What `Store.load` calls just before a load becomes visible.
Ready = Callable[[Timestamp, Loaded], None]


class LoadedRelease(Protocol):
    """A version of the application's code as the loader gives it."""

    @property
    def registry(self) -> Registry: ...

    @property
    def schema(self) -> Sequence[TableSpec]: ...


class Engine:
    """Runs an application's functions on one store. `start` it on the event loop's thread."""

    def __init__(
        self,
        store: Store,
        release: LoadedRelease,
        settings: RunSettings,
        clock: Clock,
        entropy: Entropy,
        *,
        report: Callable[[Progress], None] = silent,
        on_fatal: Callable[[BaseException], None] = lambda error: None,
        new_entropy: Callable[[], Entropy] = SystemEntropy,
        on_variables: Callable[[Mapping[str, str]], None] = lambda variables: None,
    ) -> None:
        """Bind the release's schema to the store. Raises SetupError when stored data does not fit it.

        `on_variables` hears, on the lane's thread, what the stored environment variables are after a change.
        """
        catalog = activate(store, release.schema, report)
        catalog = catalog.naming(several_issuers=release.registry.admission.several_issuers)
        self._node = Node(
            store=store,
            clock=clock,
            entropy=entropy,
            new_entropy=new_entropy,
            settings=settings,
            keys=KeyCache(applied_ts=store.head),
            created=CreationClock(last_creation_time(store, catalog)),
            cursor_key=store.secret("cursors"),
            variables=StoredVariables(store, settings.secrets),
            releases=(
                ActiveRelease(
                    1, _bound(release, catalog, settings), catalog, store.head, _folder_of(release)
                ),
            ),
        )
        self._report = report
        self._on_fatal = on_fatal
        self._on_variables = on_variables
        self._lane = Lane(self._node, self._publish, self._fatal)
        self._readers = (
            ReaderThread(self._node, "1", self._answer, self._fatal),
            ReaderThread(self._node, "slow", self._answer, self._fatal),
        )
        self._indexes = IndexWorkers(store)
        self._rounds: dict[int, ReaderThread] = {}
        self._numbers = count(1)
        self._post: Post | None = None
        self._watchers: list[Callable[[Sequence[CommitRecord]], None]] = []
        self._release_watchers: list[Callable[[], None]] = []
        #: Hears everything; set by `start`, or before it by whoever listens.
        self.listener: EngineListener | None = None
        self.actions = ActionRunner(self)

    # Facts

    @property
    def node(self) -> Node:
        return self._node

    @property
    def release(self) -> ActiveRelease:
        """The release in force."""
        return self._node.release

    @property
    def head_ts(self) -> int:
        """The newest commit's timestamp. The listener may not have heard of it yet."""
        return self._node.store.head

    # Life

    def start(self, post: Post, listener: EngineListener) -> None:
        """Start the threads. All of `listener`'s methods will be called through `post`."""
        self._post = post
        self.listener = listener
        self._lane.start()
        self._indexes.start()
        for reader in self._readers:
            reader.start()

    def stop(self, grace: float = 0.0) -> None:
        """Give running actions `grace` seconds, finish the queued mutations, end the threads. Blocks meanwhile."""
        self.actions.stop(grace)
        self._lane.stop()
        self._indexes.stop()
        for reader in self._readers:
            reader.stop()

    def reload(self, release: LoadedRelease, done: Callable[[BaseException | None], None]) -> None:
        """Put new code in force: between two batches, with its schema bound and its indexes built.

        `done` is called on the loop's thread, with the error that kept the old release in force or None.
        """

        def switch() -> None:
            node = self._node
            store = node.store
            try:
                catalog = activate(store, release.schema, self._report, keep=node.release.catalog)
                catalog = catalog.naming(several_issuers=release.registry.admission.several_issuers)
            except Exception as error:
                self.post(done, error)
                return
            # A commit of its own marks the switch: every snapshot belongs to one release, and those of the new one
            # hold its new indexes whole.
            commit = Commit(store.next_ts())
            store.append([commit])
            node.keys.apply_all([commit])
            old = node.release
            registry = _bound(release, catalog, node.settings)
            folder = _folder_of(release)
            node.releases = (ActiveRelease(old.number + 1, registry, catalog, commit.ts, folder), old)
            self.actions.on_release()
            assert self.listener is not None
            # The commit itself is not told: whoever moved to it before the release would show what old code gave.
            self.post(self._tell, self._hear_release, commit.ts)
            self.post(done, None)

        self._lane.exclusively(switch)

    def load(self, load: Callable[[Ready], None], done: Callable[[BaseException | None], None]) -> None:
        """Let `load` replace stored documents, between two batches; live queries run again. `done` as of `reload`.

        `load` runs on the lane's thread and passes the function that it gets on to `Store.load`.
        """

        def switch() -> None:
            node = self._node
            before = node.releases
            old = before[0]

            def ready(ts: int, loaded: Loaded) -> None:
                # In force before the load is visible, so that no reader meets new numbers with the old catalog.
                catalog = old.catalog.renumbered(loaded.tables, loaded.indexes)
                registry = old.registry
                if catalog is not old.catalog:
                    registry = registry.bind(catalog.numbers, node.settings.limits)
                node.releases = (ActiveRelease(old.number + 1, registry, catalog, ts, old.folder), old)

            try:
                load(ready)
            except Exception as error:
                if node.releases is not before:
                    old.registry.bind(old.catalog.numbers, node.settings.limits)
                    node.releases = before
                self.post(done, error)
                if isinstance(error, StoreFailedError):
                    raise
                return
            for table in node.release.catalog.by_number.values():
                declare_derived(node.store, table, self._report)
            build_aggregates(node.store, node.release.catalog)
            node.keys.restart(node.store.head)
            node.created.last = max(node.created.last, last_creation_time(node.store, node.release.catalog))
            assert self.listener is not None
            self.post(self._tell, self._hear_release, node.store.head)
            self.post(done, None)

        self._lane.exclusively(switch)

    # Calls, from any thread

    def mutate(self, call: MutationCall) -> None:
        """Queue a mutation; its outcome comes with the batch that makes it durable. OverloadedError when full."""
        self._lane.submit(call)

    def act(self, call: ActionCall) -> None:
        """Start an action. OverloadedError when too many run and wait."""
        self.actions.submit(call)

    def cancel(self, handle: object, *, client_left: bool = False) -> None:
        """Stop the action that has this handle, if it runs; with `client_left` only if it was declared so."""
        self.actions.cancel(handle, client_left=client_left)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something on a thread of actions in so many seconds."""
        self.actions.later(seconds, call)

    def query_once(self, job: QueryJob, done: Callable[[QueryResult], None]) -> None:
        """Run one query on the newest snapshot; `done` is called on the reader's thread."""
        self._readers[0].once(job, done)

    def read(self, work: Callable[[Reader, Catalog], T], done: Callable[[T | Exception], None]) -> None:
        """Look at the newest snapshot without a function: `work` is called on a reader's thread, `done` on the loop's."""

        def look(reader: Reader, catalog: Catalog) -> None:
            try:
                found: T | Exception = work(reader, catalog)
            except Exception as error:
                found = error
            self.post(done, found)

        self._readers[0].read(look)

    def watch(self, commits: Callable[[Sequence[CommitRecord]], None], release: Callable[[], None]) -> None:
        """Let `commits` hear of every batch, on the loop's thread, before its callers do; and `release` of each change
        of code, or of all data, which no batch tells of. Not after `start`."""
        self._watchers.append(commits)
        self._release_watchers.append(release)

    # Rounds, from the loop's thread

    def start_round(self, slow: bool) -> int:
        """A new round, in the reader for slow queries or in the other one."""
        number = next(self._numbers)
        self._rounds[number] = self._readers[1 if slow else 0]
        return number

    def run_queries(self, round: int, jobs: Sequence[QueryJob]) -> None:
        """Run queries on the round's snapshot; results come to `on_results`. No jobs: only its timestamp comes."""
        self._rounds[round].run(round, jobs)

    def end_round(self, round: int) -> None:
        """Let the round's snapshot go."""
        self._rounds.pop(round).end(round)

    # From the engine's threads to the loop's

    def _publish(self, records: Sequence[CommitRecord], settled: Sequence[Settled]) -> None:
        assert self.listener is not None
        if any(call.path == CHANGE for call, _outcome, _ts in settled):
            variables = self._node.variables
            variables.forget()
            self._on_variables(variables.current())
        self.post(self._tell, self._hear, records, settled)

    def _hear(self, records: Sequence[CommitRecord], settled: Sequence[Settled]) -> None:
        assert self.listener is not None
        for watch in self._watchers:
            watch(records)
        self.listener.on_batch(records, settled)

    def _hear_release(self, ts: int) -> None:
        assert self.listener is not None
        self.listener.on_release(ts)
        for watch in self._release_watchers:
            watch()

    def _answer(self, round: int, ts: int, results: Sequence[QueryResult]) -> None:
        assert self.listener is not None
        self.post(self._tell, self.listener.on_results, round, ts, results)

    def _tell(self, hear: Callable[..., None], *what: object) -> None:
        try:
            hear(*what)
        except Exception as error:
            # A listener that missed a commit would show old results for ever; after a restart it knows them all.
            self._on_fatal(error)

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the event loop's thread, after everything posted before it."""
        assert self._post is not None
        try:
            self._post(function, *args)
        except RuntimeError:
            # The loop is closed: nobody is left to hear, and what was committed stays committed.
            if threading.main_thread().is_alive():
                return
            raise

    def _fatal(self, error: BaseException) -> None:
        self.post(self._on_fatal, error)


def _folder_of(release: LoadedRelease) -> Path | None:
    found = getattr(release, "folder", None)
    return found if isinstance(found, Path) else None


def _bound(release: LoadedRelease, catalog: Catalog, settings: RunSettings) -> Registry:
    """The functions of a release and Syncline's own, checking ids against the tables of the store."""
    return _complete(release.registry).bind(catalog.numbers, settings.limits)


@lru_cache(maxsize=1)
def _complete(registry: Registry) -> Registry:
    """With Syncline's own functions. Remembered, for tests: they make an engine each, of one release."""
    own = [*system_definitions(), specification_query(registry)]
    return Registry([*registry, *own], registry.admission)


__all__ = ["Engine", "LoadedRelease", "Outcome", "Post"]
