"""One request between two event loops: the server's, where its socket is, and the one where it is answered.

On the server's loop `pump` takes the body off the socket, one piece ahead of who reads it, and notices when the client
leaves. The other side awaits `receive` and `send` as in any ASGI application; each piece of the body, and each piece
of the answer, waits for its turn on the server's loop, so that a slow reader slows down whoever writes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

from starlette.types import Message, Receive, Scope, Send

from syncline.kernel.errors import LimitError

T = TypeVar("T")
_GONE: Final[Message] = {"type": "http.disconnect"}


class BodyTooLargeError(LimitError):
    """The body is over its limit; the answer is a 413."""


class Exchange:
    """Made on the server's loop; `receive`, `send` and `pieces` belong to the other side."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, body_bytes: int, limit_name: str
    ) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._body_bytes = body_bytes
        self._limit_name = limit_name
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Message] = asyncio.Queue(1)
        self._size = 0
        #: What came before the other side began: read there without a change of threads.
        self._early: deque[Message] = deque()
        self._body_ended = False
        self._start: Message | None = None
        self._over = False
        self._gone = asyncio.Event()
        #: Set when the body turns out to be over its limit.
        self.overflow: BodyTooLargeError | None = None
        self.started = False
        self.complete = False

    # On the server's loop

    async def begin(self) -> None:
        """Wait for the first piece of the body, which is mostly all of it."""
        message = await self._take()
        self._early.append(message)
        self._body_ended = not message.get("more_body")

    async def pump(self, left: Callable[[], None]) -> None:
        """Take the rest of the body off the socket, then wait for the client to leave; `left` is called then."""
        while True:
            message = await self._take()
            if message["type"] == "http.disconnect":
                self._gone.set()
                left()
                return
            if not self._body_ended:
                self._body_ended = not message.get("more_body")
                await self._arrived.put(message)

    def close(self) -> None:
        """Nothing more goes in either direction: whoever still answers gets an OSError."""
        self._over = True
        self._gone.set()

    async def _take(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > self._body_bytes:
            self.overflow = BodyTooLargeError(
                f"{self._limit_name.replace('_', ' ')}: the request body is over {self._body_bytes:,}, the limit. "
                "Send less at once, or raise the limit for this path"
            )
            return {"type": "syncline.too_large"}
        return message

    async def _next(self) -> Message:
        if not self._arrived.empty():
            return self._arrived.get_nowait()
        waits = [asyncio.ensure_future(self._arrived.get()), asyncio.ensure_future(self._gone.wait())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return waits[0].result() if waits[0] in done else _GONE  # type: ignore[return-value]  # by the index
        finally:
            for wait in waits:
                wait.cancel()

    async def _forward(self, messages: list[Message]) -> None:
        if self._over or self._gone.is_set():
            raise OSError("the client has left, or the answer was given up")
        if self.overflow is not None and not self.started:
            raise self.overflow  # Not what frameworks make of it: a 500.
        for message in messages:
            if message["type"] == "http.response.start":
                self.started = True
            else:
                self.complete = not message.get("more_body", False)
            await self._send(message)

    # On the other side

    async def receive(self) -> Message:
        if self._early:
            message = self._early.popleft()
        elif self._gone.is_set() and self._arrived.empty():
            message = _GONE  # Without waiting: `Request.is_disconnected` gives it no time for that.
        else:
            message = await self._over_there(self._next())
        return self._checked(message)

    async def send(self, message: Message) -> None:
        messages = self._gathered(message)
        if messages:
            await self._over_there(self._forward(messages))

    def send_and_wait(self, message: Message) -> None:
        """`send` for threads."""
        messages = self._gathered(message)
        if messages:
            asyncio.run_coroutine_threadsafe(self._forward(messages), self._loop).result()

    def pieces(self) -> Iterator[bytes]:
        """The body, for threads. Raises OSError when the client leaves before its end."""
        while True:
            if self._early:
                message = self._early.popleft()
            else:
                message = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            message = self._checked(message)
            if message["type"] == "http.disconnect":
                raise OSError("the client has left before it had sent the whole body")
            if message["body"]:
                yield bytes(message["body"])
            if not message.get("more_body"):
                return

    async def _over_there(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _gathered(self, message: Message) -> list[Message]:
        """What to send now: the head waits for the first piece of the body, to go with it."""
        if message["type"] == "http.response.start":
            self._start = message
            return []
        start, self._start = self._start, None
        return [message] if start is None else [start, message]

    def _checked(self, message: Message) -> Message:
        if self.overflow is not None and message["type"] == "syncline.too_large":
            raise self.overflow
        return message
