"""What a person reads while a server runs: one line per event, in columns.

    14:02:38  mutation  messages:send              4 ms  1 document written, 2 live queries rerun

Colour only on a terminal, and never when NO_COLOR is set.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TextIO

#: Documents from which on building an index and checking a schema takes long enough to be told about.
WORTH_TELLING = 5_000

_INDENT = " " * 12
_STYLES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Console:
    """Writes events to one stream, each whole and at once, whoever reads it."""

    def __init__(self, stream: TextIO | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        environment = os.environ if environment is None else environment
        self._colour = self._stream.isatty() and not environment.get("NO_COLOR")

    def styled(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._colour else text

    def write(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Whoever read this is gone. The server is not there for its log.
            pass

    def event(
        self,
        kind: str,
        subject: str = "",
        seconds: float | None = None,
        detail: str = "",
        *,
        bad: bool = False,
        moment: float | None = None,
    ) -> None:
        """One line. `seconds` is how long it took, `moment` when it was (since the epoch): now unless said."""
        clock = self.styled(time.strftime("%H:%M:%S", time.localtime(moment)), "dim")
        took = "" if seconds is None else duration(seconds)
        kind = self.styled(f"{kind:<8}", "red" if bad else "cyan")
        self.write(f"  {clock}  {kind}  {subject:<24} {took:>8}  {detail}".rstrip())

    def details(self, lines: Iterable[str]) -> None:
        """Lines that belong to the event before them."""
        for line in lines:
            for part in line.splitlines() or [""]:
                self.write(f"{_INDENT}{self.styled(part, 'dim')}")

    def banner(self, title: str, facts: Iterable[tuple[str, str]]) -> None:
        """Title and addresses, once at the start."""
        rows = list(facts)
        width = max((len(name) for name, _ in rows), default=0)
        self.write(f"\n  {self.styled(title, 'bold')}\n")
        for number, (name, value) in enumerate(rows):
            corner = "└─" if number == len(rows) - 1 else "├─"
            self.write(f"  {self.styled(corner, 'dim')} {name:<{width}}  {value}")
        self.write("")


def duration(seconds: float) -> str:
    """`0.4 ms`, `12 ms`, `1.3 s`."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def size(count: int) -> str:
    """`812 B`, `12 KB`, `3.4 MB`, as people say it (1 KB = 1000 B)."""
    if count < 1000:
        return f"{count} B"
    number, unit = count / 1000, "KB"
    for larger in ("MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 table`, `2 tables`, `2 live queries`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


class LogHandler(logging.Handler):
    """Records of Python's logging as events of the console."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            first, *rest = self._formatter.format(record).splitlines() or [""]
            self._console.event(
                record.levelname.lower(), record.name, None, first, bad=record.levelno >= logging.ERROR
            )
            self._console.details(rest)
        except Exception:
            self.handleError(record)
