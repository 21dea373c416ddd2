"""`ctx.stream`: text that grows in a document while it is made, without a transaction for each word.

What is written is put together for a tenth of a second, so that a model that says fifty words a second costs ten
commits, and everybody who watches the document sees it grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

APPEND: Final = "_system/streams:append"

_PAUSE: Final = 0.1  # seconds
#: Characters after which what waits is written without a pause.
_MOST: Final = 16_384


class TextStream:
    """Writes into a text field: `async with ctx.stream(id, "body") as out: await out.write("word ")`."""

    __slots__ = ("_append", "_closing", "_parts", "_task", "_waiting", "_wake")

    def __init__(self, append: Callable[[str], Awaitable[object]]) -> None:
        self._append = append
        self._parts: list[str] = []
        self._waiting = 0
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def write(self, text: str) -> None:
        """Add `text`. What failed to be written before is raised here."""
        self._check()
        if text:
            self._parts.append(text)
            self._waiting += len(text)
            self._wake.set()
            if self._waiting > _MOST:
                await self.flush()

    async def flush(self) -> None:
        """Write what waits, and return when it is committed."""
        parts, self._parts, self._waiting = self._parts, [], 0
        if parts:
            await self._append("".join(parts))

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._write_now_and_then())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._closing.set()
        self._wake.set()
        try:
            await self._task
            # Also when the block has failed: what was said has been said.
            await self.flush()
        except Exception:
            if error is None:
                raise

    def _check(self) -> None:
        if self._task is not None and self._task.done():
            self._task.result()

    async def _write_now_and_then(self) -> None:
        while not self._closing.is_set():
            await self._wake.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _PAUSE)
            self._wake.clear()
            await self.flush()


class SyncTextStream:
    """Writes into a text field: `with ctx.stream(id, "body") as out: out.write("word ")`."""

    __slots__ = ("_append", "_monotonic", "_next", "_parts", "_waiting")

    def __init__(self, append: Callable[[str], object], monotonic: Callable[[], float]) -> None:
        self._append = append
        self._monotonic = monotonic
        self._next = 0.0
        self._parts: list[str] = []
        self._waiting = 0

    def write(self, text: str) -> None:
        """Add `text`; it is written with what follows within a tenth of a second."""
        if text:
            self._parts.append(text)
            self._waiting += len(text)
            if self._waiting > _MOST or self._monotonic() >= self._next:
                self.flush()

    def flush(self) -> None:
        """Write what waits, and return when it is committed."""
        parts, self._parts, self._waiting = self._parts, [], 0
        if parts:
            self._append("".join(parts))
        self._next = self._monotonic() + _PAUSE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
