"""The other side of `process=True`: a process that loads the application and runs one action at a time."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import traceback
from datetime import datetime
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any

from syncline.files import FilePlace, FileService
from syncline.kernel.clock import SystemClock
from syncline.kernel.errors import ResultError, SynclineError
from syncline.kernel.limits import Limits
from syncline.schema import TableNumbers

from .action_run import ActionRun
from .contexts import SyncActionCtx, utc
from .current import acting
from .definitions import FunctionDefinition
from .loader import load_application
from .process_messages import Answer, Ask, Broken, Done, Say, Setup, Work, packed, unpacked
from .progress import checked
from .registry import Registry
from .run import Run, RunSettings
from .system import system_definitions
from .variables import Environment

_PR_SET_PDEATHSIG = 1


def main(pipe: Connection, lifeline: Connection) -> None:
    """Entry of the process. Ends when the server lets go of the pipe, or of the lifeline."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the server to deal with.
    threading.Thread(target=_die_with_the_server, args=(lifeline,), daemon=True).start()
    _be_killed_with_the_server()
    try:
        setup = pipe.recv()
        registry = _load(setup)
        if registry is None:
            pipe.send(Broken(traceback.format_exc()))
            return
        pipe.send(None)
        while (work := pipe.recv()) is not None:
            pipe.send(_run(work, registry, setup, pipe))
    except (EOFError, OSError):
        return


def _be_killed_with_the_server() -> None:
    """For code that never lets go of the interpreter: the thread with the lifeline does not run then (Linux)."""
    server: Any = getattr(forkserver, "_forkserver")  # noqa: B009 - the checkers do not know it, and there is no other way
    alive = getattr(server, "_forkserver_alive_fd", None)
    if alive is not None:
        # Held by each process of the pool, it would keep the fork server waiting for the last of them.
        server._forkserver_alive_fd = None
        os.close(alive)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _die_with_the_server(lifeline: Connection) -> None:
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


def _load(setup: Setup) -> Registry | None:
    if setup.limits.process_memory_bytes:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (setup.limits.process_memory_bytes, hard))
    try:
        release = load_application(setup.folder)
        return release.registry.plus(system_definitions()).bind(
            TableNumbers(dict(setup.tables)), setup.limits
        )
    except Exception:
        return None


class RemoteRun(ActionRun):
    """One run of an action in this process: what it calls is run by the server."""

    def __init__(
        self, definition: FunctionDefinition, work: Work, settings: RunSettings, remote: _Remote
    ) -> None:
        Run.__init__(self, definition, work.caller, settings, work.request_id)
        self.seed = work.seed
        self._remote = remote
        self.job = work.job
        self._clock = SystemClock()
        self._began = self._clock.monotonic(), work.now_ns

    def _environment(self) -> Environment:
        return Environment(self.settings.env)

    def now(self) -> datetime:
        began, now_ns = self._began
        return utc(now_ns + int((self._clock.monotonic() - began) * 1e9))

    def call_and_wait(self, definition: FunctionDefinition, values: dict[str, object]) -> object:
        arguments = definition.arguments
        raw = self._remote.ask(Ask(definition.path, arguments.encode(arguments.check(values))))
        return definition.result.decode(raw)

    def progress(self, fraction: float, note: str, key: str | None) -> None:
        self._remote.tell(Say(*checked(fraction, note), key))

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def _system(self, path: str) -> FunctionDefinition:
        return self._remote.registry.definitions[path]


class _Remote:
    """The server, as an action sees it. Threads of the action take turns."""

    def __init__(self, pipe: Connection, registry: Registry) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self.registry = registry

    def tell(self, said: Say) -> None:
        with self._lock:
            self._pipe.send(said)

    def ask(self, question: Ask) -> bytes:
        with self._lock:
            self._pipe.send(question)
            answer = self._pipe.recv()
        assert isinstance(answer, Answer)
        if answer.value is None:
            raise unpacked(answer.error)
        return answer.value


@cache
def _service(place: FilePlace, limits: Limits) -> FileService:
    return FileService(place, limits)


def _run(work: Work, registry: Registry, setup: Setup, pipe: Connection) -> Done:
    definition = registry.definitions[work.path]
    os.environ.update(work.env)
    files = None if setup.files is None else _service(setup.files, setup.limits)
    settings = RunSettings(limits=setup.limits, env=work.env, redact=setup.redact, files=files)
    run = RemoteRun(definition, work, settings, _Remote(pipe, registry))
    token = acting.set(run)
    try:
        kwargs = definition.arguments.decode(work.args)
    except SynclineError as error:
        acting.reset(token)
        return Done(None, (), packed(error), raised_by_function=False)
    try:
        value = definition.result.encode(definition.fn(SyncActionCtx(run), **kwargs))
        return Done(value, tuple(run.log_lines()))
    except BaseException as error:
        return Done(
            None,
            tuple(run.log_lines()),
            packed(error),
            raised_by_function=not isinstance(error, ResultError),
            traceback=traceback.format_exc(),
        )
    finally:
        acting.reset(token)
