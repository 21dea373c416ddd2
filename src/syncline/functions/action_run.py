"""One run of an action, and its way to queries and mutations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from queue import SimpleQueue
from random import Random
from typing import Protocol, TypeVar, cast

from syncline.kernel.errors import OverloadedError
from syncline.kernel.identity import Caller

from .calls import MutationCall, QueryJob, QueryResult
from .contexts import utc
from .definitions import FunctionDefinition
from .kinds import Kind
from .node import Node
from .outcomes import Failure, Outcome
from .progress import ProgressTeller, checked
from .run import Run
from .variables import Environment, environment_now

T = TypeVar("T")
_Done = Callable[[Outcome], None]


class ActionHost(Protocol):
    """What actions need of the engine."""

    @property
    def node(self) -> Node: ...

    def mutate(self, call: MutationCall) -> None:
        """Queue a mutation; `call.done` gets its outcome once it is durable. OverloadedError when full."""
        ...

    def query_once(self, job: QueryJob, done: Callable[[QueryResult], None]) -> None:
        """Run a query on the newest snapshot; `done` gets its result on some thread."""
        ...

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something on a thread of actions in so many seconds."""
        ...

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the event loop's thread."""
        ...


class ActionRun(Run):
    """One run of an action."""

    request_id: str
    _made: dict[str, object] | None = None
    _teller: ProgressTeller | None = None

    def __init__(
        self, definition: FunctionDefinition, caller: Caller, host: ActionHost, request_id: str, seed: bytes
    ) -> None:
        super().__init__(definition, caller, host.node.settings, request_id)
        self._host = host
        self.seed = seed

    def _environment(self) -> Environment:
        node = self._host.node
        return environment_now(node.settings.env, node.variables)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._host.node.clock.monotonic()

    def made_once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made when it is first asked for in this run."""
        if self._made is None:
            self._made = {}
        if name not in self._made:
            self._made[name] = make()
        return cast("T", self._made[name])

    def seconds(self) -> float:
        return self.now().timestamp()

    def now(self) -> datetime:
        """The time now."""
        return utc(self._host.node.clock.wall_ns())

    @property
    def random(self) -> Random:
        if self._random is None:
            self._random = Random(self.seed)  # noqa: S311 - like ctx.random of queries: not for secrets
        return self._random

    async def call(self, definition: FunctionDefinition, values: dict[str, object]) -> object:
        """Run a query or mutation and wait for it without holding up the loop."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()

        def settle(outcome: Outcome) -> None:
            if not answer.done():  # The action may have been cancelled meanwhile.
                answer.set_result(outcome)

        def done(outcome: Outcome) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, outcome)

        self._start(definition, values, done)
        return _unwrap(definition, await answer)

    def call_and_wait(self, definition: FunctionDefinition, values: dict[str, object]) -> object:
        """Run a query or mutation and block this thread until it is done."""
        answers: SimpleQueue[Outcome] = SimpleQueue()
        self._start(definition, values, answers.put)
        return _unwrap(definition, answers.get())

    def progress(self, fraction: float, note: str, key: str | None) -> None:
        """Say how far the run is. Blocks nobody."""
        fraction, note = checked(fraction, note)
        identity = self.caller.identity
        if self._teller is None:
            self._teller = ProgressTeller(self._write_progress, self._host.later)
        self._teller.say(
            {
                "run": self.seed.hex(),
                "function": self.definition.path,
                # Of a job its id, as text: this becomes JSON as it is.
                "key": key if key is not None or self.job is None else str(self.job),
                "caller": None if identity is None else identity.token_identifier,
                "fraction": fraction,
                "note": note,
            }
        )

    def end(self) -> None:
        """It has ended, and is not attempted again."""
        if self._teller is not None:
            self._teller.end(self.seed.hex())

    def _write_progress(self, name: str, args: bytes) -> None:
        caller = Caller(backend=True, trusted=True)
        call = MutationCall(f"_system/progress:{name}", args, caller, lambda outcome, ts: None)
        with suppress(OverloadedError):  # What is said next says it better.
            self._host.mutate(call)

    async def system(self, path: str, values: dict[str, object]) -> object:
        """Run one of Syncline's own functions."""
        return await self.call(self._system(path), values)

    def system_and_wait(self, path: str, values: dict[str, object]) -> object:
        """Run one of Syncline's own functions and block this thread until it is done."""
        return self.call_and_wait(self._system(path), values)

    def _system(self, path: str) -> FunctionDefinition:
        found = self._host.node.release.registry.get(path)
        assert found is not None, path
        return found

    def _start(self, definition: FunctionDefinition, values: dict[str, object], done: _Done) -> None:
        arguments = definition.arguments
        self.start_call(definition, arguments.encode(arguments.check(values)), done)

    def start_call(self, definition: FunctionDefinition, raw_args: bytes, done: _Done) -> None:
        """Start a query or mutation with encoded arguments; `done` gets its outcome on some thread."""
        # The backend calls itself here: internal functions are open to it. Rules bind what it calls as they bind it.
        caller = replace(self.caller, backend=True, trusted=not self.restricted)
        if definition.kind is Kind.QUERY:
            job = QueryJob(None, definition.path, raw_args, caller, request_id=self.request_id)
            self._host.query_once(job, lambda result: done(result.outcome))
        else:
            self._host.mutate(
                MutationCall(
                    definition.path,
                    raw_args,
                    caller,
                    lambda outcome, ts: done(outcome),
                    request_id=self.request_id,
                )
            )


def _unwrap(definition: FunctionDefinition, outcome: Outcome) -> object:
    """The result as a Python value; errors arrive as they were raised."""
    if isinstance(outcome, Failure):
        raise outcome.exception from None
    return definition.result.decode(outcome.value)
