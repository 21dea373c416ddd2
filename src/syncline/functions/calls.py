"""What the engine is asked for and what it answers: calls in, outcomes and invalidations out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from syncline.database import CommitRecord, ReadSet
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.schema import Id
from syncline.system import ScheduledJob

from .definitions import FunctionDefinition
from .outcomes import Outcome


class MutationCall(msgspec.Struct, frozen=True, eq=False):
    """A mutation to run. With `session` (16 bytes) and `request` it runs once, however often it is sent.

    `done` is called on the event loop's thread with the outcome and, after a success, the commit timestamp.

    With `job` it is a call that was scheduled: path and arguments are on record there, it may be of an action (then
    the outcome is ActionStarted), and a failure has a timestamp too, that of its record; without one the job is still
    to be run.
    """

    path: str
    args: bytes
    caller: Caller
    done: Callable[[Outcome, int | None], None]
    session: bytes | None = None
    request: int | None = None
    request_id: str | None = None
    job: Id[ScheduledJob] | None = None


class ActionCall(msgspec.Struct, frozen=True, eq=False):
    """An action to run. `done` is called on the event loop's thread. With `definition` it is not looked up by its path."""

    path: str
    args: bytes
    caller: Caller
    done: Callable[[Outcome], None]
    request_id: str | None = None
    #: The scheduled job that it is, if it is one.
    job: Id[ScheduledJob] | None = None
    #: By which `Engine.cancel` finds it.
    handle: object | None = None
    #: What to run, of those that are in no registry.
    definition: FunctionDefinition | None = None


class QueryJob(msgspec.Struct, frozen=True, eq=False):
    """A query to run in a round. `token` comes back with the result."""

    token: object
    path: str
    args: bytes
    caller: Caller = ANONYMOUS
    journal: str | None = None
    request_id: str | None = None


class QueryResult(msgspec.Struct, frozen=True, eq=False):
    """What a query gave, and all that it depends on."""

    token: object
    outcome: Outcome
    journal: str | None
    read_set: ReadSet
    used_identity: bool
    used_now: bool
    tick_ns: int | None  # when a ctx.clock that it used changes, in nanoseconds since the epoch
    seconds: float


class EngineListener(Protocol):
    """Hears what the engine does: on the event loop's thread, in order."""

    def on_batch(
        self, commits: Sequence[CommitRecord], mutations: Sequence[tuple[MutationCall, Outcome, int | None]]
    ) -> None:
        """A batch is durable: its commits by timestamp, then the outcome of each mutation (None: no commit)."""
        ...

    def on_results(self, round: int, ts: int, results: Sequence[QueryResult]) -> None:
        """Results of a round's queries, all of the snapshot `ts`; a round may answer in several parts."""
        ...

    def on_release(self, ts: int) -> None:
        """New code answers from `ts` on, a commit of its own: every earlier result is stale."""
        ...
