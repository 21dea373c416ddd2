"""`@query`, `@mutation` and `@action`: what makes a plain function callable by clients.

The decorated function stays a plain callable: `send(ctx, channel="general")` runs it inline. The types carry its
parameters, so that `ctx.run(send, channel="general")` is checked by pyright and mypy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import FunctionType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    overload,
)

from syncline.kernel.errors import SetupError

from .collecting import collect
from .kinds import Kind
from .retry import Retry
from .sources import line_of_def

if TYPE_CHECKING:
    from .contexts import ActionCtx, MutationCtx, QueryCtx, SyncActionCtx
    from .definitions import FunctionDefinition
    from .schedules import Schedule

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ActionOptions:
    """What only actions can be told."""

    process: bool = False
    retry: Retry | None = None
    concurrency: int | None = None
    cancel_with_client: bool = False


class Function(Generic[P, R_co]):
    """A function of the application, with its options. Made by the decorators only."""

    kind: Kind

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None,
        *,
        internal: bool = False,
        anonymous: bool = False,
        timeout: float | None = None,
        options: ActionOptions | None = None,
    ) -> None:
        if not isinstance(fn, FunctionType):
            raise SetupError(
                f"@{self.kind.decorator} is for functions written with def, got {fn!r}",
                "put the decorator directly above the def",
            )
        self.fn = fn
        self.name = fn.__name__ if name is None else name
        self.internal = internal
        self.anonymous = anonymous
        self.timeout = timeout
        self.options = options or ActionOptions()
        #: The parameters after `ctx`, for calls by position.
        self.parameters: tuple[str, ...] = fn.__code__.co_varnames[1 : fn.__code__.co_argcount]
        self.definition: FunctionDefinition | None = None  # None -> the definition: define()
        self.schedule: Schedule | None = None  # None -> when it runs by itself: @every, @cron
        self.__name__ = fn.__name__
        self.__qualname__ = fn.__qualname__
        self.__module__ = fn.__module__
        self.__doc__ = fn.__doc__
        self.__wrapped__ = fn
        self._check(fn)
        collect(self)

    def _check(self, fn: FunctionType) -> None:
        if not self.name.isidentifier() or not self.name.isascii():
            raise SetupError(
                f"{self.name!r} cannot be the name of a function: letters, digits and _ only, not starting with a digit",
                f'for example @{self.kind.decorator}(name="list")',
            )
        if fn.__code__.co_argcount < 1:
            raise SetupError(
                f"{fn.__qualname__} has no ctx parameter",
                f"a {self.kind.decorator} takes its context first: def {fn.__name__}(ctx: {self.kind.context}, ...)",
            )
        self._check_kind(fn)
        if self.timeout is not None and not self.timeout > 0:
            raise SetupError(
                f"{fn.__qualname__}: timeout={self.timeout!r} must be a number of seconds above 0"
            )
        if self.options.process and inspect.iscoroutinefunction(fn):
            raise SetupError(
                f"{fn.__qualname__} is an `async def`, and process=True is for plain functions",
                "write `def`: a process is for work that keeps a processor busy, which nothing else in it waits for",
            )
        if self.options.concurrency is not None and self.options.concurrency < 1:
            raise SetupError(f"{fn.__qualname__}: concurrency={self.options.concurrency!r} must be 1 or more")

    def _check_kind(self, fn: FunctionType) -> None:
        if self.kind is not Kind.ACTION and (
            inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn)
        ):
            raise SetupError(
                f"{fn.__qualname__} is an `async def` or a generator; queries and mutations are plain functions",
                "write `def` (ctx.db does not wait for anything), or make it an @action to await something",
            )

    @property
    def entry(self) -> Callable[..., Any]:
        """What a call runs: the function, unless a class says otherwise."""
        return self.fn

    @property
    def signature(self) -> Callable[..., Any]:
        """What says what a call takes and gives: the function, unless a class says otherwise."""
        return self.fn

    @property
    def returns(self) -> object | None:
        """The hint of what a call gives; None: the function's own."""
        return None

    @property
    def file(self) -> str:
        return self.fn.__code__.co_filename

    @property
    def line(self) -> int:
        """Where its `def` is."""
        return line_of_def(self.fn.__code__)

    def __repr__(self) -> str:
        return f"<{self.kind.decorator} {self.__module__}.{self.__qualname__}>"


class Query(Function[P, R_co]):
    """A query: reads one snapshot; its result stays live at clients that subscribe to it."""

    kind = Kind.QUERY

    def __call__(self, ctx: QueryCtx, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run inline, in the caller's transaction."""
        return cast("R_co", self.fn(ctx, *args, **kwargs))


class Mutation(Function[P, R_co]):
    """A mutation: one serializable transaction."""

    kind = Kind.MUTATION

    def __call__(self, ctx: MutationCtx, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run inline, in the caller's transaction."""
        return cast("R_co", self.fn(ctx, *args, **kwargs))


class Action(Function[P, R_co]):
    """An action written with `async def`: may do anything; calls queries and mutations with `await ctx.run`."""

    kind = Kind.ACTION

    def __call__(self, ctx: ActionCtx, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Run inline, as a part of the calling action."""
        return cast("Coroutine[Any, Any, R_co]", self.fn(ctx, *args, **kwargs))


class SyncAction(Function[P, R_co]):
    """An action written with `def`: runs in a thread."""

    kind = Kind.ACTION

    def __call__(self, ctx: SyncActionCtx, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run inline, as a part of the calling action."""
        return cast("R_co", self.fn(ctx, *args, **kwargs))


class _QueryDecorator(Protocol):
    def __call__(self, fn: Callable[Concatenate[QueryCtx, P], R], /) -> Query[P, R]: ...


class _MutationDecorator(Protocol):
    def __call__(self, fn: Callable[Concatenate[MutationCtx, P], R], /) -> Mutation[P, R]: ...


class _SyncActionDecorator(Protocol):
    def __call__(self, fn: Callable[Concatenate[SyncActionCtx, P], R], /) -> SyncAction[P, R]: ...


class _ActionDecorator(Protocol):
    @overload
    def __call__(
        self, fn: Callable[Concatenate[ActionCtx, P], Coroutine[Any, Any, R]], /
    ) -> Action[P, R]: ...
    @overload
    def __call__(self, fn: Callable[Concatenate[SyncActionCtx, P], R], /) -> SyncAction[P, R]: ...


@overload
def query(fn: Callable[Concatenate[QueryCtx, P], R], /) -> Query[P, R]: ...
@overload
def query(*, name: str | None = None, internal: bool = False, anonymous: bool = False) -> _QueryDecorator: ...
def query(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    internal: bool = False,
    anonymous: bool = False,
) -> Any:
    """Make a function a query.

    `name` is its name on the wire (the function's own unless said); `internal` ones are callable from the backend,
    the command line and tests only; `anonymous` ones need no signed-in caller.
    """

    def decorate(fn: Callable[..., Any]) -> Query[..., Any]:
        return Query(fn, name, internal=internal, anonymous=anonymous)

    return decorate if fn is None else decorate(fn)


@overload
def mutation(fn: Callable[Concatenate[MutationCtx, P], R], /) -> Mutation[P, R]: ...
@overload
def mutation(
    *, name: str | None = None, internal: bool = False, anonymous: bool = False
) -> _MutationDecorator: ...
def mutation(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    internal: bool = False,
    anonymous: bool = False,
) -> Any:
    """Make a function a mutation. The options are those of `query`."""

    def decorate(fn: Callable[..., Any]) -> Mutation[..., Any]:
        return Mutation(fn, name, internal=internal, anonymous=anonymous)

    return decorate if fn is None else decorate(fn)


@overload
def action(fn: Callable[Concatenate[ActionCtx, P], Coroutine[Any, Any, R]], /) -> Action[P, R]: ...
@overload
def action(fn: Callable[Concatenate[SyncActionCtx, P], R], /) -> SyncAction[P, R]: ...
@overload
def action(
    *,
    name: str | None = None,
    internal: bool = False,
    anonymous: bool = False,
    timeout: float | None = None,
    retry: Retry | int | None = None,
    concurrency: int | None = None,
    cancel_with_client: bool = False,
) -> _ActionDecorator: ...
@overload
def action(
    *,
    process: Literal[True],
    name: str | None = None,
    internal: bool = False,
    anonymous: bool = False,
    timeout: float | None = None,
    retry: Retry | int | None = None,
    concurrency: int | None = None,
    cancel_with_client: bool = False,
) -> _SyncActionDecorator: ...
def action(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    internal: bool = False,
    anonymous: bool = False,
    timeout: float | None = None,
    retry: Retry | int | None = None,
    concurrency: int | None = None,
    cancel_with_client: bool = False,
    process: bool = False,
) -> Any:
    """Make a function an action: `async def` runs on an event loop, `def` in a thread, or with `process` in a process.

    `timeout` is in seconds, for each attempt (600 unless said). `retry` attempts a failed one again: a number of times, or
    a `Retry`. `concurrency` is how many runs of it there may be at once; the others wait. `cancel_with_client` stops it
    when the client that called it leaves. The other options are those of `query`.
    """
    options = ActionOptions(
        process, Retry(retry) if isinstance(retry, int) else retry, concurrency, cancel_with_client
    )

    def decorate(fn: Callable[..., Any]) -> Function[..., Any]:
        if inspect.iscoroutinefunction(fn):
            return Action[..., Any](
                fn, name, internal=internal, anonymous=anonymous, timeout=timeout, options=options
            )
        return SyncAction[..., Any](
            fn, name, internal=internal, anonymous=anonymous, timeout=timeout, options=options
        )

    return decorate if fn is None else decorate(fn)
