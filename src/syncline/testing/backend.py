"""An application under test: its functions on a store in memory."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from uuid import uuid4

from syncline.files import FilePlace, FileService
from syncline.functions import (
    Action,
    ActionCall,
    Function,
    FunctionDefinition,
    Kind,
    Mutation,
    MutationCall,
    Outcome,
    Query,
    Release,
    SyncAction,
    define,
)
from syncline.functions.definitions import arguments_by_name
from syncline.functions.engine import Engine
from syncline.functions.system.jobs import MOST_SHOWN, list_jobs
from syncline.functions.variables import CHANGE
from syncline.jobs import Jobs
from syncline.kernel.clock import FakeClock, SeededEntropy
from syncline.kernel.errors import SynclineError
from syncline.kernel.identity import Caller, Identity
from syncline.kernel.limits import Limits
from syncline.schema import Id
from syncline.store import Store
from syncline.sync import LiveQueries
from syncline.system import ScheduledJob, StoredFile

from .probes import probed
from .refusals import expect_refusal
from .requests import Ask, Reply, send
from .running import run_settings
from .turns import Turns
from .updates import Updates, decoded

if TYPE_CHECKING:
    from syncline.accounts.mail.outbox import Mail

    from .accounts import TestAccounts
    from .front import TestFront

P = ParamSpec("P")
R = TypeVar("R")

#: At so many moments something may be due while time passes once: far more than a test waits for.
_MOST_MOMENTS = 10_000
_MOST_JOBS = 10_000

#: The issuer of identities made by `signed_in`.
ISSUER = "https://test.syncline.invalid"


class World:
    """One engine on a store in memory, and the time and chance in it."""

    def __init__(self, release: Release, limits: Limits, env: Mapping[str, str]) -> None:
        self.clock = FakeClock()
        self.logs: list[str] = []
        self._release = release
        self._limits = limits
        #: Made with the first file that a test stores.
        self._folder = Path(gettempdir()) / f"syncline-test-{uuid4().hex}"
        self._files = FileService(FilePlace(self._folder, None, bytes(32), None, ""), limits)
        self._accounts: TestAccounts | None = None  # None -> made: the first time that a test needs it
        self._front: TestFront | None = None  # None -> started: the first request
        self._turns = Turns()
        self._store = Store.memory(self.clock)
        seeds = count(1)
        self.schema = release.schema
        self.several_issuers = release.registry.admission.several_issuers  # As rules are told.
        self._engine = Engine(
            self._store,
            probed(release),
            run_settings(limits, env, self._files),
            self.clock,
            SeededEntropy(0),
            on_fatal=_failed,
            new_entropy=lambda: SeededEntropy(next(seeds)),
        )
        self._live = LiveQueries(self._engine, self.clock, limits)
        self._jobs = Jobs(self._engine, self._engine.act, self.clock, limits)
        self._engine.start(self._turns.post, self._live)
        self._jobs.pause()
        self._jobs.begin()
        self._turns.run_until(lambda: self._jobs.ready, "crons to be taken up")

    def call(
        self,
        caller: Caller,
        definition: FunctionDefinition,
        args: tuple[object, ...],
        kwargs: dict[str, Any],
    ) -> object:
        raw_args = _encoded(definition, args, kwargs)
        outcomes: list[Outcome] = []

        def done(outcome: Outcome, *_: object) -> None:
            outcomes.append(outcome)

        if definition.kind is Kind.QUERY:
            self._live.fetch(definition.path, raw_args, caller, done)
        elif definition.kind is Kind.MUTATION:
            self._engine.mutate(MutationCall(definition.path, raw_args, caller, done))
        else:
            self._engine.act(ActionCall(definition.path, raw_args, caller, done))
        self._turns.run_until(lambda: bool(outcomes), definition.path)
        [outcome] = outcomes
        self.logs += outcome.lines
        return decoded(definition, outcome)

    def request(self, identity: Identity | None, ask: Ask) -> Reply:
        """The answer of a route or mount to a request of somebody."""
        front = self._front
        if front is None:
            # Imported when a test needs it: most do not, and it takes a while.
            from .front import TestFront

            front = self._front = TestFront(
                self._release, self._engine, self._live, self.clock, self._limits, self._files, self._heard
            )
        if identity is not None:
            ask = ask.with_header("authorization", f"Bearer {front.token(identity)}")
        answers: list[Reply | BaseException] = []
        send(front.app, ask, lambda answer: self._turns.post(answers.append, answer))
        self._turns.run_until(lambda: bool(answers), f"{ask.method} {ask.url}")
        [answer] = answers
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _heard(self, outcome: Outcome) -> None:
        self.logs += outcome.lines

    @property
    def accounts(self) -> TestAccounts:
        """The built-in sign-in of the application."""
        if self._accounts is None:
            # Imported when a test needs it, as above.
            from .accounts import TestAccounts

            app = self._release.app
            self._accounts = TestAccounts(() if app is None else app.auth, self.clock, self._limits)
        return self._accounts

    def probe(self, caller: Caller, name: str, **values: object) -> Any:
        """The result of one of Syncline's own functions, or of those in probes.py; `name` is its path."""
        return self.call(caller, self._find(name), (), values)

    def probe_live(self, caller: Caller, name: str, **values: str) -> Any:
        """The same as a subscriber is shown it."""
        updates = self.subscribe(caller, self._find(name), (), values)
        try:
            return updates.latest
        finally:
            updates.close()

    def _find(self, name: str) -> FunctionDefinition:
        return self._engine.release.registry.find(name, None, Caller(admin=True))

    def subscribe(
        self,
        caller: Caller,
        definition: FunctionDefinition,
        args: tuple[object, ...],
        kwargs: dict[str, Any],
    ) -> Updates[Any]:
        raw_args = _encoded(definition, args, kwargs)
        return Updates(self._live, definition, raw_args, caller, self.settle)

    def settle(self) -> None:
        """Wait until all live queries show the newest state."""
        self._turns.run_until(lambda: self._live.is_settled, "live queries to settle")

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each moment at which something is due."""
        end_ns = self.clock.wall_ns() + round(seconds * 1e9)
        self._jobs.resume()
        try:
            for _ in range(_MOST_MOMENTS):
                self._run_due()
                next_ms = self._jobs.next_ms
                if next_ms is None or (next_ns := _due_ns(next_ms)) > end_ns:
                    break
                self._move(max(0, next_ns - self.clock.wall_ns()))
            else:
                raise AssertionError(
                    f"advance: scheduled functions ran at {_MOST_MOMENTS:,} moments, and there are more. Advance less at a time"
                )
        finally:
            self._jobs.pause()
        self._move(end_ns - self.clock.wall_ns())
        self._turns.run_until(lambda: self._jobs.ready, "what is old to be swept")
        self.settle()

    def _run_due(self) -> None:
        jobs = self._jobs
        most = jobs.stats().started + _MOST_JOBS
        self._turns.run_until(lambda: jobs.idle or jobs.stats().started > most, "scheduled functions to end")
        if not jobs.idle:
            jobs.pause()
            left = cast(
                "list[ScheduledJob]", self.call(Caller(backend=True), define(list_jobs), (), {"limit": 1})
            )
            raise AssertionError(
                f"advance: {_MOST_JOBS:,} scheduled functions have run at one moment, and there are more, of "
                f"{left[0].function} for one. Does it schedule itself again without a delay?"
            )

    def _move(self, nanoseconds: int) -> None:
        self.clock.advance_ns(nanoseconds)
        self._live.tick()
        self._jobs.tick()

    def close(self) -> None:
        if self._front is not None:
            self._front.close()
        if self._accounts is not None:
            self._accounts.close()
        self._engine.stop()
        self._files.close()
        rmtree(self._folder, ignore_errors=True)
        self._store.close()


class User:
    """Somebody who calls functions, as a client would."""

    def __init__(self, world: World, identity: Identity | None) -> None:
        self._world = world
        self.identity = identity

    def query(self, fn: Query[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a query. Raises what it raises."""
        return cast("R", self._world.call(self._caller_of(fn.internal), define(fn), args, kwargs))

    def mutation(self, fn: Mutation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a mutation. Raises what it raises; then nothing was written."""
        return cast("R", self._world.call(self._caller_of(fn.internal), define(fn), args, kwargs))

    def action(self, fn: Action[P, R] | SyncAction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call an action, async or not, and wait for it. Raises what it raises."""
        return cast("R", self._world.call(self._caller_of(fn.internal), define(fn), args, kwargs))

    def cannot(self, fn: Function[P, object], /, *args: P.args, **kwargs: P.kwargs) -> SynclineError | None:
        """Assert that a call, as a client makes it, is refused or shows nothing; AssertionError if not.

        Refused is what ends with NotFoundError, ForbiddenError, UnauthenticatedError or, for an internal function,
        FunctionNotFoundError, which is returned. A query may also show nothing: None, an empty list or page, zero.
        """
        definition = define(fn)
        return expect_refusal(
            "anybody" if self.identity is None else self.identity.subject,
            definition,
            arguments_by_name(definition, args, kwargs),
            lambda: self._world.call(Caller(self.identity), definition, args, kwargs),
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | str = b"",
        json: object = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send an HTTP request to a route or a mount: raw `content`, or `json`, or form fields as `data`."""
        ask = Ask.of(method, url, content=content, json_body=json, data=data, headers=headers or {})
        return self._world.request(self.identity, ask)

    @contextmanager
    def subscribe(self, fn: Query[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Generator[Updates[R]]:
        """A live query, as long as the block lasts."""
        updates: Updates[R] = self._world.subscribe(self._caller_of(fn.internal), define(fn), args, kwargs)
        try:
            yield updates
        finally:
            updates.close()

    def _caller_of(self, internal: bool) -> Caller:
        # Tests may call internal functions, as the backend itself may.
        return Caller(self.identity, backend=internal)


class Backend(User):
    """An application with an empty database of its own. Called directly, nobody is signed in.

    Time stands still until `advance` moves it, and chance is the same in every run of a test.
    """

    def __init__(
        self, release: Release, *, limits: Limits | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(World(release, limits or Limits(), dict(env or {})), None)

    @property
    def now(self) -> datetime:
        """The time that functions see as `ctx.now`."""
        passed = timedelta(microseconds=self._world.clock.wall_ns() // 1000)
        return datetime(1970, 1, 1, tzinfo=UTC) + passed

    @property
    def world(self) -> World:
        """What the parts of the test kit share."""
        return self._world

    @property
    def logs(self) -> list[str]:
        """The log lines of all calls so far, in the form that clients see: `[LOG] 'hello'`."""
        return self._world.logs

    def signed_in(self, subject: str, **claims: Any) -> User:
        """Somebody who is signed in as `subject`; `claims` are fields of Identity, such as `email="a@b.c"`."""
        return User(self._world, Identity(subject, claims.pop("issuer", ISSUER), **claims))

    def sign_up(
        self, email: str, *, name: str = "", organization: str | None = None, role: str = "member"
    ) -> User:
        """Somebody with a new account of the built-in sign-in, signed in as its tokens say: see `User.identity`.

        `organization` is the name of one to join with this role; who names a new one makes it, as its administrator.
        """
        identity = self._world.accounts.sign_up(email, name, organization, role)
        self._world.probe(Caller(backend=True), "_system/users:put", **asdict(self._world.accounts.copies()))
        return User(self._world, identity)

    @property
    def mail(self) -> list[Mail]:
        """The mails that the built-in sign-in has sent so far, the oldest first: `kind`, `to`, `subject`, `text`, `html`."""
        return self._world.accounts.mails()

    def upload(
        self, content: bytes, content_type: str | None = None, *, private: bool = False
    ) -> Id[StoredFile]:
        """Store a file as a client does, with an upload address; its id."""
        url = self._world.probe(Caller(backend=True), "_system/storage:upload_url", private=private)
        headers = {} if content_type is None else {"content-type": content_type}
        answer = self.request("POST", url, content=content, headers=headers)
        if answer.status_code != 200:
            raise AssertionError(f"the upload was refused: {answer.text}")
        return Id(answer.json()["storageId"])

    def set_env(self, **variables: str | None) -> None:
        """Set environment variables of the deployment, as `syncline env set` does; None removes one."""
        self._world.probe(Caller(backend=True), CHANGE, changes=variables)

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass, from one moment at which something is due to the next.

        What was scheduled runs then, crons too, each at its own time; live queries with a `ctx.clock` that ticks run
        again. Scheduled functions run at no other time: `advance()` runs what is due now. One that fails raises
        nothing here; `jobs` shows it.
        """
        passed = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if passed < timedelta(0):
            raise ValueError(f"time does not go back: advance({passed})")
        self._world.advance(passed.total_seconds())

    def jobs(
        self, fn: Mutation[..., Any] | Action[..., Any] | SyncAction[..., Any] | None = None
    ) -> list[ScheduledJob]:
        """What was scheduled, and what became of it, in the order of scheduling; of one function, if it is given."""
        found = self.query(list_jobs, function=None if fn is None else define(fn).path, limit=MOST_SHOWN)
        return sorted(found, key=lambda job: job.created_at)

    def close(self) -> None:
        """End the backend's threads and forget its data."""
        self._world.close()


def _failed(error: BaseException) -> None:
    raise AssertionError("the engine failed") from error


def _encoded(definition: FunctionDefinition, args: tuple[object, ...], kwargs: dict[str, Any]) -> bytes:
    values = arguments_by_name(definition, args, kwargs)
    return definition.arguments.encode(definition.arguments.check(values))


def _due_ns(ms: float) -> int:
    """The first microsecond, in nanoseconds, at which a job that is due at `ms` is due."""
    ns = round(ms * 1000) * 1000
    return ns if ns / 1e6 >= ms else ns + 1000
