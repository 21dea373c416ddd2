"""The worker processes of `process=True`: warm, of the newest release, and each other's losses are not theirs.

A worker is forked from a server that has Syncline loaded and nothing else (no store is open in it), loads the
application, and then runs one action after the other. What goes wrong in one, a crash, `os._exit`, too much memory or
time, ends that process and the call that it was running; the next call gets another one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from typing import Final

from . import process_worker
from .process_messages import Answer, Ask, Broken, Done, Say, Setup, Work

_WAIT_SECONDS: Final = 5.0


class WorkerDied(Exception):
    """The process ended before its action did. Its text says how."""


class Worker:
    """One process. Used by one thread at a time; `kill` may be called from any."""

    def __init__(self, setup: Setup, release: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([process_worker.__name__])
        self.release = release
        self._pipe, theirs = context.Pipe()
        self._lifeline, their_lifeline = context.Pipe()
        self._process: ForkServerProcess = context.Process(
            target=process_worker.main, args=(theirs, their_lifeline), name="syncline-worker", daemon=True
        )
        self._process.start()
        theirs.close()
        their_lifeline.close()
        self._pipe.send(setup)
        self._ready = False

    def run(self, work: Work, ask: Callable[[Ask], Answer], say: Callable[[Say], None]) -> Done:
        """Run an action, answering what it asks. Raises WorkerDied."""
        try:
            if not self._ready:
                first = self._pipe.recv()
                if isinstance(first, Broken):
                    raise WorkerDied(f"the application did not load in a worker process:\n{first.text}")
                self._ready = True
            self._pipe.send(work)
            while True:
                message = self._pipe.recv()
                if isinstance(message, Done):
                    return message
                if isinstance(message, Say):
                    say(message)
                    continue
                assert isinstance(message, Ask)
                self._pipe.send(ask(message))
        except (EOFError, OSError):
            raise WorkerDied(self._how_it_ended()) from None

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        self._process.kill()

    def let_go(self) -> None:
        """End it when it has nothing to do."""
        for pipe in (self._pipe, self._lifeline):
            pipe.close()
        self._process.join(0)

    def _how_it_ended(self) -> str:
        self._process.join(_WAIT_SECONDS)
        code = self._process.exitcode
        if code is None:
            return "its process no longer answers"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"its process was ended by {name}"
        return f"its process ended itself with exit code {code}"


class Workers:
    """The idle workers of one engine. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._closed = False

    def take(self, setup: Setup, release: int) -> Worker:
        """A worker with the code of `release`; a new one if none is idle."""
        old: list[Worker] = []
        found: Worker | None = None
        with self._lock:
            while self._idle and found is None:
                worker = self._idle.pop()
                if worker.release == release:
                    found = worker
                else:
                    old.append(worker)
        for worker in old:
            worker.let_go()
        return found or Worker(setup, release)

    def give_back(self, worker: Worker) -> None:
        """It can be used again."""
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
                return
        worker.let_go()

    def warm(self, setup: Setup, release: int) -> None:
        """Have one ready before it is wanted, and let go of those with older code."""
        self.give_back(self.take(setup, release))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.let_go()


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
