"""`@route`: what makes a function of the application answer HTTP requests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Sequence
from types import FunctionType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from syncline.functions import ActionCtx, SyncActionCtx
from syncline.functions.routes import METHODS, Cors, Route, RouteOptions, check_path
from syncline.kernel.errors import SetupError

from .sync_request import SyncRequest

P = ParamSpec("P")
_Result = TypeVar("_Result", bound=Response)
_PARAMETER = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(:[a-zA-Z_]+)?}")


class _RouteDecorator(Protocol):
    @overload
    def __call__(
        self, fn: Callable[Concatenate[ActionCtx, Request, P], Coroutine[Any, Any, _Result]], /
    ) -> Callable[Concatenate[ActionCtx, Request, P], Coroutine[Any, Any, _Result]]: ...
    @overload
    def __call__(
        self, fn: Callable[Concatenate[SyncActionCtx, SyncRequest, P], _Result], /
    ) -> Callable[Concatenate[SyncActionCtx, SyncRequest, P], _Result]: ...


def route(
    path: str,
    *,
    methods: Sequence[str] = ("GET",),
    anonymous: bool = False,
    cors: Cors | bool = False,
    timeout: float | None = None,
    body_bytes: int | None = None,
    cancel_on_disconnect: bool = False,
) -> _RouteDecorator:
    """Make a function answer HTTP requests to `path`, as an action.

    The path may have parameters, `/users/{name}` or `/users/{id:int}/{rest:path}`; those that the function names after
    `ctx` and `request` are passed to it. `async def` functions get an ActionCtx and Starlette's Request, `def` ones a
    SyncActionCtx and a SyncRequest; both return a Starlette Response. A route for GET serves HEAD too.

    `anonymous` ones need no signed-in caller; `cors=True` lets pages of all origins call it, `Cors(...)` says which;
    `timeout` is in seconds (600 unless said); `body_bytes` is the largest body (20 MiB unless said);
    `cancel_on_disconnect` stops an `async def` function when its client leaves.
    """
    options = RouteOptions(
        methods=_methods(path, methods),
        anonymous=anonymous,
        timeout=timeout,
        body_bytes=body_bytes,
        cors=Cors() if cors is True else cors or None,
        cancel_on_disconnect=cancel_on_disconnect,
    )
    where = f"@route({path!r})"
    check_path(path, where)
    if timeout is not None and not timeout > 0:
        raise SetupError(f"{where}: timeout={timeout!r} must be a number of seconds above 0")

    def decorate(fn: Any) -> Any:
        return Route(path, options, _checked(fn, where), _parameters(fn, path, where), is_async=_is_async(fn))

    return decorate


def _methods(path: str, methods: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(method.upper() for method in ([methods] if isinstance(methods, str) else methods))
    wrong = [method for method in wanted if method not in METHODS]
    if wrong or not wanted:
        raise SetupError(
            f"@route({path!r}, methods={list(methods)!r}): methods are some of {', '.join(METHODS)}",
            'for example methods=["POST"]',
        )
    return wanted


def _is_async(fn: FunctionType) -> bool:
    return inspect.iscoroutinefunction(fn)


def _checked(fn: object, where: str) -> FunctionType:
    if not isinstance(fn, FunctionType):
        raise SetupError(
            f"{where} is for functions written with def, got {fn!r}",
            "put the decorator directly above the def",
        )
    if fn.__code__.co_argcount < 2:
        raise SetupError(
            f"{where}: {fn.__qualname__} must take its context and the request first",
            f"async def {fn.__name__}(ctx: ActionCtx, request: Request) -> Response: ...",
        )
    return fn


def _parameters(fn: FunctionType, path: str, where: str) -> tuple[str, ...]:
    """The names of the path's parameters that the function wants. Raises SetupError for any other parameter."""
    try:
        _, _, converters = compile_path(path)
    except (AssertionError, ValueError) as error:
        raise SetupError(f"{where}: the path has a mistake: {error}") from None
    code = fn.__code__
    names = code.co_varnames[2 : code.co_argcount + code.co_kwonlyargcount]
    for name in names:
        if name not in converters:
            known = ", ".join(converters) or "none"
            raise SetupError(
                f"{where}: {fn.__qualname__} wants {name!r}, which is no parameter of the path (it has {known})",
                f"write it into the path, {path.rstrip('/')}/{{{name}}}, or read it from request.query_params",
            )
    return names
