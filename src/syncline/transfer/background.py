"""Work of a running server that takes long: on threads of its own, recorded by mutations."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeAlias

import msgspec

from syncline.functions import Failure, MutationCall, Outcome
from syncline.kernel.errors import SynclineError
from syncline.kernel.identity import Caller
from syncline.values import Value, decode_json

logger = logging.getLogger("syncline.transfer")

Job: TypeAlias = Callable[[], None]

_ADMIN = Caller(admin=True)
_LOOK_SECONDS = 0.2


class Stopped(Exception):
    """The server stops."""


class RecordError(SynclineError):
    """A record could not be written."""

    code = "record_failed"


class Mutator(Protocol):
    """The part of the engine that records need."""

    def mutate(self, call: MutationCall) -> None: ...


class Worker:
    """One thread that does one thing after another. A thing that fails is logged, and the next one begins."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self.stopping = False

    def submit(self, job: Job) -> None:
        """Queue something. The thread is started for the first one."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name=f"syncline-{self._name}", daemon=True)
            self._thread.start()
        self._queue.put(job)

    def stop(self) -> None:
        """Begin nothing new, and wait for what is under way to notice."""
        self.stopping = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def check(self) -> None:
        """For long work, often: raises Stopped when it should end."""
        if self.stopping:
            raise Stopped

    def wait_for(self, answers: SimpleQueue[Any]) -> Any:
        """The next answer from another thread. Raises Stopped."""
        while True:
            try:
                return answers.get(timeout=_LOOK_SECONDS)
            except Empty:
                self.check()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if self.stopping:
                continue
            try:
                job()
            except Stopped:
                pass
            except Exception:
                logger.exception("the thread %s failed at a job", self._name)


class Records:
    """Calls Syncline's own mutations."""

    def __init__(self, engine: Mutator) -> None:
        self._engine = engine

    def send(self, name: str, args: dict[str, object], done: Callable[[Outcome], None]) -> None:
        """`done` is called on the event loop's thread. Raises OverloadedError."""
        raw = msgspec.json.encode(args)
        path = f"_system/transfers:{name}"
        self._engine.mutate(MutationCall(path, raw, _ADMIN, lambda outcome, ts: done(outcome)))

    def call(self, worker: Worker, name: str, args: dict[str, object]) -> Value:
        """The result, waited for on a worker's thread. Raises RecordError and Stopped."""
        answers: SimpleQueue[Outcome] = SimpleQueue()
        self.send(name, args, answers.put)
        return value_of(worker.wait_for(answers))


def value_of(outcome: Outcome) -> Value:
    """What a mutation returned. Raises RecordError."""
    if isinstance(outcome, Failure):
        raise RecordError(outcome.error.message)
    return decode_json(outcome.value)
