"""A task that empties an outbox: of mails, of webhooks, of changed profiles and memberships."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger("syncline.accounts")

_LONGEST_SLEEP = 60.0
_SHORTEST_SLEEP = 0.2
#: Seconds until the next look after one that failed.
_PAUSE = 5.0


class OutboxLoop:
    """Sends what is due, sleeps until more is, and can be woken. Used on the event loop's thread."""

    def __init__(
        self,
        what: str,
        send_due: Callable[[], Awaitable[int]],
        next_wait: Callable[[], Awaitable[float | None]],
    ) -> None:
        """`what` waits in it, for the log. `send_due` says how many it tried, `next_wait` how many seconds until more is due."""
        self._what = what
        self._send_due = send_due
        self._next_wait = next_wait
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """Look into the outbox soon: something was put there."""
        self._wake.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await self._send_due():
                    pass
                wait = await self._next_wait()
            except Exception as error:  # A full queue or disk: later. What is to be sent stays where it is.
                logger.warning("%s cannot be looked for: %s: %s", self._what, type(error).__name__, error)
                wait = _PAUSE
            bounded = _LONGEST_SLEEP if wait is None else max(_SHORTEST_SLEEP, min(wait, _LONGEST_SLEEP))
            try:
                await asyncio.wait_for(self._wake.wait(), bounded)
            except TimeoutError:
                continue
