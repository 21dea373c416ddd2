"""The event loop of `async def` actions: a thread of its own, so that nothing they do holds up the server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final

from .action_job import Job
from .contexts import ActionCtx
from .current import acting
from .deadline import Deadline, DeadlineInterrupt

_CANCEL_AGAIN: Final = 1.0  # seconds until an action that swallowed its cancellation is cancelled once more


class ActionLoop:
    """Runs coroutines of actions, and the clock of all actions."""

    def __init__(self, step_seconds: float) -> None:
        self._step_seconds = step_seconds
        self._loop = asyncio.new_event_loop()
        self._stopping = False  # False -> True: _stop()
        self._deadline: Deadline | None = None  # None -> made on the loop's thread: _main()
        self._tasks: set[asyncio.Task[None]] = set()  # The loop itself holds them weakly.
        self._timers: dict[Job, asyncio.TimerHandle] = {}
        self._thread = threading.Thread(target=self._main, name="syncline-actions", daemon=True)
        self._thread.start()

    def start(self, job: Job, ended: Callable[[], None]) -> None:
        """Run an `async def` action; `ended` is called when it has really ended."""
        self._post(self._start, job, ended)

    def time(self, job: Job) -> None:
        """Answer `job`, which runs elsewhere, when its time is up."""
        self._post(self._time, job)

    def forget(self, job: Job) -> None:
        """`job` has ended."""
        self._post(self._forget, job)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something on the loop's thread in so many seconds."""
        self._post(self._loop.call_later, seconds, call)

    def close(self) -> None:
        """Cancel what runs and end the thread."""
        self._post(self._stop)
        self._thread.join(_CANCEL_AGAIN)

    def _post(self, function: Callable[..., object], *args: object) -> None:
        # Threads of actions that the server did not wait for may still report after it has stopped.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)

    # On the loop's thread

    def _main(self) -> None:
        self._deadline = Deadline(vital=False)
        asyncio.set_event_loop(self._loop)
        while not self._stopping:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # Raised by an action: its task keeps the error, and asyncio lets it through besides.
                continue
        self._loop.run_until_complete(self._finish())
        self._loop.close()
        self._deadline.close()

    def _stop(self) -> None:
        self._stopping = True
        self._loop.stop()

    async def _finish(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_AGAIN / 2)
        await self._loop.shutdown_asyncgens()

    def _time(self, job: Job) -> None:
        self._timers[job] = self._loop.call_later(job.seconds, job.time_is_up)

    def _forget(self, job: Job) -> None:
        timer = self._timers.pop(job, None)
        if timer is not None:
            timer.cancel()

    def _start(self, job: Job, ended: Callable[[], None]) -> None:
        task = self._loop.create_task(self._run(job), name=job.run.definition.path)
        self._tasks.add(task)

        def finish(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            ended()

        task.add_done_callback(finish)

    async def _run(self, job: Job) -> None:
        acting.set(job.run)  # In the context of this task.
        kwargs = job.arguments()
        if kwargs is None:
            return
        definition = job.run.definition
        assert self._deadline is not None
        steps = _Steps(
            definition.fn(ActionCtx(job.run), **kwargs), self._deadline, self._step_seconds, definition.label
        )
        body = self._loop.create_task(steps, name=f"{definition.path} (body)")
        job.stop = lambda: self._post(body.cancel)
        try:
            await self._wait(body, job)
        except asyncio.CancelledError:
            body.cancel()
            job.cancelled()
            raise
        try:
            job.succeed(definition.result.encode(body.result()))
        except DeadlineInterrupt:
            job.held_the_loop()
        except asyncio.CancelledError:
            job.cancelled()
        except BaseException as error:
            job.fail(error)

    async def _wait(self, body: asyncio.Task[Any], job: Job) -> None:
        """Until it ends; when its time is up it is answered and cancelled, as often as it takes."""
        await asyncio.wait((body,), timeout=job.seconds)
        if not body.done():
            job.time_is_up()
        while not body.done():
            body.cancel()
            await asyncio.wait((body,), timeout=_CANCEL_AGAIN)


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine each of whose steps has a time limit."""

    __slots__ = ("_coroutine", "_deadline", "_label", "_seconds")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], deadline: Deadline, seconds: float, label: bytes
    ) -> None:
        self._coroutine = coroutine
        self._deadline = deadline
        self._seconds = seconds
        self._label = label

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def send(self, value: Any, /) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        self._coroutine.close()

    def _step(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return self._deadline.run(self._seconds, self._label, function, *args)
        except DeadlineInterrupt:
            self._coroutine.close()
            raise
