"""Actions: `async def` ones on an event loop of their own, `def` ones in threads; bounded, timed, cancelled.

Nothing here runs on the server's event loop. An action is answered when its time is up, whatever it is doing;
its place is free again when it has really ended.
"""

from __future__ import annotations

import threading
from collections import deque

from syncline.kernel.errors import OverloadedError, SynclineError

from .action_job import Job
from .action_loop import ActionLoop
from .action_run import ActionHost, ActionRun
from .action_threads import ActionThreads
from .calls import ActionCall
from .contexts import SyncActionCtx
from .current import acting
from .deadline import Deadline, DeadlineInterrupt
from .failures import make_failure
from .guards import install_guards
from .kinds import Kind


class ActionRunner:
    """Runs the actions of one engine, the host. Its methods may be called from any thread."""

    def __init__(self, host: ActionHost) -> None:
        install_guards()
        self._host = host
        self._lock = threading.Lock()
        self._running = 0
        self._stopping = False  # False -> True: stop()
        self._waiting: deque[Job] = deque()
        self._loop: ActionLoop | None = None  # None -> started: the first action
        self._threads = ActionThreads()
        self._idle = threading.Event()
        self._idle.set()

    def submit(self, call: ActionCall) -> None:
        """Run an action; `call.done` gets its outcome. OverloadedError if too many wait already."""
        node = self._host.node
        limits = node.settings.limits
        with self._lock:
            if self._stopping:
                raise OverloadedError("the server is stopping; no more actions are taken")
            waits = self._running >= limits.actions_running
            if waits and len(self._waiting) >= limits.actions_queued:
                raise OverloadedError(
                    f"actions queued: {len(self._waiting):,} wait and {self._running:,} run, no more are taken. "
                    "Try again in a second"
                )
            # Entropy belongs to one thread at a time: drawn under the lock.
            request_id = call.request_id or node.entropy.bytes(8).hex()
            seed = node.entropy.bytes(16)
            try:
                definition = node.release.registry.find(call.path, Kind.ACTION, call.caller)
            except SynclineError as error:
                failure = make_failure(
                    error, request_id=request_id, redact=node.settings.redact, raised_by_function=False
                )
                self._host.post(call.done, failure)
                return
            run = ActionRun(definition, call.caller, self._host, request_id, seed)
            run.job = call.job
            job = Job(run, call.args, lambda outcome: self._host.post(call.done, outcome))
            if waits:
                self._waiting.append(job)
                return
            self._running += 1
            self._idle.clear()
            loop = self._started_loop()
        self._start(job, loop)

    def stop(self, grace: float = 0.0) -> bool:
        """Give what runs `grace` seconds to end, then cancel it. Whether all of it had ended."""
        with self._lock:
            self._stopping = True
            waiting, self._waiting = self._waiting, deque()
        for job in waiting:
            job.fail(
                OverloadedError("the server is stopping; the action was not started"),
                raised_by_function=False,
            )
        ended = self._idle.wait(grace)
        self._threads.close()
        if self._loop is not None:
            self._loop.close()
        return ended

    def _started_loop(self) -> ActionLoop:
        if self._loop is None:
            self._loop = ActionLoop(self._host.node.settings.limits.action_step_seconds)
        return self._loop

    def _start(self, job: Job, loop: ActionLoop) -> None:
        if job.run.definition.is_async:
            loop.start(job, self._ended)
        else:
            loop.time(job)
            self._threads.start(lambda deadline: self._run_in_thread(job, loop, deadline))

    def _ended(self) -> None:
        """An action has left its place: to the next one, if any waits."""
        with self._lock:
            if not self._waiting:
                self._running -= 1
                if not self._running:
                    self._idle.set()
                return
            job = self._waiting.popleft()
            loop = self._started_loop()
        self._start(job, loop)

    def _run_in_thread(self, job: Job, loop: ActionLoop, deadline: Deadline) -> None:
        token = acting.set(job.run)
        try:
            kwargs = job.arguments()
            if kwargs is not None:
                job.succeed(deadline.run(job.seconds, job.run.definition.label, _body, job, kwargs))
        except DeadlineInterrupt:
            job.time_is_up()
        except BaseException as error:
            job.fail(error)
        finally:
            acting.reset(token)
            loop.forget(job)
            self._ended()


def _body(job: Job, kwargs: dict[str, object]) -> bytes:
    definition = job.run.definition
    return definition.result.encode(definition.fn(SyncActionCtx(job.run), **kwargs))
