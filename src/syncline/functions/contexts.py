"""`ctx`: what a function gets to work with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from syncline.database import DatabaseReader, DatabaseWriter, Guard
from syncline.kernel.errors import ArgumentError
from syncline.kernel.identity import Identity
from syncline.schema import Id

from .action_http import async_client, sync_client
from .action_scheduling import ActionScheduler, SyncActionScheduler
from .decorators import Function, Mutation, Query
from .definitions import FunctionDefinition, arguments_by_name, define
from .kinds import Kind
from .logs import Log
from .mutation_auth import MutationAuth
from .profiles import TransactionAuth
from .run import Auth, Run, TransactionRun
from .scheduling import Scheduler
from .storage import StorageReader, StorageWriter
from .storage_actions import ActionStorage, SyncActionStorage
from .streams import APPEND, SyncTextStream, TextStream
from .triggers import Change, Trigger, TriggeringWriter, any_triggers
from .workflow_handle import Workflows

if TYPE_CHECKING:
    import httpx

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

    __slots__ = ("_db", "_restricted")

    def __init__(self, run: TransactionRun, restricted: bool | None = None) -> None:
        """`restricted`: whether the rules of tables bind `db`; None: as they bind the function that was called."""
        self._run = run
        self._restricted = run.restricted if restricted is None else restricted
        self._db: DatabaseReader | None = None

    @property
    def auth(self) -> TransactionAuth:
        """Who is calling: `identity`, `require()` and `user()`."""
        return TransactionAuth(self._run)

    @property
    def db(self) -> DatabaseReader:
        """The database as of the snapshot."""
        db = self._db
        if db is None:
            run = self._run
            db = self._db = DatabaseReader(run.transaction, run.catalog, self._guard())
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

    @property
    def storage(self) -> StorageReader:
        """Files: addresses and records."""
        return StorageReader(self._run, self._restricted)

    def run(self, fn: Query[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call another query on the same snapshot."""
        if not isinstance(cast("object", fn), Query):
            raise _wrong_kind(fn, "a query", "queries")
        return cast("R", self._call(fn, QueryCtx, args, kwargs))

    def _guard(self) -> Guard | None:
        run = self._run
        if self._restricted and run.guard is None:
            run.guard = Guard(_Asking(run), run.transaction, run.catalog)
        return run.guard if self._restricted else None

    def _call(
        self, fn: Function[..., Any], ctx: type[QueryCtx], args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> object:
        run = self._run
        definition = fn.definition or define(fn)
        values = definition.arguments.check(arguments_by_name(definition, args, kwargs))
        before = run.enter(definition)
        try:
            # An internal function is an entry point of its own: for all that it calls no rules hold.
            inner = ctx(run, self._restricted and not definition.internal)
            try:
                result = definition.fn(inner, **values)
            finally:
                release(inner)
        finally:
            run.path = before
        definition.result.encode(result)
        return result


def release(ctx: QueryCtx) -> None:
    """The function that `ctx` was for has ended. Without it, a transaction and its database would hold each other."""
    ctx._db = None  # pyright: ignore[reportPrivateUsage] - of this module, and no business of applications


class _Asking:
    """The caller of a run, as rules ask about it."""

    __slots__ = ("_run",)

    def __init__(self, run: TransactionRun) -> None:
        self._run = run

    @property
    def identity(self) -> Identity | None:
        return self._run.identity

    def predicate_context(self) -> QueryCtx:
        return QueryCtx(self._run, restricted=False)


class MutationCtx(QueryCtx):
    """The context of a mutation: one transaction."""

    __slots__ = ()

    @property
    def auth(self) -> MutationAuth:
        """Who is calling, and tokens for other services: `sign_jwt(...)`."""
        return MutationAuth(self._run)

    @property
    def storage(self) -> StorageWriter:
        """Files: addresses for uploads and downloads, records, deletion as a part of this transaction."""
        return StorageWriter(self._run, self._restricted)

    @property
    def db(self) -> DatabaseWriter:
        """The database, with this transaction's own writes."""
        db = self._db
        if db is None:
            run = self._run
            guard = self._guard()
            if any_triggers():
                db = self._db = TriggeringWriter(run.transaction, run.catalog, guard, self._fire)
            else:
                db = self._db = DatabaseWriter(run.transaction, run.catalog, guard)
        return cast("DatabaseWriter", db)

    def _fire(self, trigger: Trigger[Any], change: Change[Any]) -> None:
        with trigger.entered(self._run):
            inner = MutationCtx(self._run, restricted=False)
            try:
                trigger(inner, change)
            finally:
                release(inner)

    @property
    def scheduler(self) -> Scheduler:
        """Calls of functions at a later time: `after`, `at` and `cancel`, as parts of this transaction."""
        return Scheduler(self._run)

    @property
    def workflows(self) -> Workflows:
        """Events for workflows that are under way, and ending them. `ctx.run(a_workflow, ...)` starts one."""
        return Workflows(self._run)

    def run(self, fn: Query[P, R] | Mutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a query, or a mutation as a nested transaction: if it raises, its writes alone are undone."""
        run = self._run
        if isinstance(fn, Query):
            return cast("R", self._call(fn, QueryCtx, args, kwargs))
        if not isinstance(cast("object", fn), Mutation):
            raise _wrong_kind(fn, "a mutation", "queries and mutations")
        scheduled = run.scheduled
        try:
            with run.transaction.nested():
                return cast("R", self._call(fn, MutationCtx, args, kwargs))
        except BaseException:
            run.scheduled = scheduled  # What it had scheduled is undone, too.
            raise


class _AnyActionCtx(_Ctx["ActionRun"]):
    """What actions of both kinds have."""

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

    def progress(self, fraction: float, note: str = "", *, key: str | None = None) -> None:
        """Say how far the action is, from 0 to 1, to whoever watches `_system/progress:watch`. Waits for nothing.

        Clients find it by `key`, by the id of the job if it was scheduled, or without either by who has called.
        """
        self._run.progress(fraction, note, key)


class ActionCtx(_AnyActionCtx):
    """The context of an `async def` action."""

    __slots__ = ()

    @property
    def scheduler(self) -> ActionScheduler:
        """Calls of functions at a later time: `after`, `at` and `cancel`, each a transaction of its own."""
        return ActionScheduler(self._run)

    @property
    def storage(self) -> ActionStorage:
        """Files: their bytes, addresses and records."""
        return ActionStorage(self._run)

    @property
    def http(self) -> httpx.AsyncClient:
        """An httpx client that reaches the public network only: for URLs that somebody else has chosen.

        Anything else is a RefusedAddressError that names it, redirects and names that resolve to private addresses too.
        """
        return self._run.made_once("http", async_client)

    def stream(self, id: Id[Any], field: str) -> TextStream:
        """Let text grow in a field of a document: `async with ctx.stream(id, "body") as out: await out.write("word ")`.

        Ten times a second at most it is written, and whoever watches the document sees it grow.
        """
        run = self._run
        return TextStream(lambda text: run.system(APPEND, {"id": str(id), "field": field, "text": text}))

    async def run(self, fn: Query[P, R] | Mutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a query or a mutation, each a transaction of its own."""
        definition = _transactional(fn)
        values = arguments_by_name(definition, args, kwargs)
        return cast("R", await self._run.call(definition, values))


class SyncActionCtx(_AnyActionCtx):
    """The context of a `def` action."""

    __slots__ = ()

    @property
    def scheduler(self) -> SyncActionScheduler:
        """Calls of functions at a later time: `after`, `at` and `cancel`, each a transaction of its own."""
        return SyncActionScheduler(self._run)

    @property
    def storage(self) -> SyncActionStorage:
        """Files: their bytes, addresses and records."""
        return SyncActionStorage(self._run)

    @property
    def http(self) -> httpx.Client:
        """An httpx client that reaches the public network only: for URLs that somebody else has chosen.

        Anything else is a RefusedAddressError that names it, redirects and names that resolve to private addresses too.
        """
        return self._run.made_once("http", sync_client)

    def stream(self, id: Id[Any], field: str) -> SyncTextStream:
        """Let text grow in a field of a document: `with ctx.stream(id, "body") as out: out.write("word ")`.

        Ten times a second at most it is written, and whoever watches the document sees it grow.
        """
        run = self._run
        return SyncTextStream(
            lambda text: run.system_and_wait(APPEND, {"id": str(id), "field": field, "text": text}),
            run.monotonic,
        )

    def run(self, fn: Query[P, R] | Mutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a query or a mutation, each a transaction of its own, and wait for its result."""
        definition = _transactional(fn)
        values = arguments_by_name(definition, args, kwargs)
        return cast("R", self._run.call_and_wait(definition, values))


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
