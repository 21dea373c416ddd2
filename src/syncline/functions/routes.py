"""Routes of an application: functions that answer HTTP requests. Declared by `@route`, run as actions."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from syncline.kernel.errors import SetupError

from .collecting import collect
from .decorators import Action, SyncAction
from .definitions import FunctionDefinition, define
from .sources import line_of_def

if TYPE_CHECKING:
    from types import FunctionType

    from .contexts import ActionCtx, SyncActionCtx

#: What the server itself answers, and why an application cannot have it. Everything below them is taken too.
RESERVED: Final = {
    "/api": "the function and sync endpoints of the clients are there",
    "/auth": "the pages of the built-in sign-in are there",
    "/http": "it is the other address of all routes, for clients that expect a site URL",
    "/_": "the dashboard is there",
    "/_syncline": "files of the server are there",
    "/.well-known/jwks.json": "the keys of what functions sign are there",
    "/docs": "the reference of the functions is there",
    "/openapi.json": "the description of the functions is there",
    "/healthz": "monitors ask there whether the process works",
    "/readyz": "balancers ask there whether to send requests",
    "/metrics": "figures for monitors are there",
    "/version": "the server's version is there",
    "/instance_name": "the command line of the official client asks there",
    "/instance_version": "the command line of the official client asks there",
    "/echo": "the command line of the official client tests the network there",
}
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages of other origins may call a route. Without it browsers let none."""

    #: `"*"` for all, or origins such as `"https://example.com"`.
    origins: str | tuple[str, ...] | list[str] = "*"
    #: Request headers that pages may send besides the simple ones; `"*"` for any.
    headers: str | tuple[str, ...] | list[str] = "*"
    #: Response headers that pages may read besides the simple ones.
    expose: tuple[str, ...] | list[str] = ()
    #: Whether cookies may be sent. Not together with all origins.
    credentials: bool = False
    #: How long (seconds) browsers may remember the answer to a preflight.
    max_age: int = 86_400

    def __post_init__(self) -> None:
        if self.credentials and self.origins == "*":
            raise SetupError(
                "Cors(credentials=True) for all origins would let every page of the web use the visitor's cookies",
                'name the origins: Cors(origins=["https://example.com"], credentials=True)',
            )

    def allows(self, origin: str) -> bool:
        return self.origins == "*" or origin in self.origins


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """What `@route` was given besides the path."""

    methods: tuple[str, ...] = ("GET",)
    anonymous: bool = False
    timeout: float | None = None
    body_bytes: int | None = None
    cors: Cors | None = None
    cancel_on_disconnect: bool = False


class Route:
    """A function of the application that answers requests to `path`."""

    def __init__(
        self,
        path: str,
        options: RouteOptions,
        fn: FunctionType,
        parameters: tuple[str, ...],
        *,
        is_async: bool,
    ) -> None:
        self.path = path
        self.options = options
        self.fn = fn
        #: The parameters after `ctx` and `request`: the path's.
        self.parameters = parameters
        self.is_async = is_async
        self.__name__ = fn.__name__
        self.__qualname__ = fn.__qualname__
        self.__module__ = fn.__module__
        self.__doc__ = fn.__doc__
        self.__wrapped__ = fn
        collect(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run inline, as a part of the calling action."""
        return self.fn(*args, **kwargs)

    @property
    def file(self) -> str:
        return self.fn.__code__.co_filename

    @property
    def line(self) -> int:
        """Where its `def` is."""
        return line_of_def(self.fn.__code__)

    def label(self, method: str) -> str:
        """How logs name it: `POST /webhooks/stripe`."""
        return f"{method} {self.path}"

    def __repr__(self) -> str:
        return f"<route {'|'.join(self.options.methods)} {self.path}>"

    def definition(
        self, label: str, body: Callable[..., Coroutine[Any, Any, None]] | Callable[..., None]
    ) -> FunctionDefinition:
        """An action that answers one request with `body(ctx)`."""
        return replace(self._template, path=label, label=label.encode(), fn=body)

    @cached_property
    def _template(self) -> FunctionDefinition:
        made = action_definition("http:route", is_async=self.is_async, timeout=self.options.timeout)
        return replace(made, module=self.__module__, file=self.file, line=self.line)


def action_definition(label: str, *, is_async: bool, timeout: float | None = None) -> FunctionDefinition:
    """An action without arguments and result that is in no registry. Whoever asks is under the rules of tables."""
    function: Action[[], None] | SyncAction[[], None] = (
        Action(_nothing_async, None, timeout=timeout)
        if is_async
        else SyncAction(_nothing, None, timeout=timeout)
    )
    return replace(define(function, label), path=label, label=label.encode())


async def _nothing_async(ctx: ActionCtx) -> None: ...


def _nothing(ctx: SyncActionCtx) -> None: ...


def reserved_part(path: str) -> str | None:
    """The reserved path that `path` is or lies below; None if there is none."""
    return next((taken for taken in RESERVED if path == taken or path.startswith(taken + "/")), None)


def check_path(path: str, what: str) -> None:
    """Raises SetupError for a path that no route or mount may have."""
    if not path.startswith("/") or "//" in path or any(part in (".", "..") for part in path.split("/")):
        raise SetupError(
            f"{what}: {path!r} is no path: it must begin with one / and have no empty parts or dots",
            'for example "/webhooks/stripe"',
        )
    taken = reserved_part(path)
    if taken is not None:
        raise SetupError(
            f"{what}: {path} is reserved: {RESERVED[taken]}", "choose another path, such as /hooks"
        )
