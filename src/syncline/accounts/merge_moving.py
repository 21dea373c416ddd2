"""After a merge: the documents of the application that belonged to the merged user are given to the other one.

They are in another file, and may be many: they go in batches, each a transaction of the application's database. How far
a merge is stands in the identity file; a batch that is done again after a crash finds less to do. Passes over all tables
are made until one finds nothing, so that what was being written meanwhile follows too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from . import merging
from .core import Core
from .merging import Merge, Progress, Stayed
from .outbox_loop import OutboxLoop
from .workers import Workers

#: Passes that found something, before a merge is over all the same: whoever still writes as the merged user is none of ours.
_MOST_PASSES = 10
_LONGEST_WAIT = 3600


class MoveError(Exception):
    """A batch could not be moved. Its text says why."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be moved: documents of `source`, a user of `issuer`, from `place` on, at most `limit`."""

    issuer: str
    source: str
    target: str
    place: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a batch. `place` None: the pass is over."""

    place: str | None
    moved: int
    stayed: list[Stayed]


#: Moves one batch in the application's database. Raises MoveError for what will fail again, other errors for what may not.
Move = Callable[[Batch], Awaitable[Moved]]


class DocumentMover:
    """Moves the documents of merged users."""

    def __init__(self, core: Core, workers: Workers) -> None:
        self._core = core
        self._workers = workers
        #: What moves a batch; None: nothing does, and merges wait.
        self.move: Move | None = None
        self.loop = OutboxLoop("documents of merged users", self.move_due, self._next_wait)

    async def move_due(self) -> int:
        """Move one batch, if one is due. How many were tried."""
        merge = None if self.move is None else await self._workers.run(merging.due, self._core)
        if self.move is None or merge is None:
            return 0
        progress = merge.progress
        batch = Batch(self._core.settings.issuer, merge.source, merge.target, progress.place, progress.batch)
        try:
            moved = await self.move(batch)
        except MoveError as error:
            await self._workers.run(_failed, self._core, merge, str(error))
        else:
            await self._workers.run(_went_on, self._core, merge, moved)
        return 1

    async def _next_wait(self) -> float | None:
        due: int | None = await self._workers.run(
            lambda: self._core.file.value("SELECT min(next_at) FROM merges")
        )
        return None if due is None or self.move is None else due - self._core.now()


def _went_on(core: Core, merge: Merge, moved: Moved) -> None:
    before = merge.progress
    begins = before.place is None
    stayed = (0 if begins else before.stayed) + len(moved.stayed)
    named = [*(() if begins else before.named or ()), *moved.stayed][: merging.NAMED]
    progress = replace(
        before,
        place=moved.place,
        moved=before.moved + moved.moved,
        moved_in_pass=(0 if begins else before.moved_in_pass) + moved.moved,
        stayed=stayed,
        named=named,
    )
    over = moved.place is None
    if over:
        progress.passes += 1
    done = over and (progress.moved_in_pass == 0 or progress.passes >= _MOST_PASSES)
    merging.save(core, merge, progress, done=done)


def _failed(core: Core, merge: Merge, error: str) -> None:
    progress = merge.progress
    if progress.batch > 1:
        # Documents may be large: fewer of them fit into a transaction.
        merging.save(core, merge, replace(progress, batch=progress.batch // 2), error=error[:500])
    else:
        # From the beginning: the place may mean nothing to a new version of the application.
        again: Progress = replace(progress, place=None, batch=merging.BATCH)
        wait = min(_LONGEST_WAIT, 5 * 2 ** min(merge.tries, 10))
        merging.save(core, merge, again, wait=wait, error=error[:500])
