"""A scheduled job as the commit lane runs it."""

from __future__ import annotations

from typing import Final

import msgspec

from syncline.database import Catalog, SystemWriter, Transaction
from syncline.kernel.errors import FunctionNotFoundError
from syncline.kernel.identity import Caller
from syncline.schema import Id
from syncline.system import ScheduledJob
from syncline.values import decode_json, encode_json

from . import job_records
from .calls import MutationCall
from .contexts import utc
from .kinds import Kind
from .outcomes import ActionStarted, Failure, Outcome, Success

#: Nothing was done: the job has been run, cancelled or forgotten meanwhile.
NOT_PENDING: Final = Success(b"null")
#: Nobody is signed in, and all functions are open.
JOB_CALLER: Final = Caller(backend=True, trusted=True)

_ERROR_CHARACTERS: Final = 4_000


class JobRecord:
    """A job's record in a transaction. `job` is None if it is not to be run (any more)."""

    __slots__ = ("_db", "_now", "job")

    def __init__(self, transaction: Transaction, catalog: Catalog, id: Id[ScheduledJob]) -> None:
        self._db = SystemWriter(transaction, catalog)
        self._now = utc(transaction.now_us * 1000)
        self.job = job_records.take(self._db, id)

    @property
    def kind(self) -> Kind:
        """What its function was when it was scheduled."""
        assert self.job is not None
        return Kind.ACTION if self.job.kind == "action" else Kind.MUTATION

    def call(self, call: MutationCall) -> MutationCall:
        """The call with the function and arguments that are on record."""
        assert self.job is not None
        return msgspec.structs.replace(
            call, path=self.job.function, args=encode_json(self.job.args), caller=JOB_CALLER
        )

    def gone(self) -> FunctionNotFoundError:
        """The release in force has no such function."""
        assert self.job is not None
        return FunctionNotFoundError(
            f"{self.job.function} is gone: it was scheduled as {_article(self.job.kind)}, and the code in force has no such "
            "function. Schedule what has taken its place, or keep a function at this path until no job needs it"
        )

    def start(self) -> ActionStarted:
        """An action is started by whoever submitted the job, once it is on record that it was."""
        assert self.job is not None
        job_records.begin(self._db, self.job, self._now)
        return ActionStarted(b"null", path=self.job.function, args=encode_json(self.job.args))

    def finish(self, outcome: Outcome) -> None:
        """The job has ended."""
        assert self.job is not None
        if isinstance(outcome, Success):
            job_records.finish(self._db, self.job, "success", self._now, result=decode_json(outcome.value))
        else:
            data = None if outcome.data is None else decode_json(outcome.data)
            job_records.finish(
                self._db,
                self.job,
                "failed",
                self._now,
                error=error_text(outcome),
                data=data,
                final=is_meant(outcome),
            )


def is_meant(failure: Failure) -> bool:
    """Whether nothing else is to be expected of another attempt. (Overload is public, and over in a moment.)"""
    return failure.error.expected and failure.error.type != "OverloadedError"


def error_text(failure: Failure) -> str:
    """What is kept of a failure."""
    text = f"{failure.error.type}: {failure.error.message}"
    return text if len(text) <= _ERROR_CHARACTERS else text[:_ERROR_CHARACTERS] + " ..."


def _article(kind: str) -> str:
    return f"an {kind}" if kind == "action" else f"a {kind}"
