"""Actions with `process=True`, as a thread of the server sees them: it feeds a worker and answers what that asks."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import SimpleQueue

from syncline.kernel.errors import SynclineError

from .action_job import Job
from .action_run import ActionHost
from .node import ActiveRelease
from .outcomes import Failure, Outcome
from .process_messages import Answer, Ask, Done, Setup, Work, packed, unpacked
from .processes import WorkerDied, Workers, processors


class ProcessRunner:
    """The workers of one engine."""

    def __init__(self, host: ActionHost) -> None:
        self._host = host
        self._workers = Workers()
        self._wanted = False  # False -> True: warm(), or the first action in a process

    @property
    def count(self) -> int:
        """How many processes there may be."""
        return self._host.node.settings.limits.process_workers or processors()

    def warm(self) -> None:
        """Have a worker ready, if the release has actions for one."""
        release = self._host.node.release
        if release.folder is not None and any(item.options.process for item in release.registry):
            self._wanted = True
            setup = self._setup(release)
            threading.Thread(
                target=self._workers.warm, args=(setup, release.number), name="syncline-warm", daemon=True
            ).start()

    def on_release(self) -> None:
        """Have a worker ready with the new code, if any ever was."""
        if self._wanted:
            self.warm()

    def close(self) -> None:
        self._workers.close()

    def run(self, job: Job) -> None:
        """Run an action to its end on this thread."""
        node, run = self._host.node, job.run
        release = node.release
        self._wanted = True
        worker = self._workers.take(self._setup(release), release.number)
        job.stop = worker.kill
        if job.answered:  # Its time was up, or it was cancelled, before there was something to kill.
            worker.kill()
        work = Work(
            run.definition.path,
            job.raw_args,
            run.caller,
            run.request_id,
            run.seed,
            node.clock.wall_ns(),
            dict(run.env),
            run.job,
        )
        try:
            done = worker.run(
                work,
                lambda question: self._answer(job, question),
                lambda said: run.progress(said.fraction, said.note, said.key),
            )
        except WorkerDied as death:
            worker.let_go()
            job.fail(_died(job, death), raised_by_function=True)
            return
        job.stop = None
        if job.answered:
            worker.kill()
            worker.let_go()
        else:
            self._workers.give_back(worker)
        self._settle(job, done)

    def _setup(self, release: ActiveRelease) -> Setup:
        if release.folder is None:
            raise SynclineError("actions with process=True need an application that was loaded from a folder")
        limits = self._host.node.settings.limits
        files = self._host.node.settings.files
        return Setup(
            Path(release.folder),
            {name: table.number for name, table in release.catalog.by_name.items()},
            limits,
            self._host.node.settings.redact,
            None if files is None else files.place,
        )

    def _answer(self, job: Job, question: Ask) -> Answer:
        definition = self._host.node.release.registry.get(question.path)
        if definition is None:
            return Answer(None, packed(LookupError(f"{question.path} is gone since this action began")))
        outcomes: SimpleQueue[Outcome] = SimpleQueue()
        try:
            job.run.start_call(definition, question.args, outcomes.put)
        except SynclineError as error:
            return Answer(None, packed(error))
        outcome = outcomes.get()
        if isinstance(outcome, Failure):
            return Answer(None, packed(outcome.exception))
        return Answer(outcome.value)

    def _settle(self, job: Job, done: Done) -> None:
        job.run.logs.lines.extend(done.lines)
        if done.value is not None:
            job.succeed(done.value)
            return
        error = unpacked(done.error)
        if done.traceback:
            error.add_note(done.traceback)
        job.fail(error, raised_by_function=done.raised_by_function)


class WorkerLost(RuntimeError):
    """An action's process ended before the action did."""


def _died(job: Job, death: WorkerDied) -> Exception:
    limits = job.run.settings.limits
    path = job.run.definition.path
    if "SIGKILL" in str(death) or "SIGABRT" in str(death):
        return WorkerLost(
            f"{path}: {death}, which is how systems end processes that use too much memory (this one may use "
            f"{limits.process_memory_bytes:,} bytes, the limit process_memory_bytes). No other call was harmed"
        )
    return WorkerLost(f"{path}: {death}. No other call was harmed; the next one gets a new process")
