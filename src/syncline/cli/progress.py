"""How far long work is, on stderr: a bar that is redrawn on a terminal, nothing elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

_EVERY_SECONDS = 0.1
_BAR = 24


class ProgressBar:
    """One line, as long as its block lasts."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = 0.0
        self._drawn = False

    def update(self, what: str, done: int, total: int) -> None:
        """`done` of `total` of whatever `what` counts."""
        now = time.monotonic()
        if not self._shown or (now < self._next and done < total):
            return
        self._next = now + _EVERY_SECONDS
        share = min(1.0, done / total) if total else 1.0
        filled = int(share * _BAR)
        text = f"  {'█' * filled}{'░' * (_BAR - filled)} {share:4.0%}  {what}"
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write("\r\x1b[K" + text[:width])
        sys.stderr.flush()
        self._drawn = True

    def clear(self) -> None:
        """Make room for other lines."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
