"""Documentation as a test: what a page's code blocks say, and doing it.

A block's first line says what it is:

    ```python title=backend/schema.py    a file of the page's application: written, then type-checked
    ```python add=backend/schema.py      more of that file
    ```python                            a script: run in the page's folder, and type-checked
    ```console                           a session: `$ command`, then what it prints
    ```console fails                     a session whose last command is refused (exit code 1)

Other languages (text, json, tsx, ...) are shown only; with `title=` they are written too. Blocks are done in
the order of the page, in one folder. In a session, `...` on a line of its own stands for any lines, and
inside a line for any text; times, durations, sizes, ids and port numbers match whatever they are.
`syncline dev`, `start` and `watch` go on in the background until the page ends.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORT_IN_PAGES = "3210"
SECONDS = 30.0

#: They prepare a machine; the Makefile and CI do them all the time.
SETUP = (
    "git clone",
    "cd syncline",
    "python3 -m venv",
    ". .venv/bin/activate",
    "pip install",
    "make ",
    "npm ",
)
ENDLESS = re.compile(r"^syncline (dev|start|watch)\b|^curl -\w*N\b")

VARYING = [
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?"), "<date>"),
    (re.compile(r"\b\d[\d,.]* ?(us|ms|s|KB|KiB|MB|MiB)\b"), r"<\1>"),
    (re.compile(r"\b(?=[0-9a-z]*\d)[0-9a-z]{31,37}\b"), "<id>"),
    (re.compile(r"\b\d{13,19}(\.\d+)?\b"), "<timestamp>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<request>"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), r"\1:<port>"),
]
SPACES = re.compile(r" {2,}")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    options: dict[str, str]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    blocks = list[Block]()
    lines = iter(enumerate(page.read_text().splitlines(), 1))
    for number, line in lines:
        if not line.startswith("```"):
            continue
        language, *words = line[3:].split() or [""]
        options = {name: value for name, _, value in (word.partition("=") for word in words)}
        body = list[str]()
        for _, inner in lines:
            if inner.startswith("```"):
                break
            body.append(inner)
        else:
            raise ValueError(f"{page}:{number}: the block does not end")
        blocks.append(Block(page, number, language, options, "".join(f"{inner}\n" for inner in body)))
    return blocks


@dataclass(frozen=True)
class Command:
    text: str
    expected: list[str]


def commands_of(session: str) -> Iterator[Command]:
    """The commands of a session, each with the lines that follow it."""
    current: Command | None = None
    for line in session.splitlines():
        if line.startswith("$ "):
            if current:
                yield current
            current = Command(line[2:], [])
        elif current is None:
            raise ValueError(f"a session begins with `$ `, not {line!r}")
        elif current.text.endswith("\\"):
            current = Command(current.text[:-1] + line.strip(), [])
        else:
            current.expected.append(line)
    if current:
        yield current


def without_variations(line: str, port: int) -> str:
    line = line.rstrip().replace(f":{port}", f":{PORT_IN_PAGES}")
    for pattern, replacement in VARYING:
        line = pattern.sub(replacement, line)
    return SPACES.sub(" ", line)  # columns move with what stands in them


def matches(expected: list[str], printed: str, port: int) -> bool:
    """Whether the output is what the page shows. Nothing shown means that anything may be printed."""
    if not expected:
        return True
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            parts = [re.escape(part) for part in without_variations(line, port).split("...")]
            pattern += ".*?".join(parts) + r"\n"
    text = "".join(f"{without_variations(line, port)}\n" for line in printed.splitlines())
    return re.fullmatch(pattern, text) is not None


class Reader:
    """Does what a page says, as a careful reader would; a context manager that stops what was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = folder
        self.port = _free_port()
        self.scripts = 0
        self._running = list[tuple[subprocess.Popen[bytes], Path]]()
        # A page's tests are a run of pytest of their own.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._environment = inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SYNCLINE_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            "COLUMNS": "120",
        }

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        for process, _log in self._running:
            process.send_signal(signal.SIGINT)
        for process, _log in self._running:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def do(self, block: Block) -> None:
        target = block.options.get("title") or block.options.get("add")
        if target:
            self._write(self.directory / target, block.text, more="add" in block.options)
        elif block.language == "python":
            self._script(block)
        elif block.language == "console":
            commands = list(commands_of(block.text))
            for command in commands:
                self._command(block, command, fails="fails" in block.options and command is commands[-1])

    def _write(self, file: Path, text: str, *, more: bool) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text() + "\n\n" if more else ""
        file.write_text(before + self._with_port(text))

    def _script(self, block: Block) -> None:
        self.scripts += 1
        file = self.directory / f"script_{self.scripts}.py"
        file.write_text(self._with_port(block.text))
        done = self._run([sys.executable, str(file)])
        assert done.returncode == 0, f"{block}: the script failed\n{done.stdout}"

    def _command(self, block: Block, command: Command, *, fails: bool) -> None:
        text = self._with_port(command.text)
        if text.startswith(SETUP):
            return
        if text.startswith("cd "):
            self.directory = (self.directory / text[3:].strip()).resolve()
            assert self.directory.is_dir(), f"{block}: there is no folder {text[3:]}"
        elif ENDLESS.match(text):
            self._start(block, command, text)
        else:
            done = self._run(["bash", "-c", text])
            assert done.returncode == (1 if fails else 0), (
                f"{block}: exit code {done.returncode}\n{done.stdout}"
            )
            assert matches(command.expected, done.stdout, self.port), (
                f"{block}: {command.text}\nthe page shows\n"
                + "\n".join(command.expected)
                + f"\nit prints\n{done.stdout}"
            )

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def _start(self, block: Block, command: Command, text: str) -> None:
        """Start a command that does not end; return when it has printed what the page shows."""
        log = self.folder / f"background-{len(self._running)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                shlex.split(text), cwd=self.directory, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._running.append((process, log))
        expected = [line for line in command.expected if line.strip() != "^C"]
        limit = time.monotonic() + SECONDS
        while not matches([*expected, "..."], log.read_text(), self.port):
            assert process.poll() is None, f"{block}: {text} ended\n{log.read_text()}"
            assert time.monotonic() < limit, (
                f"{block}: the page shows\n"
                + "\n".join(expected)
                + (f"\nwithin {SECONDS:.0f} s {text} printed\n{log.read_text()}")
            )
            time.sleep(0.05)

    def _with_port(self, text: str) -> str:
        return text.replace(f":{PORT_IN_PAGES}", f":{self.port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
