"""Actions: `async def` ones on an event loop of their own, `def` ones in threads or in processes; bounded, timed, cancelled.

Nothing here runs on the server's event loop. An action is answered when its time is up, whatever it is doing;
its place is free again when it has really ended.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from syncline.kernel.errors import OverloadedError, SynclineError

from .action_job import Job
from .action_loop import ActionLoop
from .action_processes import ProcessRunner
from .action_run import ActionHost, ActionRun
from .action_threads import ActionThreads
from .calls import ActionCall
from .contexts import SyncActionCtx
from .current import acting
from .deadline import Deadline, DeadlineInterrupt
from .definitions import FunctionDefinition
from .failures import make_failure
from .guards import install_guards
from .kinds import Kind
from .outcomes import Failure, Outcome


class ActionRunner:
    """Runs the actions of one engine, the host. Its methods may be called from any thread."""

    def __init__(self, host: ActionHost) -> None:
        install_guards()
        self._host = host
        self._lock = threading.Lock()
        self._running = 0
        self._running_of: Counter[str] = Counter()  # by path, of functions with a limit of their own
        self._in_processes = 0
        self._stopping = False  # False -> True: stop()
        self._waiting: dict[Job, None] = {}
        self._resting: set[Job] = set()  # until their next attempt
        self._by_handle: dict[object, Job] = {}
        self._loop: ActionLoop | None = None  # None -> started: the first action
        self._threads = ActionThreads()
        self._processes = ProcessRunner(host)
        # Actions end on many threads.
        self._counting = threading.Lock()
        self._recorder = host.node.settings.statistics.recorder()
        self._monotonic = host.node.clock.monotonic
        self._idle = threading.Event()
        self._idle.set()

    def submit(self, call: ActionCall) -> None:
        """Run an action; `call.done` gets its outcome. OverloadedError if too many wait already."""
        node = self._host.node
        with self._lock:
            if self._stopping:
                raise OverloadedError("the server is stopping; no more actions are taken")
            # Entropy belongs to one thread at a time: drawn under the lock.
            request_id = call.request_id or node.entropy.bytes(8).hex()
            seed = node.entropy.bytes(16)
            try:
                definition = call.definition or node.release.registry.find(
                    call.path, Kind.ACTION, call.caller
                )
            except SynclineError as error:
                failure = make_failure(
                    error, request_id=request_id, redact=node.settings.redact, raised_by_function=False
                )
                self._host.post(call.done, failure)
                return
            waits = not self._has_room(definition)
            if waits and len(self._waiting) + len(self._resting) >= node.settings.limits.actions_queued:
                raise OverloadedError(self._why_full(definition))
            run = ActionRun(definition, call.caller, self._host, request_id, seed)
            run.job = call.job
            job = Job(run, call.args, self._counted(definition, call.done), call.handle)
            if call.handle is not None:
                self._by_handle[call.handle] = job
            if waits:
                self._waiting[job] = None
                return
            self._occupy(definition)
            loop = self._started_loop()
        self._start(job, loop)

    def _counted(
        self, definition: FunctionDefinition, done: Callable[[Outcome], None]
    ) -> Callable[[Outcome], None]:
        """`done`, called on the loop's thread, with the call counted; its time includes waiting for a place."""
        began = self._monotonic()

        def ended(outcome: Outcome) -> None:
            with self._counting:
                self._recorder.note(
                    definition, self._monotonic() - began, failed=isinstance(outcome, Failure)
                )
            self._host.post(done, outcome)

        return ended

    def cancel(self, handle: object, *, client_left: bool = False) -> None:
        """Stop the action that was submitted with `handle`, if it still runs.

        With `client_left` only if it was declared so. One in a thread is answered, and goes on to its end.
        """
        with self._lock:
            job = self._by_handle.get(handle)
            if job is None or (client_left and not job.run.definition.options.cancel_with_client):
                return
            started = job not in self._waiting and job not in self._resting
            if not started:
                self._waiting.pop(job, None)
                self._resting.discard(job)
                del self._by_handle[handle]
        job.cancel()

    def stop(self, grace: float = 0.0) -> bool:
        """Give what runs `grace` seconds to end, then cancel it. Whether all of it had ended."""
        with self._lock:
            self._stopping = True
            waiting = [*self._waiting, *self._resting]
            self._waiting.clear()
            self._resting.clear()
        for job in waiting:
            job.fail(
                OverloadedError("the server is stopping; the action was not started"),
                raised_by_function=False,
            )
        ended = self._idle.wait(grace)
        self._threads.close()
        self._processes.close()
        if self._loop is not None:
            self._loop.close()
        return ended

    def warm(self) -> None:
        """Have a process ready before the first action wants one."""
        self._processes.warm()

    def on_release(self) -> None:
        """New code is in force."""
        self._processes.on_release()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something on the loop of actions in so many seconds. It must not block."""
        with self._lock:
            loop = self._started_loop()
        loop.later(seconds, call)

    @property
    def resting(self) -> int:
        """How many wait for their next attempt."""
        return len(self._resting)

    # Places: under the lock

    def _has_room(self, definition: FunctionDefinition) -> bool:
        options = definition.options
        if self._running >= self._host.node.settings.limits.actions_running:
            return False
        if options.concurrency is not None and self._running_of[definition.path] >= options.concurrency:
            return False
        return not options.process or self._in_processes < self._processes.count

    def _occupy(self, definition: FunctionDefinition) -> None:
        self._running += 1
        self._idle.clear()
        if definition.options.concurrency is not None:
            self._running_of[definition.path] += 1
        if definition.options.process:
            self._in_processes += 1

    def _vacate(self, definition: FunctionDefinition) -> None:
        self._running -= 1
        if definition.options.concurrency is not None:
            self._running_of[definition.path] -= 1
        if definition.options.process:
            self._in_processes -= 1
        if not self._running:
            self._idle.set()

    def _why_full(self, definition: FunctionDefinition) -> str:
        queued = len(self._waiting) + len(self._resting)
        text = f"actions queued: {queued:,} wait and {self._running:,} run, no more are taken. "
        own = definition.options.concurrency
        if own is not None and self._running_of[definition.path] >= own:
            text += f"{definition.path} was declared with concurrency={own}, and as many of it run. "
        return text + "Try again in a second"

    # Life of an action

    def _started_loop(self) -> ActionLoop:
        if self._loop is None:
            self._loop = ActionLoop(self._host.node.settings.limits.action_step_seconds)
        return self._loop

    def _start(self, job: Job, loop: ActionLoop) -> None:
        definition = job.run.definition
        job.begin()
        if definition.is_async:
            loop.start(job, lambda: self._ended(job))
            return
        loop.time(job)
        work = self._run_in_process if definition.options.process else self._run_in_thread
        self._threads.start(lambda deadline: work(job, loop, deadline))

    def _ended(self, job: Job) -> None:
        """An action has left its place: to those that wait for one like it."""
        starting: list[Job] = []
        ended = False
        with self._lock:
            self._vacate(job.run.definition)
            job.stop = None
            loop = self._started_loop()
            if job.pause is not None and not job.answered and not self._stopping:
                self._resting.add(job)
                loop.later(job.pause, lambda: self._attempt_again(job))
            else:
                ended = True
                if job.handle is not None:
                    self._by_handle.pop(job.handle, None)
            for waiting in list(self._waiting):
                if self._running >= self._host.node.settings.limits.actions_running:
                    break
                if self._has_room(waiting.run.definition):
                    del self._waiting[waiting]
                    self._occupy(waiting.run.definition)
                    starting.append(waiting)
        if ended:
            job.run.end()
        for each in starting:
            self._start(each, loop)

    def _attempt_again(self, job: Job) -> None:
        with self._lock:
            if job not in self._resting:
                return
            self._resting.discard(job)
            if not self._has_room(job.run.definition):
                self._waiting[job] = None
                return
            self._occupy(job.run.definition)
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
            self._ended(job)

    def _run_in_process(self, job: Job, loop: ActionLoop, deadline: Deadline) -> None:
        try:
            self._processes.run(job)
        except BaseException as error:
            job.fail(error, raised_by_function=False)
        finally:
            loop.forget(job)
            self._ended(job)


def _body(job: Job, kwargs: dict[str, object]) -> bytes:
    definition = job.run.definition
    return definition.result.encode(definition.fn(SyncActionCtx(job.run), **kwargs))
