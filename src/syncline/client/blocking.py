"""The client for programs without an event loop: the same client, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from .client import Client
from .errors import ClientClosedError, ClientError
from .functions import AnyAction, AnyMutation, AnyQuery, AsyncAppFunction
from .subscription import Subscription, Update
from .tokens import TokenSource
from .watches import State

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class SyncClient:
    """`Client` for threads: use it in `with`, from any thread. The arguments are those of `Client`.

    Calls block until there is an answer. Callbacks run on the client's own thread, one at a time: they must not call the
    client, and should be short.
    """

    def __init__(
        self,
        url: str,
        *,
        token: TokenSource = None,
        package: str | None = None,
        connect_timeout: float | None = 10.0,
        patience: float = 8.0,
        on_state: Callable[[State, str], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="syncline client", daemon=True)
        self._client = Client(
            url,
            token=token,
            package=package,
            connect_timeout=connect_timeout,
            patience=patience,
            on_state=on_state,
            ssl_context=ssl_context,
        )

    def __enter__(self) -> Self:
        if self._loop.is_closed() or self._thread.ident is not None:
            raise ClientError("a client can be entered once: make another one")
        self._thread.start()
        try:
            self._run(self._client.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, and its thread. Calls of other threads that have no answer yet raise ClientClosedError."""
        if self._thread.ident is None:
            self._loop.close()
        elif not self._loop.is_closed():
            self._run(self._client.close())
            self._end()

    @property
    def state(self) -> State:
        """As `Client.state`."""
        return self._client.state

    @overload
    def query(self, function: str, /, **arguments: Any) -> Any: ...
    @overload
    def query(self, function: AnyQuery[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def query(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As `Client.query`."""
        return self._run(self._client.query(function, *args, **kwargs))

    @overload
    def mutation(self, function: str, /, **arguments: Any) -> Any: ...
    @overload
    def mutation(self, function: AnyMutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def mutation(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As `Client.mutation`."""
        return self._run(self._client.mutation(function, *args, **kwargs))

    @overload
    def action(self, function: str, /, **arguments: Any) -> Any: ...
    @overload
    def action(self, function: AsyncAppFunction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def action(self, function: AnyAction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def action(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As `Client.action`."""
        return self._run(self._client.action(function, *args, **kwargs))

    def authenticate(self, token: TokenSource) -> None:
        """As `Client.authenticate`."""
        self._run(self._client.authenticate(token))

    @overload
    def subscribe(
        self, function: str, callback: Callable[[Update[Any]], None], /, **arguments: Any
    ) -> LiveResult[Any]: ...
    @overload
    def subscribe(
        self,
        function: AnyQuery[P, R],
        callback: Callable[[Update[R]], None],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> LiveResult[R]: ...
    def subscribe(
        self, function: Any, callback: Callable[[Update[Any]], None], /, *args: Any, **kwargs: Any
    ) -> LiveResult[Any]:
        """Call `callback` with each change of a query's result, of its state and of its error, until `close`."""

        async def start() -> LiveResult[Any]:
            subscription = self._client.subscribe(function, *args, **kwargs)
            return LiveResult(self._loop, subscription, callback)

        return self._run(start())

    # Inside

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise ClientError(
                "a callback of the client must not call the client: hand the work to another thread"
            )
        if self._thread.ident is None or self._loop.is_closed():
            coroutine.close()
            if self._thread.ident is None:
                raise ClientError("the client is not connected: use it in `with SyncClient(...) as client`")
            raise ClientClosedError("the client is closed")
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.create_task, _finish(self._loop))
        self._thread.join()


async def _finish(loop: asyncio.AbstractEventLoop) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop.stop()


class LiveResult(Generic[R]):
    """A live query of a `SyncClient`: `update` is what it shows now. Also a context manager, which closes it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        subscription: Subscription[R],
        callback: Callable[[Update[R]], None],
    ) -> None:
        self._loop = loop
        self._callback = callback
        self.update: Update[R] = subscription.update()
        self._task = loop.create_task(self._follow(subscription))

    def close(self) -> None:
        """End it. The callback is not called any more, except if it is running now."""
        with suppress(RuntimeError):  # the loop is closed, and so is this
            self._loop.call_soon_threadsafe(self._task.cancel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _follow(self, subscription: Subscription[R]) -> None:
        async for update in subscription.updates():
            self.update = update
            try:
                self._callback(update)
            except Exception as error:
                context = {"message": "a callback of a live query failed", "exception": error}
                self._loop.call_exception_handler(context)
