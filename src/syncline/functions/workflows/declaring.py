"""`@workflow`: a function made of steps that survives restarts and deployments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from syncline.database import SystemWriter
from syncline.functions import workflow_records as records
from syncline.functions.contexts import MutationCtx
from syncline.functions.decorators import Mutation
from syncline.functions.retry import Retry
from syncline.functions.system_db import run_of
from syncline.kernel.errors import SetupError
from syncline.schema import Id, ResultCodec
from syncline.schema.hints import evaluate
from syncline.system import WorkflowRun
from syncline.values import decode_json

from .context import WorkflowCtx

P = ParamSpec("P")
R = TypeVar("R")

#: Attempts after the first one, unless the workflow or the step says otherwise.
_RETRY = Retry(5)


class Workflow(Mutation[P, Id[WorkflowRun]], Generic[P, R]):
    """A workflow. Called as a mutation, by whomever, it starts a run and returns its id."""

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None,
        *,
        internal: bool,
        anonymous: bool,
        retry: Retry | None,
    ) -> None:
        if not inspect.iscoroutinefunction(fn):
            raise SetupError(
                f"{getattr(fn, '__qualname__', fn)!s} is not an `async def`; workflows are, so that they can wait",
                "write async def, and await ctx.step(...), ctx.sleep(...) and ctx.wait_for(...)",
            )
        self.retry = retry
        self._codec: ResultCodec | None = None
        super().__init__(fn, name, internal=internal, anonymous=anonymous)

    def _check_kind(self, fn: Any) -> None:
        """It is an `async def`, other than mutations."""

    @property
    def body(self) -> Callable[..., Coroutine[object, None, object]]:
        """The function itself."""
        return self.fn

    @property
    def entry(self) -> Callable[..., Any]:
        return self._start

    @property
    def returns(self) -> object | None:
        return Id[WorkflowRun]

    def encode_result(self, value: object) -> bytes:
        """What a run returned, by the hint. Raises ResultError."""
        if self._codec is None:
            fn = self.fn
            where = f"{fn.__qualname__}, its result"
            self._codec = ResultCodec(
                evaluate(fn.__annotations__["return"], where, fn.__globals__, {}), where=where
            )
        return self._codec.encode(value)

    def _start(self, ctx: MutationCtx, **kwargs: Any) -> Id[WorkflowRun]:
        run = run_of(ctx)
        definition = self.definition
        assert definition is not None
        args = cast("dict[str, Any]", decode_json(definition.arguments.encode(kwargs)))
        identity = run.identity
        owner = None if identity is None else identity.token_identifier
        run.settings.pending_jobs.admit(run.transaction, run.catalog, run.settings.limits, run.scheduled[0])
        db = SystemWriter(run.transaction, run.catalog)
        return records.start(db, definition.path, args, owner, f"{ctx.random.getrandbits(128):032x}", ctx.now)

    def __call__(self, ctx: MutationCtx, /, *args: P.args, **kwargs: P.kwargs) -> Id[WorkflowRun]:
        """Start a run, as a part of the caller's transaction."""
        return ctx.run(self, *args, **kwargs)


class _WorkflowDecorator(Protocol):
    def __call__(
        self, fn: Callable[Concatenate[WorkflowCtx, P], Coroutine[Any, Any, R]], /
    ) -> Workflow[P, R]: ...


@overload
def workflow(fn: Callable[Concatenate[WorkflowCtx, P], Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *,
    name: str | None = None,
    internal: bool = False,
    anonymous: bool = False,
    retry: Retry | int | None = _RETRY,
) -> _WorkflowDecorator: ...
def workflow(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    internal: bool = False,
    anonymous: bool = False,
    retry: Retry | int | None = _RETRY,
) -> Any:
    """Make an `async def` a workflow: made of steps, durable, resumed wherever a crash or a deployment has struck.

        @workflow
        async def onboarding(ctx: WorkflowCtx, user: Id[User]) -> None:
            await ctx.step(send_welcome, user=user)
            await ctx.sleep(days=3)
            await ctx.step(send_tips, user=user)

    Called as a mutation it starts a run and returns its id. `retry` is the policy of its steps (5 attempts after the first
    one); the other options are those of `query`. Between its steps a workflow may not do I/O, as no mutation may.
    """
    policy = Retry(retry) if isinstance(retry, int) else retry

    def decorate(fn: Callable[..., Any]) -> Workflow[..., Any]:
        return Workflow[..., Any](fn, name, internal=internal, anonymous=anonymous, retry=policy)

    return decorate if fn is None else decorate(fn)
