"""An action on its way: answered once, by whoever is first."""

from __future__ import annotations

import threading
from collections.abc import Callable

from syncline.kernel.errors import LimitError, ResultError, SynclineError

from .action_run import ActionRun
from .failures import make_failure
from .logs import EMPTY, encode_lines
from .outcomes import Outcome, Success


class Job:
    """An action on its way. Its time limit, its end and a shutdown race to answer it."""

    __slots__ = ("_answered", "_done", "_lock", "attempt", "handle", "pause", "raw_args", "run", "stop")

    def __init__(
        self,
        run: ActionRun,
        raw_args: bytes,
        done: Callable[[Outcome], None],
        handle: object | None = None,
    ) -> None:
        self.run = run
        self.raw_args = raw_args
        self._done = done
        self._answered = False
        self._lock = threading.Lock()
        #: By which it can be cancelled.
        self.handle = handle
        #: Ends what runs it, if that can be ended.
        self.stop: Callable[[], None] | None = None
        self.attempt = 1
        #: Seconds after which it is to be attempted again; None: it is not.
        self.pause: float | None = None

    @property
    def seconds(self) -> float:
        """Its time limit."""
        timeout = self.run.definition.timeout
        return self.run.settings.limits.action_seconds if timeout is None else timeout

    def arguments(self) -> dict[str, object] | None:
        """The decoded arguments, or None: then the job is answered."""
        try:
            return self.run.definition.arguments.decode(self.raw_args)
        except SynclineError as error:
            self.fail(error, raised_by_function=False)
            return None

    def succeed(self, value: bytes) -> None:
        run = self.run
        limit = run.settings.limits.result_bytes
        if len(value) > limit:
            self.fail(
                LimitError(
                    f"result bytes: the result of {run.definition.path} has {len(value):,}, the limit is {limit:,}. "
                    "Store what is large and return its id."
                ),
                raised_by_function=False,
            )
            return
        lines = run.log_lines()
        self._answer(Success(value, EMPTY if run.settings.redact else encode_lines(lines), tuple(lines)))

    def fail(self, error: BaseException, *, raised_by_function: bool | None = None) -> None:
        run = self.run
        if raised_by_function is None:
            raised_by_function = not isinstance(error, ResultError)
        if raised_by_function and self._is_to_be_repeated(error):
            return
        self._answer(
            make_failure(
                error,
                request_id=run.request_id,
                redact=run.settings.redact,
                lines=list(run.log_lines()),
                raised_by_function=raised_by_function,
            )
        )

    def time_is_up(self) -> None:
        """The action ran past its limit."""
        self.fail(
            LimitError(
                f"action seconds: {self.run.definition.path} was stopped after {self.seconds:g} s, its time limit. "
                "Give it more with @action(timeout=...), or do the work in several actions."
            ),
            raised_by_function=False,
        )
        self._end()

    def cancel(self) -> None:
        """Answer it as cancelled, and end what runs it."""
        self.cancelled()
        self._end()

    def cancelled(self) -> None:
        """The action was stopped from outside, or cancelled itself."""
        error = RuntimeError(f"{self.run.definition.path} was cancelled before it had ended")
        self.fail(error, raised_by_function=False)

    def held_the_loop(self) -> None:
        """The action kept the loop from all others for too long."""
        limit = self.run.settings.limits.action_step_seconds
        self.fail(
            LimitError(
                f"action step seconds: {self.run.definition.path} computed for {limit:g} s without awaiting anything; "
                "no other `async def` action can run meanwhile. Write it with plain `def`: then it runs in a thread."
            ),
            raised_by_function=False,
        )

    def begin(self) -> None:
        """An attempt begins."""
        self.pause = None

    @property
    def answered(self) -> bool:
        return self._answered

    def answer(self, outcome: Outcome) -> None:
        """Answer it as somebody else says."""
        self._answer(outcome)

    def _is_to_be_repeated(self, error: BaseException) -> bool:
        retry = self.run.definition.retry
        if retry is None or self._answered or not retry.allows(error, self.attempt):
            return False
        self.pause = retry.pause(self.attempt, self.run.random)
        self.run.logs.add_text(
            "WARN",
            f"attempt {self.attempt} failed, the next one is in {self.pause:.2g} s: {type(error).__name__}: {error}",
        )
        self.attempt += 1
        return True

    def _end(self) -> None:
        if self.stop is not None:
            self.stop()

    def _answer(self, outcome: Outcome) -> None:
        with self._lock:
            if self._answered:
                return
            self._answered = True
        self._done(outcome)
