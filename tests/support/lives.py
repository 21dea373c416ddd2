"""Lives of a server on one store: engines that begin, end and begin again, with their driver of scheduled functions."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from syncline.functions import ActionCall, MutationCall, Outcome, RunSettings, Success, load_application
from syncline.functions.engine import Engine
from syncline.jobs import Jobs
from syncline.kernel.clock import FakeClock, SeededEntropy
from syncline.kernel.identity import Caller
from syncline.kernel.limits import Limits
from syncline.store import Store
from syncline.sync import LiveQueries


class Process:
    """One life of a server on a store: its engine, its driver and a queue for a loop."""

    def __init__(self, store: Store, clock: FakeClock, folder: Path, limits: Limits | None = None) -> None:
        self.clock = clock
        limits = limits or Limits()
        self._calls: queue.SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = queue.SimpleQueue()
        self.release = load_application(folder / "backend")
        self.engine = Engine(store, self.release, RunSettings(limits=limits), clock, SeededEntropy(1))
        self.held: list[ActionCall] = []
        self.hold_actions = False
        self.jobs = Jobs(self.engine, self._act, clock, limits)
        self.live = LiveQueries(self.engine, clock, limits)
        self.engine.start(self._post, self.live)

    def _post(self, function: Callable[..., object], *args: object) -> None:
        self._calls.put((function, args))

    def _act(self, call: ActionCall) -> None:
        if self.hold_actions:
            self.held.append(call)
        else:
            self.engine.act(call)

    def run_until(self, done: Callable[[], bool]) -> None:
        while not done():
            function, args = self._calls.get(timeout=20)
            function(*args)

    def turn(self) -> None:
        """Do what has been handed over, waiting for it if there is nothing."""
        with contextlib.suppress(queue.Empty):
            function, args = self._calls.get(timeout=1)
            while True:
                function(*args)
                function, args = self._calls.get_nowait()

    def begin(self) -> None:
        self.jobs.begin()
        self.run_until(lambda: self.jobs.ready)

    def settle(self) -> None:
        self.jobs.tick()
        self.run_until(lambda: self.jobs.idle)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    def call(self, path: str, **args: Any) -> Any:
        outcomes: list[Outcome] = []
        raw = msgspec.json.encode(args)
        kind = self.engine.release.registry.definitions[path].kind.decorator
        if kind == "query":
            self.live.fetch(path, raw, Caller(admin=True), lambda outcome, ts: outcomes.append(outcome))
        else:
            self.engine.mutate(
                MutationCall(path, raw, Caller(admin=True), lambda outcome, ts: outcomes.append(outcome))
            )
        self.run_until(lambda: bool(outcomes))
        [outcome] = outcomes
        assert isinstance(outcome, Success), outcome
        return msgspec.json.decode(outcome.value)

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("_system/jobs:list")
        return sorted(found, key=lambda job: job["_creationTime"])

    def reload(self, folder: Path) -> None:
        done: list[BaseException | None] = []
        self.engine.reload(load_application(folder / "backend"), done.append)
        self.run_until(lambda: bool(done))
        assert done == [None]
        self.run_until(lambda: self.jobs.ready)

    def end(self) -> None:
        self.jobs.stop()
        self.engine.stop()
        self.release.modules.close()


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.store = Store.memory(self.clock)

    @contextmanager
    def process(self, limits: Limits | None = None) -> Generator[Process]:
        process = Process(self.store, self.clock, self.folder, limits)
        process.begin()
        try:
            yield process
        finally:
            process.end()
