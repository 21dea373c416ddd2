"""A real server, started as its users start it, on a core of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import httpx

APPLICATION = Path(__file__).resolve().parent / "app" / "backend"
SERVER_CORE, LOAD_CORE = 0, 1
READY_SECONDS = 120.0


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """`command` bound to one core, where there are two to share."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return list(command)
    return ["taskset", "--cpu-list", str(core), *command]


class Server:
    """`syncline start` (or `dev`) with the benchmark application; a context manager.

    `seconds_to_ready` is the time from starting the process to the first 200 of `/readyz`.
    """

    def __init__(
        self, data: Path, *, backend: Path = APPLICATION, mode: str = "start", site: Path | None = None
    ) -> None:
        self.data = data
        self.site = site
        self.backend = backend
        self.mode = mode
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=60)
        self.seconds_to_ready = 0.0
        self._log = data.parent / f"{data.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        syncline = str(Path(sys.executable).parent / "syncline")
        command = [syncline, self.mode, "--backend", str(self.backend), "--data", str(self.data)]
        command += [] if self.site is None else ["--site", str(self.site)]
        started = time.perf_counter()
        with self._log.open("wb") as log:
            # Nobody is written to; a sign-in would not start without saying so.
            self._process = subprocess.Popen(
                pinned(SERVER_CORE, [*command, "--port", str(self.port)]),
                stdout=log,
                stderr=log,
                env={**os.environ, "SYNCLINE_MAIL_URL": "none"},
            )
        self._wait_until_ready(self._process)
        self.seconds_to_ready = time.perf_counter() - started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            if error is None:
                raise RuntimeError(f"the server did not stop within 30 s of SIGTERM\n{self.log()}") from None

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def pids(self) -> list[int]:
        """The server's processes: the supervisor and what it started."""
        assert self._process is not None
        found, waiting = list[int](), [self._process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        return found

    def memory_bytes(self) -> int:
        """Proportional memory of all processes: what they share is counted once."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def cpu_seconds(self) -> float:
        """CPU time of all processes so far, user and system."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def call(self, kind: str, path: str, **args: object) -> object:
        """The value of a function, over HTTP; `kind` is "query" or "mutation"."""
        response = self.http.post(f"/api/{kind}", json={"path": path, "args": args, "format": "json"})
        answer: dict[str, object] = response.raise_for_status().json()
        if answer["status"] != "success":
            raise RuntimeError(f"{path}: {answer['errorMessage']}")
        return answer["value"]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        limit = time.perf_counter() + READY_SECONDS
        while time.perf_counter() < limit:
            if process.poll() is not None:
                raise RuntimeError(f"the server stopped with exit code {process.returncode}\n{self.log()}")
            try:
                if self.http.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.002)
        process.kill()
        process.wait()
        raise RuntimeError(f"the server was not ready within {READY_SECONDS:.0f} s\n{self.log()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
