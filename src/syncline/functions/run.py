"""One run of a function: who called it, what it may use, and what it was seen to use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from syncline.files import FileService
from syncline.kernel.clock import Entropy, SystemEntropy
from syncline.kernel.errors import ForbiddenError, LimitError, SideEffectError, UnauthenticatedError
from syncline.kernel.identity import Caller, Identity
from syncline.kernel.limits import Limits
from syncline.kernel.secrets import SecretBox

from .deadline import Deadline
from .definitions import FunctionDefinition
from .guards import install_guards
from .logs import LogLines
from .pending_jobs import PendingJobs
from .signed_tokens import TokenSigner
from .statistics import Statistics
from .variables import Environment, environment_of

if TYPE_CHECKING:
    from syncline.database import Catalog, Guard, Transaction
    from syncline.schema import Id
    from syncline.system import ScheduledJob

    from .registry import Registry

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What all runs of a process share."""

    limits: Limits = field(default_factory=Limits)
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    #: Production: clients see neither messages of unexpected errors nor log lines.
    redact: bool = False
    #: Development: every query runs a second time, and a difference is reported.
    run_twice: bool = False
    #: Opens what is stored sealed, environment variables for one. Without it there are none.
    secrets: SecretBox | None = None
    #: Where files are. Without it `ctx.storage` refuses.
    files: FileService | None = None
    #: Signs `ctx.auth.sign_jwt`. Without it there are no such tokens.
    signer: TokenSigner | None = None
    #: What each function has used.
    statistics: Statistics = field(default_factory=Statistics)
    #: How many scheduled calls wait.
    pending_jobs: PendingJobs = field(default_factory=PendingJobs)


class Execution:
    """What all transactions on one thread share. Make it on the thread that will run them."""

    __slots__ = ("deadline", "entropy", "limits", "recorder", "settings")

    def __init__(self, settings: RunSettings, entropy: Entropy | None = None) -> None:
        install_guards()
        self.settings = settings
        self.limits = settings.limits
        self.entropy: Entropy = SystemEntropy() if entropy is None else entropy
        self.deadline = Deadline()
        self.recorder = settings.statistics.recorder()

    def close(self) -> None:
        """The thread runs nothing any more."""
        self.deadline.close()


class Run:
    """One run of any function. Only what is used is made: most runs log nothing and need no chance."""

    # Class attributes are the initial values: an attribute that is never set costs nothing per run.
    used_identity: bool = False
    #: A forbidden side effect. Fails the run even if the function swallowed the error.
    violation: SideEffectError | None = None
    #: The scheduled job that this run is, if it is one.
    job: Id[ScheduledJob] | None = None
    _env: Environment | None = None
    _logs: LogLines | None = None
    _random: Random | None = None

    def __init__(
        self, definition: FunctionDefinition, caller: Caller, settings: RunSettings, request_id: str | None
    ) -> None:
        self.definition = definition
        self.caller = caller
        self.settings = settings
        self.request_id = request_id

    @property
    def identity(self) -> Identity | None:
        self.used_identity = True
        return self.caller.identity

    def seconds(self) -> float:
        """The time that the function sees, in seconds since the epoch."""
        raise AssertionError(f"{self.definition.path} has no clock")

    @property
    def restricted(self) -> bool:
        """Whether the rules of tables bind this run: rules follow the function that was called from outside."""
        return self.caller.restricted and not self.definition.internal

    @property
    def env(self) -> Environment:
        """The deployment's variables, as of the run."""
        if self._env is None:
            self._env = self._environment()
        return self._env

    def _environment(self) -> Environment:
        """Made when it is first used."""
        raise AssertionError(f"{self.definition.path} has no environment")

    @property
    def env_names(self) -> frozenset[str]:
        """The variables that were read; `*` stands for all of them."""
        return frozenset() if self._env is None else frozenset(self._env.names)

    @property
    def logs(self) -> LogLines:
        if self._logs is None:
            self._logs = LogLines(self.settings.limits)
        return self._logs

    def log_lines(self) -> list[str]:
        return [] if self._logs is None else self._logs.close()

    def violate(self, error: SideEffectError) -> SideEffectError:
        """Note a forbidden side effect; the first one is reported."""
        if self.violation is None:
            self.violation = error
        return error


class TransactionRun(Run):
    """One run of a query or a mutation."""

    used_now: bool = False
    #: The next nanosecond at which a `ctx.clock` of this run changes.
    tick_ns: int | None = None
    #: Paths of the functions that run inside one another, the outermost first; empty while there is only one.
    path: tuple[str, ...] = ()
    #: The rules that bind the caller; made by the first context that needs them.
    guard: Guard | None = None
    #: The session and number under which a client asked; the request id is made of them when it is needed.
    request: tuple[bytes, int] | None = None
    #: The functions of the release, in mutations.
    registry: Registry | None = None
    #: How many triggers run inside one another.
    triggers_within: int = 0
    #: What this mutation has scheduled so far: calls, and bytes of their arguments.
    scheduled: tuple[int, int] = (0, 0)
    _now: datetime | None = None
    _seed: bytes | None = None

    def __init__(
        self,
        definition: FunctionDefinition,
        caller: Caller,
        execution: Execution,
        transaction: Transaction,
        catalog: Catalog,
        request_id: str | None = None,
    ) -> None:
        self.definition = definition
        self.caller = caller
        self.settings = execution.settings
        self.request_id = request_id
        self.execution = execution
        self.transaction = transaction
        self.catalog = catalog

    def _environment(self) -> Environment:
        return environment_of(self)

    @property
    def now(self) -> datetime:
        """The time of the transaction."""
        self.used_now = True
        return self._moment()

    def seconds(self) -> float:
        return self.now.timestamp()

    def clock(self, period: timedelta) -> datetime:
        """The time of the transaction, rounded down to a multiple of `period` since the epoch."""
        moment = self._moment() - _EPOCH
        rounded = moment - moment % period
        tick_ns = (rounded + period) // timedelta(microseconds=1) * 1000
        if self.tick_ns is None or tick_ns < self.tick_ns:
            self.tick_ns = tick_ns
        return _EPOCH + rounded

    def _moment(self) -> datetime:
        if self._now is None:
            self._now = _EPOCH + timedelta(microseconds=self.transaction.now_us)
        return self._now

    @property
    def random(self) -> Random:
        if self._random is None:
            if self._seed is None:
                self._seed = self.execution.entropy.bytes(16)
            self._random = Random(self._seed)  # noqa: S311 - reproducible on purpose
        return self._random

    def enter(self, definition: FunctionDefinition) -> tuple[str, ...]:
        """Note that a nested function begins; returns what to put back into `path` when it ends."""
        before = self.path or (self.definition.path,)
        limit = self.settings.limits.call_depth
        if len(before) > limit:
            chain = " -> ".join([*before, definition.path])
            raise LimitError(
                f"call depth: {len(before)} used, the limit is {limit}. Functions called each other with ctx.run: "
                f"{chain}. End the circle if it is one; or call some of them as plain functions: fn(ctx, ...)."
            )
        self.path = (*before, definition.path)
        return before

    def again(self, transaction: Transaction) -> TransactionRun:
        """The same run on another transaction of the same snapshot: with the same time and the same chance."""
        twin = TransactionRun(
            self.definition, self.caller, self.execution, transaction, self.catalog, self.request_id
        )
        twin._seed = self._seed
        return twin


class Auth:
    """`ctx.auth`: who is calling."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def identity(self) -> Identity | None:
        """The signed-in caller, or None."""
        return self._run.identity

    def require(self) -> Identity:
        """The signed-in caller; UnauthenticatedError if there is none."""
        identity = self._run.identity
        if identity is None:
            raise UnauthenticatedError
        return identity

    def require_recent(self, minutes: float = 10) -> Identity:
        """The signed-in caller, if who it is was proved within so many minutes; ForbiddenError otherwise.

        Tokens say when: by a password, code or passkey (`auth_time`), or by a second step (`mfa_time`). Send the browser
        to `/auth/reverify?redirect=...` to have it proved again. Who acts as somebody else has proved nothing.
        """
        identity = self.require()
        times = [identity.claims.get(name) for name in ("auth_time", "mfa_time")]
        latest = max((time for time in times if isinstance(time, int | float)), default=None)
        if latest is None or self._run.seconds() - latest > 60 * minutes:
            raise ForbiddenError(
                "this needs a recent proof of who you are: go to /auth/reverify?redirect=..., and try again"
            )
        return identity

    def require_scope(self, scope: str) -> Identity:
        """The signed-in caller, if a program that came with an API key has a key of this scope; ForbiddenError otherwise.

        People who signed in themselves have no scopes, and pass. A key without any scope passes nowhere. Tokens of other
        issuers count as keys if they have the claim `scp`: a list, or words with spaces between them.
        """
        identity = self.require()
        granted = identity.claims.get("scp")
        if granted is None:
            return identity
        scopes = granted.split() if isinstance(granted, str) else granted
        if not isinstance(scopes, list | tuple) or scope not in scopes:
            raise ForbiddenError(f"this needs an API key of the scope {scope!r}, which yours does not have")
        return identity
