"""Log lines of a run, in the form in which clients print them: `[LEVEL] text`, strings quoted."""

from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import msgspec

from syncline.kernel.limits import Limits

from .current import current_run

if TYPE_CHECKING:
    from .run import Run

EMPTY: Final = b"[]"
_CUT: Final = " (truncated due to length)"
_encode: Final = msgspec.json.Encoder().encode


class LogLines:
    """The lines of one run, within limits."""

    __slots__ = ("_limits", "_open", "lines")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open = ""
        self.lines: list[str] = []

    def add(self, level: str, *values: object, sep: str = " ") -> None:
        """A line of `values` as Python shows them."""
        # Before anything is formatted: a loop that logs must not pay for lines that nobody will see.
        if len(self.lines) < self._limits.log_lines:
            self.add_text(level, sep.join(map(repr, values)))
        else:
            self._overflow()

    def add_text(self, level: str, text: str) -> None:
        """A line with `text` as it is."""
        if len(self.lines) >= self._limits.log_lines:
            self._overflow()
            return
        line = f"[{level}] {text}"
        limit = self._limits.log_line_bytes
        if len(line) * 4 > limit and len(line.encode(errors="replace")) > limit:
            kept = line.encode(errors="replace")[: limit - len(_CUT)].decode(errors="ignore")
            line = kept + _CUT
        self.lines.append(line)

    def write(self, text: str) -> None:
        """Text on its way to standard output; every full line becomes a log line."""
        *lines, rest = (self._open + text).split("\n")
        for line in lines:
            self.add("LOG", line)
        self._open = rest[: self._limits.log_line_bytes]

    def close(self) -> list[str]:
        """All lines, with what was written and not ended."""
        if self._open:
            self.write("\n")
        return self.lines

    def _overflow(self) -> None:
        limit = self._limits.log_lines
        if len(self.lines) == limit:
            self.lines.append(f"[WARN] more than {limit} log lines: the rest was left out")


def encode_lines(lines: list[str]) -> bytes:
    """The lines as a JSON array."""
    try:
        return _encode(lines)
    except UnicodeEncodeError:  # A lone surrogate from some __repr__.
        return _encode([line.encode(errors="backslashreplace").decode() for line in lines])


class Log:
    """`ctx.log`: lines that travel to the client in development, and to the server's log."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def debug(self, *values: object) -> None:
        self._run.logs.add("DEBUG", *values)

    def info(self, *values: object) -> None:
        self._run.logs.add("INFO", *values)

    def warning(self, *values: object) -> None:
        self._run.logs.add("WARN", *values)

    def error(self, *values: object) -> None:
        self._run.logs.add("ERROR", *values)


# Capture of print, standard output and logging. Installed once; a thread that runs no function is not affected.

_print: Final = builtins.print
_call_handlers: Final = logging.Logger.callHandlers
_LEVELS: Final = ((logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"))


def _captured_print(
    *values: object, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    run = current_run()
    if run is None or (file is not None and file is not sys.stdout):
        _print(*values, sep=sep, end=end, file=file, flush=flush)
    elif end == "\n":
        run.logs.add("LOG", *values, sep=" " if sep is None else sep)
    else:
        run.logs.write((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))


_captured_print.__name__ = _captured_print.__qualname__ = "print"


def _captured_record(self: logging.Logger, record: logging.LogRecord) -> None:
    run = current_run()
    if run is None:
        _call_handlers(self, record)
        return
    level = next((name for number, name in _LEVELS if record.levelno >= number), "DEBUG")
    text = repr(record.getMessage())
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    run.logs.add_text(level, text)
    # The last resort would print to standard error what has just been captured.
    if self.hasHandlers():
        _call_handlers(self, record)


class CapturedOutput:
    """Stands for standard output: text from a running function becomes its log lines, all else passes."""

    def __init__(self, target: TextIO) -> None:
        self.target = target

    def write(self, text: str) -> int:
        run = current_run()
        if run is None:
            return self.target.write(text)
        run.logs.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


def capture_output() -> None:
    """Replace `print`, standard output and logging's way to handlers by ones that know about running functions."""
    if builtins.print is _print:
        builtins.print = _captured_print
        logging.Logger.callHandlers = _captured_record  # type: ignore[method-assign] # the one place all loggers pass
    stdout = cast("TextIO | CapturedOutput | None", sys.stdout)
    if stdout is not None and not isinstance(stdout, CapturedOutput):
        sys.stdout = cast("TextIO", CapturedOutput(stdout))
