"""What all threads of a node share: the store, its caches and the release in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from syncline.database import Catalog, CreationClock, KeyCache
from syncline.kernel.clock import Clock, Entropy
from syncline.store import Store

from .registry import Registry
from .run import RunSettings
from .variables import StoredVariables


@dataclass(frozen=True, slots=True, eq=False)
class ActiveRelease:
    """A version of the application's code with its schema bound to the store.

    `since_ts` is the commit with which it came into force: snapshots before it belong to the release before,
    whose indexes were maintained up to then.
    """

    number: int
    registry: Registry
    catalog: Catalog
    since_ts: int
    #: Where the code is, for the processes that load it too.
    folder: Path | None = None


@dataclass(slots=True, eq=False)
class Node:
    """The shared state of one process. Attributes are set before its threads start, except `releases`."""

    store: Store
    clock: Clock
    entropy: Entropy
    #: Makes the randomness of one thread; a source belongs to the thread that draws from it.
    new_entropy: Callable[[], Entropy]
    settings: RunSettings
    keys: KeyCache
    created: CreationClock
    cursor_key: bytes
    variables: StoredVariables
    #: The release in force and, after a reload, the one before. Replaced as a whole by the lane's thread.
    releases: tuple[ActiveRelease, ...] = field(default=())

    @property
    def release(self) -> ActiveRelease:
        """The release in force."""
        return self.releases[0]

    def release_at(self, ts: int) -> ActiveRelease:
        """The release that answers on the snapshot `ts`."""
        for release in self.releases:
            if release.since_ts <= ts:
                return release
        return self.releases[-1]
