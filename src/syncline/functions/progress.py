"""`ctx.progress`: how far an action is, for whoever watches; a few times a second at most, whatever the action says."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from syncline.kernel.errors import ArgumentError

#: Seconds between two that are written.
_PAUSE: Final = 0.2
_NOTE_CHARACTERS: Final = 1_000


class ProgressTeller:
    """What one run says. `write` commits, `later` calls back in so many seconds; neither blocks. Any thread."""

    def __init__(
        self, write: Callable[[str, bytes], None], later: Callable[[float, Callable[[], None]], None]
    ) -> None:
        self._write = write
        self._later = later
        self._lock = threading.Lock()
        self._next: bytes | None = None
        self._waits = False
        self._told = False
        self._ended = False

    def say(self, said: dict[str, object]) -> None:
        """Write it now, or what has been said last in a moment."""
        args = msgspec.json.encode(said)
        with self._lock:
            if self._ended:
                return
            if self._waits:
                self._next = args
                return
            self._waits = self._told = True
        self._write("say", args)
        self._later(_PAUSE, self._go_on)

    def end(self, run: str) -> None:
        """The run has ended: what it said is forgotten."""
        with self._lock:
            told, self._told, self._ended, self._next = self._told, False, True, None
        if told:
            self._write("forget", msgspec.json.encode({"run": run}))

    def _go_on(self) -> None:
        with self._lock:
            args, self._next = self._next, None
            if args is None:
                self._waits = False
                return
        self._write("say", args)
        self._later(_PAUSE, self._go_on)


def checked(fraction: float, note: str) -> tuple[float, str]:
    """What was said, cut to size. Raises ArgumentError for a fraction that is none."""
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not math.isfinite(fraction):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise ArgumentError(
            f"ctx.progress({fraction!r}, ...): a number from 0 to 1 says how far the action is"
        )
    return min(1.0, max(0.0, float(fraction))), note[:_NOTE_CHARACTERS]
