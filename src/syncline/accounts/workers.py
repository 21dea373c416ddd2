"""Threads: one that owns the identity file, a few that hash. The event loop waits for neither."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

from .core import AccountError, Core, RoleChange
from .tables import ANY_CHANGE

P = ParamSpec("P")
R = TypeVar("R")

#: How modest threads that hash are, of 19.
_NICE = 10


class Workers:
    """Runs work of the accounts off the event loop. Both queues are bounded: who comes too late is told to wait."""

    def __init__(
        self,
        core: Core,
        on_ended: Callable[[list[str]], None],
        on_roles: Callable[[list[RoleChange]], None],
        on_posted: Callable[[], None],
    ) -> None:
        """`on_ended` gets the sessions that a transaction ended, `on_roles` the roles that it changed, once it is
        committed; `on_posted` is called when it wrote mails, webhooks or copies.

        All on the thread of who asked for the transaction.
        """
        self._core = core
        self._on_ended = on_ended
        self._on_roles = on_roles
        self._on_posted = on_posted
        self._file = ThreadPoolExecutor(1, "syncline-identity")
        self._hashing = ThreadPoolExecutor(core.settings.hash_threads, "syncline-hash", _be_modest)
        # Apart from hashing: a flood of sign-ins must not keep those who are signed in from their tokens.
        self._signing = ThreadPoolExecutor(1, "syncline-sign")
        self._file_waiting = 0
        self._hash_waiting = 0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`work` as one transaction on the identity file's thread. What it raises undoes it."""
        if self._file_waiting >= self._core.settings.limits.identity_requests:
            raise AccountError("busy", status=503, retry_after=1)
        self._file_waiting += 1
        try:
            loop = asyncio.get_running_loop()
            done = await loop.run_in_executor(self._file, self._transact, lambda: work(*args, **kwargs))
        finally:
            self._file_waiting -= 1
        return self._tell(done)

    async def hash(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`work`, which costs time and memory, on a thread for such. At most as many at once as there are threads."""
        settings = self._core.settings
        if self._hash_waiting >= settings.limits.password_hashes + settings.hash_threads:
            raise AccountError("busy", status=503, retry_after=2)
        self._hash_waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._hashing, lambda: work(*args, **kwargs))
        finally:
            self._hash_waiting -= 1

    async def sign(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`work`, which takes a millisecond, such as signing a token."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._signing, lambda: work(*args, **kwargs))

    def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As `run`, for a caller that may block."""
        return self._tell(self._file.submit(self._transact, lambda: work(*args, **kwargs)).result())

    def post(self, work: Callable[[], object]) -> None:
        """As `run`, for a caller that waits for nothing."""
        self._file.submit(lambda: self._tell(self._transact(work)))

    def close(self) -> None:
        """Finish what was begun."""
        self._hashing.shutdown()
        self._signing.shutdown()
        self._file.shutdown()

    def _transact(self, work: Callable[[], R]) -> _Done[R]:
        core = self._core
        core.ended.clear()
        core.roles.clear()
        core.posted = False
        before = core.file.changes
        with core.file.transaction():
            result = work()
            for id in core.ended:
                core.file.change("INSERT OR REPLACE INTO revoked VALUES (?, ?)", id, core.now())
            if core.file.changes != before and core.file.row(ANY_CHANGE):
                core.posted = True
        return _Done(result, core.ended.copy(), core.roles.copy(), core.posted)

    def _tell(self, done: _Done[R]) -> R:
        if done.ended:
            self._on_ended(done.ended)
        if done.roles:
            self._on_roles(done.roles)
        if done.posted:
            self._on_posted()
        return done.result


@dataclass(frozen=True, slots=True)
class _Done(Generic[R]):
    """A transaction that is committed, and what of it others are to hear."""

    result: R
    ended: list[str]
    roles: list[RoleChange]
    posted: bool


def _be_modest() -> None:
    """Let this thread give way to others: a flood of sign-ins costs time that live queries must have first."""
    if sys.platform == "linux":  # Elsewhere this would mean a process.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
