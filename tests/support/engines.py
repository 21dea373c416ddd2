"""An engine without a server: its event loop is a queue that the test empties."""

from __future__ import annotations

import queue
import sys
import textwrap
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from syncline.database import CommitRecord
from syncline.functions import (
    ActionCall,
    Failure,
    MutationCall,
    Outcome,
    QueryJob,
    QueryResult,
    RunSettings,
    Success,
    load_application,
)
from syncline.functions.engine import Engine
from syncline.kernel.clock import Clock, SeededEntropy, SystemClock
from syncline.kernel.errors import SetupError
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.kernel.limits import Limits
from syncline.store import Store


def write_backend(folder: Path, **modules: str) -> Path:
    """A backend package of the given modules."""
    backend = folder / "backend"
    backend.mkdir(exist_ok=True)
    for name, text in modules.items():
        (backend / f"{name}.py").write_text(textwrap.dedent(text))
    return backend


class RunningEngine:
    """An engine and what it said."""

    def __init__(
        self, backend: Path, store: Store, limits: Limits | None = None, clock: Clock | None = None
    ) -> None:
        self.backend = backend
        self.store = store
        self.commits: list[CommitRecord] = []
        self.releases: list[int] = []
        self.fatal: list[BaseException] = []
        self._results: dict[int, list[tuple[int, QueryResult]]] = {}
        self._posted: queue.SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = (
            queue.SimpleQueue()
        )
        self.engine = Engine(
            store,
            load_application(backend),
            RunSettings(limits=limits or Limits()),
            clock or SystemClock(),
            SeededEntropy(3),
            on_fatal=self.fatal.append,
        )
        self.engine.start(self._post, self)

    def _post(self, function: Callable[..., object], *args: object) -> None:
        self._posted.put((function, args))

    # EngineListener

    def on_batch(
        self, commits: Sequence[CommitRecord], mutations: Sequence[tuple[MutationCall, Outcome, int | None]]
    ) -> None:
        self.commits += commits
        for call, outcome, ts in mutations:
            call.done(outcome, ts)

    def on_results(self, round: int, ts: int, results: Sequence[QueryResult]) -> None:
        self._results.setdefault(round, []).extend((ts, result) for result in results)

    def on_release(self, ts: int) -> None:
        self.releases.append(ts)

    # What tests do

    def pump(self, until: Callable[[], object]) -> None:
        while not until():
            function, args = self._posted.get(timeout=10)
            function(*args)

    def start_mutation(
        self,
        path: str,
        caller: Caller = ANONYMOUS,
        session: bytes | None = None,
        request: int | None = None,
        **args: Any,
    ) -> list[tuple[Outcome, int | None]]:
        """Queue a mutation; the list holds its outcome and timestamp once `pump` has seen it."""
        settled: list[tuple[Outcome, int | None]] = []
        self.engine.mutate(
            MutationCall(
                path,
                msgspec.json.encode(args),
                caller,
                lambda outcome, ts: settled.append((outcome, ts)),
                session,
                request,
            )
        )
        return settled

    def mutate(self, path: str, **args: Any) -> tuple[Outcome, int | None]:
        settled = self.start_mutation(path, **args)
        self.pump(lambda: settled)
        return settled[0]

    def value_of_mutation(self, path: str, **args: Any) -> Any:
        return value_of(self.mutate(path, **args)[0])

    def act(self, path: str, **args: Any) -> Outcome:
        settled: list[Outcome] = []
        self.engine.act(ActionCall(path, msgspec.json.encode(args), ANONYMOUS, settled.append))
        self.pump(lambda: settled)
        return settled[0]

    @contextmanager
    def round(self, slow: bool = False) -> Generator[Callable[..., QueryResult]]:
        """A round: the function given runs a query in it."""
        number = self.engine.start_round(slow)

        def run(
            path: str, caller: Caller = ANONYMOUS, journal: str | None = None, **args: Any
        ) -> QueryResult:
            self._results[number] = []
            self.engine.run_queries(
                number, [QueryJob(None, path, msgspec.json.encode(args), caller, journal)]
            )
            self.pump(lambda: self._results[number])
            return self._results[number][0][1]

        yield run
        self.engine.end_round(number)

    def query(self, path: str, **args: Any) -> Any:
        with self.round() as run:
            return value_of(run(path, **args).outcome)

    def reload(self) -> BaseException | None:
        finished: list[BaseException | None] = []
        self.engine.reload(load_application(self.backend), finished.append)
        self.pump(lambda: finished)
        return finished[0]

    def stop(self) -> None:
        self.engine.stop()
        self.store.close()


def value_of(outcome: Outcome) -> Any:
    assert isinstance(outcome, Success), outcome
    return msgspec.json.decode(outcome.value)


def message_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Failure), outcome
    return outcome.message


@contextmanager
def running(
    backend: Path,
    data: Path | None = None,
    limits: Limits | None = None,
    store: Store | None = None,
    clock: Clock | None = None,
) -> Generator[RunningEngine]:
    """An engine on a store in memory, in the folder `data`, or on the store that is given."""
    clock = clock or SystemClock()
    if store is None:
        store = Store.memory(clock) if data is None else Store.open(data, clock=clock)
    try:
        engine = RunningEngine(backend, store, limits, clock)
    except SetupError:
        store.close()
        raise
    try:
        yield engine
    finally:
        engine.stop()
        for name in [name for name in sys.modules if name.split(".")[0] == "backend"]:
            del sys.modules[name]
