"""Serving the routes of an application: each request is an action, off the server's event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from syncline.functions import (
    ActionCall,
    ActionCtx,
    Failure,
    FunctionDefinition,
    Outcome,
    SyncActionCtx,
)
from syncline.functions.admission import Admission
from syncline.functions.routes import Route
from syncline.kernel.errors import OverloadedError, UnauthenticatedError
from syncline.kernel.identity import Caller
from syncline.sync import Services

from .asgi_replies import answer, answer_failure, refusal_of, refuse
from .cors import preflight_headers, response_headers
from .exchange import Exchange
from .replies import Refusal, body_too_large
from .route_table import Found, RouteTable
from .sync_request import SyncRequest
from .visitors import header_of, visitor_of

_TEXT: Final = b"text/plain; charset=utf-8"


class Routes:
    """The routes in force. `use` puts those of a new release in force; requests under way keep theirs."""

    def __init__(self, services: Services, admission: Callable[[], Admission]) -> None:
        self._services = services
        self._admission = admission
        self._table = RouteTable(())

    def use(self, table: RouteTable) -> None:
        self._table = table

    def find(self, path: str) -> Found | None:
        return self._table.find(path)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._table)

    async def serve(self, found: Found, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose path has routes."""
        method: str = scope["method"]
        origin = header_of(scope, b"origin")
        route = found.of(method)
        if route is None:
            await self._without_route(found, scope, send)
            return
        headers = response_headers(route.options.cors, origin)
        try:
            caller = await visitor_of(self._services, scope)
            label = route.label(method)
            self._admission().check(caller, anonymous=route.options.anonymous, what=f"the route {label}")
            exchange = self._exchange(route, found, scope, receive, _with(send, headers))
        except Refusal as refusal:
            await refuse(send, refusal, headers, close=True)
            return
        except UnauthenticatedError as error:
            await refuse(send, refusal_of(error), headers, close=True)
            return
        await exchange.begin()
        answering = _Answering(route, exchange)
        pump = asyncio.create_task(exchange.pump(answering.left))
        try:
            outcome = await self._act(caller, answering.definition(label))
            if isinstance(outcome, Failure) and not exchange.started:
                exchange.close()
                await answer_failure(send, outcome, headers, redact=self._services.redact)
        except OverloadedError as error:
            await refuse(send, refusal_of(error), headers, close=True)
        finally:
            exchange.close()
            pump.cancel()

    async def _act(self, caller: Caller, definition: FunctionDefinition) -> Outcome:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def settle(outcome: Outcome) -> None:
            if not ended.done():
                ended.set_result(outcome)

        def done(outcome: Outcome) -> None:
            loop.call_soon_threadsafe(settle, outcome)

        self._services.engine.act(ActionCall(definition.path, b"{}", caller, done, definition=definition))
        return await ended

    def _exchange(self, route: Route, found: Found, scope: Scope, receive: Receive, send: Send) -> Exchange:
        limit = route.options.body_bytes or self._services.limits.route_body_bytes
        length = header_of(scope, b"content-length")
        if length is not None and int(length) > limit:
            raise body_too_large(int(length), limit)
        child = {key: value for key, value in scope.items() if key not in ("extensions", "state")}
        child["path_params"] = found.params(route)
        return Exchange(child, receive, send, body_bytes=limit, limit_name="route_body_bytes")

    async def _without_route(self, found: Found, scope: Scope, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            wanted = header_of(scope, b"access-control-request-method")
            route = found.of((wanted or b"GET").decode("latin-1"))
            if route is not None and route.options.cors is not None:
                headers = preflight_headers(
                    route.options.cors,
                    header_of(scope, b"origin"),
                    found.methods,
                    header_of(scope, b"access-control-request-headers"),
                )
                await answer(send, 403 if headers is None else 204, b"", _TEXT, headers or ())
                return
        allowed = ", ".join(found.methods)
        text = f"this path takes {allowed}"
        await refuse(send, Refusal(405, "MethodNotAllowed", text, allow=allowed), close=True)


class _Answering:
    """A route answering one request."""

    def __init__(self, route: Route, exchange: Exchange) -> None:
        self._route = route
        self._exchange = exchange
        scope = exchange.scope
        self._params = {name: scope["path_params"][name] for name in route.parameters}
        self._stop: Callable[[], None] | None = None

    def definition(self, label: str) -> FunctionDefinition:
        return self._route.definition(label, self._run_async if self._route.is_async else self._run)

    def left(self) -> None:
        """The client has left."""
        stop = self._stop
        if stop is not None and self._route.options.cancel_on_disconnect:
            stop()

    async def _run_async(self, ctx: ActionCtx) -> None:
        exchange = self._exchange
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self._stop = lambda: _later(loop, task.cancel)
        request = Request(exchange.scope, exchange.receive, exchange.send)
        try:
            response: object = await self._route.fn(ctx, request, **self._params)
        except HTTPException as error:
            response = _of_exception(error)
        await self._checked(response)(exchange.scope, exchange.receive, exchange.send)

    def _run(self, ctx: SyncActionCtx) -> None:
        exchange = self._exchange
        try:
            response: object = self._route.fn(
                ctx, SyncRequest(exchange.scope, exchange.pieces), **self._params
            )
        except HTTPException as error:
            response = _of_exception(error)
        checked = self._checked(response)
        if isinstance(getattr(checked, "body", None), bytes) and checked.background is None:
            exchange.send_and_wait(
                {"type": "http.response.start", "status": checked.status_code, "headers": checked.raw_headers}
            )
            exchange.send_and_wait({"type": "http.response.body", "body": checked.body})
        else:
            # Streams and files are asynchronous in Starlette, even when what they stream is not.
            asyncio.run(checked(exchange.scope, exchange.receive, exchange.send))

    def _checked(self, response: object) -> Response:
        if isinstance(response, Response):
            return response
        if inspect.isawaitable(response):
            _close(response)
        raise TypeError(
            f"the route {self._route.path} returned {type(response).__name__}, not a Response: return one of "
            "starlette.responses, such as JSONResponse(...) or Response(status_code=204)"
        )


def _with(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    """`send`, adding headers to the answer."""
    if not headers:
        return send

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *headers]
        await send(message)

    return send_with_headers


def _of_exception(error: HTTPException) -> Response:
    return PlainTextResponse(error.detail, error.status_code, error.headers)


def _close(awaitable: object) -> None:
    close = getattr(awaitable, "close", None)
    if callable(close):
        close()


def _later(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
