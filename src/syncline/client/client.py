"""The client for asyncio: owns the sockets, one after another, and turns callbacks into awaitables.

What is said over a socket, and what becomes of calls and queries when it is lost, is `connection`'s. This file decides
when there is a socket.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, overload
from uuid import UUID

from syncline.kernel.clock import SystemClock, SystemEntropy
from syncline.protocol import ProtocolError

from .calls import Call, CallKind
from .connection import Connection, FatalProtocolError, RefusedError
from .errors import AuthenticationError, ClientClosedError, ClientError, ConnectionLostError
from .functions import AnyAction, AnyMutation, AnyQuery, AsyncAppFunction, Bound, Functions
from .link import CONNECT_ERRORS, Link, open_link, socket_url
from .outcomes import Failed, Settled, Succeeded
from .subscription import Subscription
from .timing import Backoff, Liveness, Verdict
from .tokens import Token, TokenSource
from .watches import State, Watch

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("syncline.client")

#: One-shot queries under way at a time; a server refuses more than 512 queries of one client.
_QUERIES: Final = 128
#: Tokens that a source may give, one after another, before a refusal is final.
_TOKEN_TRIES: Final = 2
#: What servers say when they have too much to do.
_OVERLOAD: Final = ("TooMany", "SlowReader", "AuthProviderUnavailable", "TooManyQueries")


class Client:
    """A connection to a Syncline server that repairs itself. Use it in `async with`, on one event loop.

    `url` is the server's address, `http://127.0.0.1:3210`. `token` says who the client is, see `authenticate`. Entering
    waits up to `connect_timeout` seconds for the server (None: does not wait, and connects when it can). A server that is
    silent for `patience` seconds is taken for gone. `on_state` is called with each new state of the connection and the
    reason for it. `package` is the application's package as imported here, if it is not at the top (`project.backend`).
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
        self._socket_url = socket_url(url)
        self._ssl = ssl_context
        self._connect_timeout = connect_timeout
        self._patience = patience
        self._user_on_state = on_state
        self._functions = Functions(package)
        entropy = SystemEntropy()
        self._connection = Connection(UUID(bytes=entropy.bytes(16), version=4), SystemClock(), self._on_state)
        self._backoff = Backoff(entropy)
        self._source = token
        #: The token that the connection has comes from this source.
        self._token_known = False
        self._refusals = 0
        self._queries = asyncio.Semaphore(_QUERIES)
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._flushing = False
        self._closed = False
        #: Set when a stopped client may go on, and on each change of its state.
        self._news = asyncio.Event()
        self._last_problem = "it has not answered"

    # Coming and going

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise ClientError("a client can be entered once: make another one")
        self._task = asyncio.create_task(self._run(), name="syncline client")
        if self._connect_timeout is None:
            return self
        try:
            async with asyncio.timeout(self._connect_timeout):
                while self._connection.state != "live":
                    if self._connection.error is not None:
                        raise type(self._connection.error)(str(self._connection.error))
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            await self.close()
            raise ConnectionLostError(
                f"no server at {self.url} within {self._connect_timeout:g} s: {self._last_problem}. Is it running? "
                "`syncline dev` starts one."
            ) from None
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End it. Calls that have no answer yet raise ClientClosedError; mutations among them may have run."""
        task, link = self._task, self._link
        self._closed = True
        self._connection.stop(ClientClosedError("the client is closed"))
        if link is not None:
            await link.close()
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    @property
    def state(self) -> State:
        """The connection's: "connecting" at first, then "live", and "stale" between a lost socket and the next."""
        return self._connection.state

    # Calls

    @overload
    async def query(self, function: str, /, **arguments: Any) -> Any: ...
    @overload
    async def query(self, function: AnyQuery[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def query(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The result of a query, now. Waits for the connection if there is none. Raises FunctionError."""
        bound = self._functions.find(function, "query")
        raw_args = bound.encode(args, kwargs)
        async with self._queries:
            subscription: Subscription[Any] = Subscription(self, bound, raw_args)
            async with subscription:
                return await subscription.ready()

    @overload
    async def mutation(self, function: str, /, **arguments: Any) -> Any: ...
    @overload
    async def mutation(self, function: AnyMutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def mutation(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run a mutation exactly once, in the order of the calls, over as many connections as it takes.

        Returns when all live queries of this client show what it wrote. Raises FunctionError. Cancelled, it still runs
        if it was sent already.
        """
        return await self._call("mutation", function, args, kwargs)

    @overload
    async def action(self, function: str, /, **arguments: Any) -> Any: ...
    @overload
    async def action(self, function: AsyncAppFunction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    async def action(self, function: AnyAction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def action(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run an action, at most once. Raises FunctionError; ConnectionLostError if nobody knows how it ended."""
        return await self._call("action", function, args, kwargs)

    @overload
    def subscribe(self, function: str, /, **arguments: Any) -> Subscription[Any]: ...
    @overload
    def subscribe(
        self, function: AnyQuery[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Subscription[R]: ...
    def subscribe(self, function: Any, /, *args: Any, **kwargs: Any) -> Subscription[Any]:
        """A live query: `async for` over it, or `async with` it. Nothing is sent before."""
        bound = self._functions.find(function, "query")
        return Subscription(self, bound, bound.encode(args, kwargs))

    # Identity

    async def authenticate(self, token: TokenSource) -> None:
        """Be somebody else: a user by a token, the administrator by AdminKey, nobody by None. Calls made before run as
        who the client was before, and are waited for; when this returns, all live queries show what the new user may see.

        A callable is asked for a token now and on each connect: with False at first, and with True when its last one was
        refused or has expired. Raises AuthenticationError if the server refuses; then nothing goes on until another
        `authenticate`.
        """
        self._check_entered("authenticate()")
        value = await self._fetch(token, refused=False)
        if self._closed:
            raise ClientClosedError("the client is closed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def begun() -> None:
            self._source, self._token_known, self._refusals = token, True, 0

        def confirmed(error: ClientError | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self._connection.resume()
        self._connection.authenticate(value, begun, confirmed)
        self._news.set()
        self._flush_soon()
        await done

    # For subscriptions

    def start_watch(self, path: str, args: bytes, changed: Callable[[], None]) -> Watch:
        self._check_entered(path)
        watch = self._connection.watch(path, args, changed)
        self._flush_soon()
        return watch

    def stop_watch(self, watch: Watch) -> None:
        self._connection.unwatch(watch)
        self._flush_soon()

    # Inside: calls

    async def _call(
        self, kind: CallKind, function: object, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        bound = self._functions.find(function, kind)
        raw_args = bound.encode(args, kwargs)
        self._check_entered(bound.path)
        future: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        call = self._connection.call(kind, bound.path, raw_args, lambda settled: _resolve(future, settled))
        self._flush_soon()
        return _value(bound, await self._answer(call, future))

    async def _answer(self, call: Call, future: asyncio.Future[Settled]) -> Settled:
        try:
            return await future
        except asyncio.CancelledError:
            self._connection.abandon(call)
            raise

    def _check_entered(self, path: str) -> None:
        if self._task is None:
            raise ClientError(
                f"{path}: the client is not connected: use it in `async with Client(...) as client`"
            )

    def _flush_soon(self) -> None:
        """Send what there is at the end of this turn of the loop: what was asked for together goes together."""
        if not self._flushing and self._link is not None:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._link is not None:
            self._link.send(self._connection.take())

    # Inside: sockets

    async def _run(self) -> None:
        while True:
            try:
                reason = await self._one_socket()
            except TimeoutError:
                reason = "nobody answers"
            except AuthenticationError as error:  # of the token's source: nobody is signed in
                reason = str(error)
                self._connection.stop(error)
            except (*CONNECT_ERRORS, ClientError) as error:
                reason = str(error) or type(error).__name__
            except Exception as error:
                # The user's token source, or a mistake of ours: what waits shall not wait for a dead task.
                log.exception("%s: connecting failed", self.url)
                reason = f"connecting failed: {error!r}"
            self._last_problem = reason
            self._connection.lost(reason)
            if self._connection.error is not None:
                if not self._closed:
                    log.error("%s: stopped: %s", self.url, self._connection.error)
                self._news.set()  # who waits to enter
                await self._until_resumed()
            else:
                delay = self._backoff.next_delay(overloaded=reason.startswith(_OVERLOAD))
                log.info("%s: %s; trying again in %.1f s", self.url, reason, delay)
                await asyncio.sleep(delay)

    async def _until_resumed(self) -> None:
        while self._connection.error is not None:
            self._news.clear()
            await self._news.wait()

    async def _one_socket(self) -> str:
        """Connect, and stay until the socket is gone; why it is."""
        await self._know_token()
        loop = asyncio.get_running_loop()
        link = await open_link(self._socket_url, self._received, self._ssl)
        liveness = Liveness(self._patience, loop.time())
        link.listen_to_bytes(lambda: liveness.heard(loop.time()))
        try:
            self._link = link
            self._connection.opened()
            self._flush()
            while not link.over.done():
                await asyncio.wait([link.over], timeout=self._patience / 16)
                match liveness.check(loop.time()):
                    case Verdict.DEAD:
                        link.abort(f"no sign of life for {self._patience:g} s")
                    case Verdict.PING:
                        link.ping()
                    case Verdict.FINE:
                        pass
            return link.over.result()
        finally:
            self._link = None
            link.abort("the client was closed")

    def _received(self, message: bytes) -> None:
        link = self._link
        if link is None:
            return
        try:
            self._connection.received(message)
        except RefusedError as refused:
            self._refused(refused)
            link.abort(f"the token was refused: {refused}")
        except FatalProtocolError as error:
            self._connection.stop(ClientError(f"the server refuses this client: {error}"))
            link.abort(str(error))
        except ProtocolError as error:
            log.warning("%s: %s", self.url, error)
            link.abort(str(error))
        else:
            self._flush_soon()

    def _on_state(self, state: State, reason: str) -> None:
        if state == "live":
            self._backoff.succeeded()
            self._refusals = 0
            log.info("%s: connected", self.url)
        elif not self._closed:
            log.warning("%s: the connection was lost: %s", self.url, reason)
        self._news.set()
        if self._user_on_state is not None:
            try:
                self._user_on_state(state, reason)
            except Exception:
                log.exception("on_state failed")

    # Inside: tokens

    async def _know_token(self) -> None:
        while not self._token_known or callable(self._source):
            source = self._source
            value = await self._fetch(source, refused=self._refusals > 0)
            if source is self._source:
                self._connection.token = value
                self._token_known = True
                return

    async def _fetch(self, source: TokenSource, *, refused: bool) -> Token | None:
        if not callable(source):
            return source
        value = source(refused)
        if inspect.isawaitable(value):
            value = await value
        return value

    def _refused(self, refused: RefusedError) -> None:
        self._refusals += 1
        if not callable(self._source) or self._refusals >= _TOKEN_TRIES:
            self._connection.stop(AuthenticationError(f"the server refused the token: {refused}"))


def _resolve(future: asyncio.Future[Settled], settled: Settled) -> None:
    if not future.done():
        future.set_result(settled)


def _value(bound: Bound, settled: Settled) -> object:
    match settled:
        case Succeeded(value):
            return bound.decode(value)
        case Failed():
            raise settled.error()
        case ClientError():
            # The same error may have ended many calls.
            raise type(settled)(str(settled))
