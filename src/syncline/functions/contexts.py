"""`ctx`: what a function gets to work with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from syncline.database import DatabaseReader, DatabaseWriter
from syncline.kernel.errors import ArgumentError

from .decorators import Function, Mutation, Query
from .definitions import FunctionDefinition, define
from .kinds import Kind
from .logs import Log
from .run import Auth, Run, TransactionRun

if TYPE_CHECKING:
    from .action_run import ActionRun

P = ParamSpec("P")
R = TypeVar("R")
RunT = TypeVar("RunT", bound=Run)


class _Ctx(Generic[RunT]):
    """What every context offers."""

    __slots__ = ("_run",)

    _run: RunT

    @property
    def auth(self) -> Auth:
        """Who is calling: `identity` and `require()`."""
        return Auth(self._run)

    @property
    def env(self) -> Mapping[str, str]:
        """Environment variables of the deployment."""
        return self._run.env

    @property
    def log(self) -> Log:
        """Log lines: `debug`, `info`, `warning`, `error`."""
        return Log(self._run)


class QueryCtx(_Ctx[TransactionRun]):
    """The context of a query: reads of one snapshot."""

    __slots__ = ("_db",)

    def __init__(self, run: TransactionRun) -> None:
        self._run = run
        self._db: DatabaseReader | None = None

    @property
    def db(self) -> DatabaseReader:
        """The database as of the snapshot."""
        db = self._db
        if db is None:
            run = self._run
            db = self._db = DatabaseReader(run.transaction, run.catalog)
        return db

    @property
    def now(self) -> datetime:
        """The time (UTC), the same for the whole run. A query that uses it is not rerun because time passes."""
        return self._run.now

    def clock(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """The time (UTC), rounded down to a multiple of the period; the query reruns when it ticks.

        `ctx.clock(minutes=1)` is the current minute.
        """
        period = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if period < timedelta(seconds=1):
            raise ArgumentError(
                f"ctx.clock needs a period of at least one second, for example ctx.clock(minutes=1); got {period}"
            )
        return self._run.clock(period)

    @property
    def random(self) -> Random:
        """Chance, seeded anew for each run."""
        return self._run.random

    def run(self, fn: Query[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call another query on the same snapshot."""
        if not isinstance(cast("object", fn), Query):
            raise _wrong_kind(fn, "a query", "queries")
        return cast("R", _call(self._run, fn, QueryCtx, args, kwargs))


class MutationCtx(QueryCtx):
    """The context of a mutation: one transaction."""

    __slots__ = ()

    @property
    def db(self) -> DatabaseWriter:
        """The database, with this transaction's own writes."""
        db = self._db
        if db is None:
            run = self._run
            db = self._db = DatabaseWriter(run.transaction, run.catalog)
        return cast("DatabaseWriter", db)

    def run(self, fn: Query[P, R] | Mutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a query, or a mutation as a nested transaction: if it raises, its writes alone are undone."""
        run = self._run
        if isinstance(fn, Query):
            return cast("R", _call(run, fn, QueryCtx, args, kwargs))
        if not isinstance(cast("object", fn), Mutation):
            raise _wrong_kind(fn, "a mutation", "queries and mutations")
        with run.transaction.nested():
            return cast("R", _call(run, fn, MutationCtx, args, kwargs))


class ActionCtx(_Ctx["ActionRun"]):
    """The context of an `async def` action."""

    __slots__ = ()

    def __init__(self, run: ActionRun) -> None:
        self._run = run

    @property
    def now(self) -> datetime:
        """The time now (UTC)."""
        return self._run.now()

    @property
    def random(self) -> Random:
        """Chance."""
        return self._run.random

    async def run(self, fn: Query[P, R] | Mutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a query or a mutation, each a transaction of its own."""
        definition = _transactional(fn)
        values = arguments_by_name(definition, args, kwargs)
        return cast("R", await self._run.call(definition, values))


class SyncActionCtx(_Ctx["ActionRun"]):
    """The context of a `def` action."""

    __slots__ = ()

    def __init__(self, run: ActionRun) -> None:
        self._run = run

    @property
    def now(self) -> datetime:
        """The time now (UTC)."""
        return self._run.now()

    @property
    def random(self) -> Random:
        """Chance."""
        return self._run.random

    def run(self, fn: Query[P, R] | Mutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a query or a mutation, each a transaction of its own, and wait for its result."""
        definition = _transactional(fn)
        values = arguments_by_name(definition, args, kwargs)
        return cast("R", self._run.call_and_wait(definition, values))


def _call(
    run: TransactionRun,
    fn: Function[..., Any],
    ctx: type[QueryCtx],
    args: tuple[object, ...],
    kwargs: dict[str, Any],
) -> object:
    definition = fn.definition or define(fn)
    values = definition.arguments.check(arguments_by_name(definition, args, kwargs))
    before = run.enter(definition)
    try:
        result = definition.fn(ctx(run), **values)
    finally:
        run.path = before
    definition.result.encode(result)
    return result


def arguments_by_name(
    definition: FunctionDefinition, args: tuple[object, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """All arguments as keywords, as they travel."""
    if not args:
        return kwargs
    names = definition.parameters
    if len(args) > len(names):
        raise ArgumentError(
            f"{definition.path} takes {len(names)} arguments after ctx, {len(args)} were given"
        )
    given = dict(zip(names, args, strict=False))
    twice = next((name for name in given if name in kwargs), None)
    if twice is not None:
        raise ArgumentError(f"{definition.path}: the argument {twice!r} was given twice")
    return given | kwargs


def _transactional(fn: object) -> FunctionDefinition:
    if not isinstance(fn, Query | Mutation):
        raise _wrong_kind(fn, "an action", "queries and mutations")
    found = cast("Function[..., Any]", fn)
    return found.definition or define(found)


def _wrong_kind(fn: object, caller: str, allowed: str) -> TypeError:
    if isinstance(fn, Function):
        name = cast("Function[..., Any]", fn).__name__
        what = f"{name} is {'an' if fn.kind is Kind.ACTION else 'a'} {fn.kind.decorator}"
        remedy = "call it as a plain function" if caller == "an action" else "call it from an action"
        return TypeError(f"ctx.run in {caller} calls {allowed}, and {what}: {remedy}")
    return TypeError(f"ctx.run calls {allowed} by the decorated function, got {fn!r}")


def utc(wall_ns: int) -> datetime:
    """Nanoseconds since the epoch as an aware datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_ns // 1000)
