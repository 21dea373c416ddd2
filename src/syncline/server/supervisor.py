"""The supervisor: a small process that keeps a serving process alive.

Python code that keeps the interpreter lock, in C, cannot be interrupted from inside its process: neither a time
limit nor a signal handler gets a turn. So another process watches the heartbeat in shared memory, ends one that is
stuck, and says which function it was. The transaction was never committed, so nothing is lost and nothing replayed.

The listening socket belongs to the supervisor: while a process is replaced, connections queue instead of being
refused. This module imports next to nothing, so that it costs next to nothing.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from syncline.kernel.errors import SetupError
from syncline.kernel.heartbeat import Heartbeat

from .console import Console, duration
from .listening import listen, listen_for_administrators, stop_listening
from .orders import ORDERS, Orders
from .settings import Mode, Settings

#: Seconds without a beat after which a process that runs a function is stuck. It beats four times a second.
_SILENCE = 1.0
#: And one that runs none: something of ours, or of the machine's, holds it up.
_IDLE_SILENCE = 15.0
_LOOK_SECONDS = 0.1
#: So many processes in a row that end before they serve are enough.
_FAILED_STARTS = 5
#: A process that ends sooner than this is replaced after a pause, which grows while that goes on.
_EARLY_SECONDS = 3.0
_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 2.0
#: Seconds for a process to stop by itself: it waits for calls under way, then for clients.
_STOP_SECONDS = 20.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Supervisor:
    """Runs serving processes, one after the other, until it is told to stop."""

    def __init__(self, settings: Settings, mode: Mode, console: Console, command: list[str]) -> None:
        self._settings = settings
        self._mode = mode
        self._console = console
        self._command = command
        self._listener = listen(settings.host, settings.port)
        bind = settings.admin_bind
        try:
            self._admin_listener = None if bind is None else listen_for_administrators(bind)
        except SetupError:
            self._listener.close()
            raise
        # With port 0 the machine chose one, which the address of the server depends on.
        self._settings = replace(settings, port=self._listener.getsockname()[1])
        # The child reads the one pipe until we end, and writes to the other when it serves.
        self._lifeline, self._lifeline_end = os.pipe()
        self._ready, self._ready_end = os.pipe()
        with tempfile.NamedTemporaryFile(prefix="syncline-heartbeat-", delete=False) as file:
            self._heartbeat_path = Path(file.name)
        self._heartbeat = Heartbeat.create(self._heartbeat_path)
        self._child: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        #: When a process that is to be replaced gets its successor. None: one is running.
        self._restart_at: float | None = None
        #: A process of ours has answered requests; the present one has.
        self._served = False
        self._serves = False
        #: Ends in a row: before the process served, and soon after it began to.
        self._failed_starts = 0
        self._early_ends = 0
        #: When the first signal to stop came. None: it did not.
        self._stopping: float | None = None

    def run(self) -> int:
        """Supervise. Returns the exit code: 0 after a stop, the child's own if it never came to serve."""
        wakeup, wakeup_end = os.pipe()
        os.set_blocking(wakeup_end, False)
        old = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        old_wakeup = signal.set_wakeup_fd(wakeup_end)
        try:
            self._start(again=False)
            while True:
                readable, _, _ = select.select([wakeup, self._ready], [], [], _LOOK_SECONDS)
                for descriptor in readable:
                    os.read(descriptor, 512)
                if self._ready in readable:
                    self._served = self._serves = True
                code = self._look(time.monotonic())
                if code is not None:
                    return code
        finally:
            signal.set_wakeup_fd(old_wakeup)
            for number, handler in old.items():
                signal.signal(number, handler)
            self._kill()
            pipes = (self._lifeline, self._lifeline_end, self._ready, self._ready_end)
            for descriptor in (wakeup, wakeup_end, *pipes):
                os.close(descriptor)
            self._listener.close()
            if self._admin_listener is not None:
                stop_listening(self._admin_listener)
            self._heartbeat.close()
            self._heartbeat_path.unlink(missing_ok=True)

    def _start(self, *, again: bool) -> None:
        orders = Orders(
            settings=self._settings,
            mode=self._mode,
            listener=self._listener.fileno(),
            admin_listener=None if self._admin_listener is None else self._admin_listener.fileno(),
            lifeline=self._lifeline,
            ready=self._ready_end,
            heartbeat=self._heartbeat_path,
            command=self._command,
            again=again,
        )
        self._heartbeat.reset()
        self._restart_at = None
        self._serves = False
        self._started = time.monotonic()
        descriptors = [orders.listener, orders.lifeline, orders.ready]
        if orders.admin_listener is not None:
            descriptors.append(orders.admin_listener)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "syncline.server"],
            env={**os.environ, ORDERS: orders.to_json()},
            pass_fds=descriptors,
            # A group of its own: Ctrl-C reaches the supervisor alone, which passes it on once.
            process_group=0,
        )

    def _look(self, now: float) -> int | None:
        """Do what is to be done now. The exit code when everything is over."""
        assert self._child is not None
        if self._restart_at is not None:
            if self._stopping is not None:
                return 0
            if now >= self._restart_at:
                self._start(again=True)
            return None
        code = self._child.poll()
        if self._stopping is not None:
            return self._stop(code, now - self._stopping)
        if code is not None:
            return self._died(code, now)
        return self._check_heartbeat(now)

    def _stop(self, code: int | None, seconds: float) -> int | None:
        if code is None and seconds < _STOP_SECONDS:
            return None
        if code is None:
            self._report("stop", "", f"the process did not stop within {_STOP_SECONDS:.0f} s and was killed")
        return 0

    def _check_heartbeat(self, now: float) -> int | None:
        pulse = self._heartbeat.read()
        stuck = pulse.stuck(now, silence=_SILENCE)
        if stuck is not None:
            self._kill()
            held, limit = duration(now - stuck.started), duration(stuck.deadline - stuck.started)
            text = f"ran for {held} (its limit is {limit}) and could not be interrupted"
            return self._replace("stuck", stuck.path, text, now)
        if pulse.silent(now, _IDLE_SILENCE):
            self._kill()
            return self._replace("stuck", "", f"no sign of life for {duration(_IDLE_SILENCE)}", now)
        return None

    def _died(self, code: int, now: float) -> int | None:
        """The process ended although nobody asked it to."""
        if not self._served and code >= 0:
            return code  # It has said why.
        running = max(self._heartbeat.read().running, key=lambda item: item.started, default=None)
        return self._replace("died", "" if running is None else running.path, _describe(code), now)

    def _replace(self, kind: str, function: str, text: str, now: float) -> int | None:
        """Have a new process started, unless that is hopeless: then the exit code."""
        if not self._served:
            self._report(kind, function, text)
            return 3
        self._failed_starts = 0 if self._serves else self._failed_starts + 1
        self._early_ends = self._early_ends + 1 if now - self._started < _EARLY_SECONDS else 0
        if self._failed_starts >= _FAILED_STARTS:
            self._report(kind, function, text)
            self._report(
                "stop", "", f"{_FAILED_STARTS} processes in a row ended before they could serve; giving up"
            )
            return 3
        self._report(kind, function, f"{text}; the process is replaced")
        # The first time at once. A query that kills its process comes back with the clients that watch it.
        self._restart_at = now + min(_LONGEST_PAUSE_SECONDS, _PAUSE_SECONDS * max(0, self._early_ends - 1))
        return None

    def _report(self, kind: str, function: str, text: str) -> None:
        self._console.event(kind, function, None, text, bad=True)

    def _on_signal(self, number: int, frame: object) -> None:
        if number == signal.SIGCHLD or self._child is None:
            return
        if self._stopping is None:
            self._stopping = time.monotonic()
            self._child.send_signal(signal.SIGTERM)
        elif time.monotonic() - self._stopping > 0.3:
            # Asked again: at once. (A terminal may deliver one Ctrl-C twice.)
            self._child.kill()

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()


def _describe(code: int) -> str:
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was ended by {name}" + (" (out of memory?)" if -code == signal.SIGKILL else "")


def supervise(settings: Settings, mode: Mode, command: list[str], environment: Mapping[str, str]) -> int:
    """Serve an application under supervision. Returns the exit code. Raises SetupError before anything ran."""
    return Supervisor(settings, mode, Console(environment=environment), command).run()
