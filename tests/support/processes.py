"""Servers as users start them: the command `syncline` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

SYNCLINE = str(Path(sys.executable).parent / "syncline")
_SECONDS = 60


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without settings of Syncline, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCLINE_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


def syncline(
    *arguments: str, folder: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`."""
    return subprocess.run(
        [SYNCLINE, *arguments],
        cwd=folder,
        env=environment(**(variables or {})),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


class ServerProcess:
    """`syncline dev` or `syncline start`. `output` is all that it has printed."""

    def __init__(self, folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [SYNCLINE, *arguments],
            cwd=folder,
            env=environment(**(variables or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.output += line
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        found = re.search(r"API\s+(http://\S+)", self.wait_for("API  "))
        assert found is not None, self.output
        return found[1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def wait_for(self, text: str, *, times: int = 1) -> str:
        """The output, once `text` is in it so many times."""
        return self.wait_until(lambda output: output.count(text) >= times, text)

    def wait_until(self, seen: Callable[[str], bool], what: str) -> str:
        with self._changed:
            found = self._changed.wait_for(
                lambda: seen(self.output) or not self._reader.is_alive() or self._process.poll() is not None,
                _SECONDS,
            )
            assert found and seen(self.output), f"{what!r} did not come:\n{self.output}"
            return self.output

    def children(self) -> list[int]:
        """The processes that serve."""
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        code = self._process.wait(_SECONDS)
        self._reader.join(_SECONDS)
        return code

    def kill(self) -> None:
        for child in self.children() if self._process.poll() is None else []:
            os.kill(child, signal.SIGKILL)
        self._process.kill()
        self.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self.wait()
        finally:
            if self._process.poll() is None:
                self.kill()
            assert self._process.stdout is not None
            self._process.stdout.close()


@contextmanager
def serving(
    folder: Path, command: str = "dev", *arguments: str, variables: Mapping[str, str] | None = None
) -> Generator[ServerProcess, None, None]:
    """A server with the application in `folder`, ready, on a free port."""
    server = ServerProcess(folder, command, "--port", "0", *arguments, variables=variables)
    try:
        server.wait_for("ready")
        yield server
    finally:
        server.close()


def columns(output: str) -> Iterator[tuple[str, str]]:
    """(kind, the rest with single spaces) of each event in the output of a server."""
    for line in output.splitlines():
        found = re.fullmatch(r"  \d\d:\d\d:\d\d  (\S+)\s*(.*)", line)
        if found is not None:
            yield found[1], re.sub(r"\s+", " ", found[2]).strip()


def call(url: str, kind: str, path: str, **args: object) -> object:
    """The answer of a function over HTTP."""
    answer = httpx.post(f"{url}/api/{kind}", json={"path": path, "args": args}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()
