"""A live query: its newest result, whether that is current, and iteration over both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar, cast

from .errors import ClientClosedError, ClientError
from .functions import Bound
from .outcomes import Answer, Succeeded
from .watches import State, Watch

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Update(Generic[R_co]):
    """What a live query shows at one moment: a value, an error, or (while "connecting") neither."""

    state: State
    error: ClientError | None
    _value: R_co | None

    @property
    def value(self) -> R_co:
        """The result. Raises `error` if there is one, ClientError while there is none yet."""
        if self.error is not None:
            raise self.error
        if self.state == "connecting":
            raise ClientError("there is no result yet")
        return cast("R_co", self._value)


class Watcher(Protocol):
    """Who keeps queries watched: the client."""

    def start_watch(self, path: str, args: bytes, changed: Callable[[], None]) -> Watch: ...
    def stop_watch(self, watch: Watch) -> None: ...


class Subscription(Generic[R]):
    """A live query. `async for value in subscription` on its own, or `async with subscription as live` to look at
    `live.latest` and `live.state` at any time, and to iterate as often as you like.

    Values come as fast as the loop takes them: what was replaced before it asked is left out.
    """

    def __init__(self, watcher: Watcher, bound: Bound, args: bytes) -> None:
        self._watcher = watcher
        self._bound = bound
        self._args = args
        self._watch: Watch | None = None
        self._users = 0
        self._waiters: set[asyncio.Future[None]] = set()
        #: The answer of the last decoding, and what came of it.
        self._decoded: tuple[Answer, object] | None = None

    @property
    def state(self) -> State:
        """ "connecting": there is no result yet; "live": `latest` is what the server knows; "stale": it may be old."""
        return "connecting" if self._watch is None else self._watch.state

    @property
    def error(self) -> ClientError | None:
        """What the query raised, or why the client has stopped; None while there is a value or nothing yet."""
        watch = self._watch
        if watch is None:
            return None
        if watch.error is not None:
            return type(watch.error)(str(watch.error))
        return None if watch.answer is None or isinstance(watch.answer, Succeeded) else watch.answer.error()

    @property
    def latest(self) -> R:
        """The newest result, also while it is stale. Raises what the query raised; ClientError before there is one."""
        error = self.error
        if error is not None:
            raise error
        return self._value()

    async def ready(self) -> R:
        """Wait until the state is "live"; then `latest`. In an `async with` only."""
        while self.state != "live" and self.error is None:
            await self._change()
        return self.latest

    async def __aiter__(self) -> AsyncGenerator[R, None]:
        """Each new result. Raises what the query raises."""
        self._start()
        try:
            seen: Answer | None = None
            while True:
                watch = self._watching()
                if watch.error is not None:
                    raise type(watch.error)(str(watch.error))
                if watch.answer is None or watch.answer is seen:
                    await self._change()
                else:
                    seen = watch.answer
                    yield self.latest
        finally:
            self._stop()

    async def updates(self) -> AsyncGenerator[Update[R], None]:
        """Each change of the result, of `state` and of `error`, the present ones first. Raises nothing of these."""
        self._start()
        try:
            seen: object = None
            while True:
                watch = self._watching()
                now = (watch.answer, watch.state, watch.error)
                if now == seen:
                    await self._change()
                else:
                    seen = now
                    yield self.update()
        finally:
            self._stop()

    def update(self) -> Update[R]:
        """What it shows now."""
        error = self.error
        has_value = error is None and self._watch is not None and self._watch.answer is not None
        return Update(self.state, error, self._value() if has_value else None)

    async def __aenter__(self) -> Self:
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    # Inside

    def _value(self) -> R:
        answer = None if self._watch is None else self._watch.answer
        if not isinstance(answer, Succeeded):
            raise ClientError(
                f"{self._bound.path}: there is no result yet. Wait for one with `await live.ready()`, inside "
                "`async with client.subscribe(...) as live`."
            )
        if self._decoded is None or self._decoded[0] is not answer:
            self._decoded = (answer, self._bound.decode(answer.value))
        return cast("R", self._decoded[1])

    def _start(self) -> None:
        if self._watch is None:
            self._watch = self._watcher.start_watch(self._bound.path, self._args, self._changed)
        self._users += 1

    def _stop(self) -> None:
        self._users -= 1
        if not self._users and self._watch is not None:
            self._watcher.stop_watch(self._watch)
            self._watch = None
            self._changed()

    def _watching(self) -> Watch:
        if self._watch is None:
            raise ClientClosedError(f"{self._bound.path}: the subscription is closed")
        return self._watch

    def _changed(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _change(self) -> None:
        """Wait until something changes."""
        self._watching()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
