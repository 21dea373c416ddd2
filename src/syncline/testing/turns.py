"""The event loop of a test: calls that the engine's threads hand over run when the test waits for something."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue

#: A test that waits longer than this for the engine has found a bug, ours or its own.
_PATIENCE = 30.0


class Turns:
    """A queue of calls, filled by any thread and emptied by the test's."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = SimpleQueue()

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Let the test's thread call the function."""
        self._calls.put((function, args))

    def run_until(self, done: Callable[[], bool], what: str) -> None:
        """Run what is handed over until `done`; AssertionError naming `what` when that takes too long."""
        while not done():
            try:
                function, args = self._calls.get(timeout=_PATIENCE)
            except Empty:
                raise AssertionError(f"waited {_PATIENCE:g} s for {what}") from None
            function(*args)
