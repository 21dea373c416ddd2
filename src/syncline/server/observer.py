"""Tells the console what functions ran, and what they caused.

It stands between the engine and the live queries: what the engine says passes through, and is looked at on its way.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from syncline.database import CommitRecord
from syncline.functions import (
    ActionCall,
    EngineListener,
    Failure,
    Kind,
    LogBook,
    MutationCall,
    Outcome,
    QueryResult,
    Success,
)
from syncline.kernel.clock import Clock
from syncline.kernel.identity import Caller
from syncline.sync import CallEngine, LiveQueries

from .console import Console, counted

#: Queries that take longer are worth a line each time; quicker ones only when they fail or print.
_SLOW_SECONDS = 0.1

#: Modules of Syncline's own functions that applications call without naming them.
_CHORES = tuple(
    f"_system/{name}:"
    for name in ("jobs", "migrations", "progress", "storage", "streams", "transfers", "workflows")
)


class Observer(EngineListener):
    """The engine's listener in front of `live`. In production it reports failures that nobody expected, and logs."""

    def __init__(
        self, live: LiveQueries, book: LogBook, console: Console, clock: Clock, *, production: bool
    ) -> None:
        self._live = live
        self._book = book
        self._console = console
        self._clock = clock
        self._production = production
        #: When calls under way were made, by the call.
        self._began: dict[MutationCall, float] = {}

    # The engine's listener

    def on_batch(
        self, commits: Sequence[CommitRecord], mutations: Sequence[tuple[MutationCall, Outcome, int | None]]
    ) -> None:
        self._live.on_batch(commits, mutations)
        mutations = [item for item in mutations if not _is_chore(item[0], item[1])]
        if self._production:
            for call, outcome, _ in mutations:
                self._note(Kind.MUTATION, call, None, outcome)
                if isinstance(outcome, Failure) or outcome.lines:
                    self._report("mutation", call.path, None, outcome, "")
            return
        written = {record.ts: sum(entry.index_id < 0 for entry in record.entries) for record in commits}
        now = self._clock.monotonic()
        for call, outcome, ts in mutations:
            began = self._began.pop(call, None)
            self._note(Kind.MUTATION, call, None if began is None else now - began, outcome)
            detail = "" if ts is None else self._effects(written.get(ts, 0), ts)
            self._report("mutation", call.path, None if began is None else now - began, outcome, detail)

    def on_results(self, round: int, ts: int, results: Sequence[QueryResult]) -> None:
        for result in results:
            outcome = result.outcome
            path = _path_of(result.token)
            if path:
                self._book.add(Kind.QUERY, path, "", result.seconds, outcome, "")
            slow = result.seconds > _SLOW_SECONDS and not self._production
            if isinstance(outcome, Failure) or outcome.lines or slow:
                self._report("query", path, result.seconds, outcome, "")
        self._live.on_results(round, ts, results)

    def on_release(self, ts: int) -> None:
        self._live.on_release(ts)

    # Calls on their way to the engine

    def began(self, call: MutationCall) -> None:
        if not self._production:
            self._began[call] = self._clock.monotonic()

    def action(self, call: ActionCall, seconds: float, outcome: Outcome) -> None:
        self._note(Kind.ACTION, call, seconds, outcome)
        if not self._production or isinstance(outcome, Failure) or outcome.lines:
            self._report("action", call.path, seconds, outcome, "")

    def _note(
        self, kind: Kind, call: MutationCall | ActionCall, seconds: float | None, outcome: Outcome
    ) -> None:
        self._book.add(kind, call.path, _who(call.caller), seconds, outcome, call.request_id or "")

    def _effects(self, documents: int, ts: int) -> str:
        parts = [f"{counted(documents, 'document')} written"] if documents else ["nothing written"]
        reruns = self._live.reruns_caused(ts) if documents else 0
        if reruns:
            parts.append(f"{counted(reruns, 'live query', 'live queries')} rerun")
        return ", ".join(parts)

    def _report(self, kind: str, path: str, seconds: float | None, outcome: Outcome, detail: str) -> None:
        if isinstance(outcome, Failure):
            error = outcome.error
            if self._production and error.expected and not outcome.lines:
                return
            text = error.message.splitlines()[0] if error.message else ""
            detail = f"{error.type}: {text}  [{outcome.request_id}]"
            self._console.event(kind, path, seconds, detail, bad=True)
            lines = [line for line in outcome.lines if error.traceback not in line or not error.traceback]
            self._console.details([*lines, *([error.traceback] if error.traceback else [])])
        else:
            self._console.event(kind, path, seconds, detail)
            self._console.details(outcome.lines)


def _who(caller: Caller) -> str:
    if caller.admin:
        return "Admin"
    return "Anonymous" if caller.identity is None else "User"


def _is_chore(call: MutationCall, outcome: Outcome) -> bool:
    """What Syncline does for itself, and what was not done after all, is nobody's business while it goes well."""
    return isinstance(outcome, Success) and (call.path.startswith(_CHORES) or not call.path)


def _path_of(token: object) -> str:
    """The query that a token of the live queries stands for; one-shot reads of pinned snapshots do not say."""
    path = getattr(token, "path", "")
    return path if isinstance(path, str) else ""


class ObservedEngine:
    """The engine as sessions and endpoints call it, with an observer beside."""

    def __init__(self, engine: CallEngine, observer: Observer, clock: Clock) -> None:
        self._engine = engine
        self._observer = observer
        self._clock = clock

    def mutate(self, call: MutationCall) -> None:
        self._observer.began(call)
        self._engine.mutate(call)

    def cancel(self, handle: object, *, client_left: bool = False) -> None:
        self._engine.cancel(handle, client_left=client_left)

    def act(self, call: ActionCall) -> None:
        began = self._clock.monotonic()

        def done(outcome: Outcome) -> None:
            self._observer.action(call, self._clock.monotonic() - began, outcome)
            call.done(outcome)

        self._engine.act(msgspec.structs.replace(call, done=done))
