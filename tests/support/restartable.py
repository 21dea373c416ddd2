"""`syncline start` as a process of its own, that can be killed at any moment and started again on its data."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx

from .processes import SYNCLINE, environment

ADMIN_KEY = "test|4b1d9e72a06f83c5d8127e4f90ab63ce"

_START_SECONDS = 60.0


class RestartableServer:
    """A supervisor with its serving process, on a port and data that stay the same."""

    def __init__(
        self,
        backend: Path,
        folder: Path,
        *,
        mode: str = "start",
        limits: Mapping[str, float] | None = None,
        site: Path | None = None,
    ) -> None:
        """Data and output are in `folder`."""
        self.data = folder / "data"
        self.port = _free_port()
        self.kills = 0
        self._folder = folder
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        settings = ["[tool.syncline]", f"backend = {json.dumps(str(backend))}"]
        if site is not None:
            settings.append(f"site = {json.dumps(str(site))}")
        settings.append("[tool.syncline.limits]")
        settings += [f"{name} = {value}" for name, value in (limits or {}).items()]
        (folder / "pyproject.toml").write_text("\n".join(settings) + "\n")
        self._command = [SYNCLINE, mode, "--port", str(self.port), "--data", str(self.data)]

    def __enter__(self) -> RestartableServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=environment(SYNCLINE_ADMIN_KEY=ADMIN_KEY),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while not self.answers():
            assert self._process is not None and self._process.poll() is None, self._log_end()
            assert time.monotonic() < end, f"it does not answer:\n{self._log_end()}"
            time.sleep(0.02)

    def answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def memory(self) -> int:
        """Bytes that the serving process holds, without files that are mapped (Linux)."""
        (serving,) = self._children()
        status = Path(f"/proc/{serving}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) * 1024

    def ask(self, kind: str, path: str, **args: object) -> Any:
        """The value of a function, asked until it answers: for calls that may be repeated."""
        for _ in range(600):
            with suppress(httpx.HTTPError, ValueError, KeyError):
                url = f"http://127.0.0.1:{self.port}/api/{kind}"
                return httpx.post(url, json={"path": path, "args": args}, timeout=20).json()["value"]
            time.sleep(0.05)
        raise AssertionError(f"{path} is not answered:\n{self.log[-2000:]}")

    def states_in_the_end(self, path: str, *unfinished: str) -> dict[str, int]:
        """What a query of counts by state gives once none is in a state of `unfinished`; or what it gives after a while."""
        states: dict[str, int] = {}
        for _ in range(600):
            states = self.ask("query", path)
            if not any(states.get(state) for state in unfinished):
                break
            time.sleep(0.05)
        return states

    def kill_serving_process(self) -> None:
        """kill -9 the process that serves, or is about to. The supervisor starts another one."""
        for child in self._children():
            self.kills += 1
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def kill(self) -> None:
        """kill -9 the supervisor and the process that serves."""
        assert self._process is not None
        children = self._children()
        self._process.kill()
        self.kills += 1
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._process.wait()
        for child in children:
            _wait_until_gone(child)

    def stop(self) -> None:
        """Stop gracefully. It must end with exit code 0."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            code = process.wait(40)
        except subprocess.TimeoutExpired:
            self._process = process
            self.kill()
            raise AssertionError(f"it does not stop:\n{self._log_end()}") from None
        assert code == 0, self._log_end()

    def _log_end(self) -> str:
        return self.log[-2_000:]

    def _children(self) -> list[int]:
        """The processes that the supervisor has started and that live (Linux)."""
        assert self._process is not None
        found: list[int] = []
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
        return found


def _wait_until_gone(process: int) -> None:
    """Somebody else's child, whose port is taken until then (Linux)."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process)
        try:
            select.select([descriptor], [], [], _START_SECONDS)
        finally:
            os.close(descriptor)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
