"""Running one query or mutation: arguments in, outcome out. Nothing that a function does escapes from here."""

from __future__ import annotations

import sys
from typing import Final

from syncline.database import Transaction
from syncline.kernel.clock import SystemClock
from syncline.kernel.errors import ArgumentError, LimitError, ResultError, SynclineError
from syncline.store import QueryInterrupted

from .contexts import MutationCtx, QueryCtx, release
from .current import transactions
from .deadline import DeadlineInterrupt
from .failures import application_frames, make_failure, new_request_id, request_id_for
from .kinds import Kind
from .logs import EMPTY, CapturedOutput, capture_output, encode_lines
from .outcomes import Failure, Outcome, Success
from .registry import wire_form
from .run import TransactionRun

_MiB: Final = 1024 * 1024
_monotonic: Final = SystemClock().monotonic


def invoke(run: TransactionRun, raw_args: bytes) -> Outcome:
    """Run the function of `run` on its transaction with Convex-encoded arguments (one object).

    On a Failure the caller drops the transaction's writes; what was read stays in its read set.
    """
    began = _monotonic()
    outcome = _outcome(run, raw_args)
    run.execution.recorder.note(
        run.definition, _monotonic() - began, failed=type(outcome) is Failure, transaction=run.transaction
    )
    return outcome


def _outcome(run: TransactionRun, raw_args: bytes) -> Outcome:
    definition = run.definition
    try:
        if len(raw_args) > run.settings.limits.argument_bytes:
            raise _arguments_too_large(run, len(raw_args))
        if len(raw_args) > run.settings.limits.argument_values:
            _check_values(run, raw_args)
        kwargs = definition.arguments.decode(raw_args)
    except SynclineError as error:
        return _failure(run, error, raised_by_function=False)
    try:
        value = _attempt(run, kwargs)
    except DeadlineInterrupt as error:
        return _failure(run, time_is_up(run, error), raised_by_function=False)
    except BaseException as error:
        if isinstance(error, QueryInterrupted):
            return _failure(run, time_is_up(run, error), raised_by_function=False)
        return _failure(run, run.violation or error, raised_by_function=not isinstance(error, ResultError))
    if run.violation is not None:
        return _failure(run, run.violation)
    if len(value) > run.settings.limits.result_bytes:
        return _failure(run, _result_too_large(run, len(value)), raised_by_function=False)
    if run.settings.run_twice and definition.kind is Kind.QUERY:
        _compare(run, raw_args, value)
    lines = run.log_lines()
    if not lines:
        return Success(value)
    return Success(value, EMPTY if run.settings.redact else encode_lines(lines), tuple(lines))


def _attempt(run: TransactionRun, kwargs: dict[str, object]) -> bytes:
    definition = run.definition
    ctx = QueryCtx(run) if definition.kind is Kind.QUERY else MutationCtx(run)
    execution = run.execution
    deadline = execution.deadline
    ident = deadline.ident
    if type(sys.stdout) is not CapturedOutput:  # Somebody has put something else there since.
        capture_output()
    transactions[ident] = run
    try:
        return deadline.run(execution.limits.run_seconds, definition.label, _body, run, ctx, kwargs)
    finally:
        del transactions[ident]
        # Nothing of a run may hold on to itself: what it read and wrote goes now, and not when garbage is collected.
        release(ctx)
        if run.guard is not None:
            run.guard.close()
            run.guard = None


def _body(run: TransactionRun, ctx: QueryCtx, kwargs: dict[str, object]) -> bytes:
    definition = run.definition
    return definition.result.encode(definition.fn(ctx, **kwargs))


def _request_id(run: TransactionRun) -> str:
    # Made when a run fails: its hash would be felt by those that do not.
    if run.request_id is not None:
        return run.request_id
    return request_id_for(*run.request) if run.request is not None else new_request_id(run.execution.entropy)


def _failure(run: TransactionRun, error: BaseException, *, raised_by_function: bool = True) -> Failure:
    return make_failure(
        error,
        request_id=_request_id(run),
        redact=run.settings.redact,
        lines=run.log_lines(),
        raised_by_function=raised_by_function,
    )


def time_is_up(run: TransactionRun, interrupt: BaseException) -> LimitError:
    """What a function that ran too long failed with. Says where it was, except to clients in production."""
    limit = run.settings.limits.run_seconds
    frames = application_frames(interrupt.__traceback__)
    where = ""
    if frames:
        place = f"line {frames[0].line} of {frames[0].file}, in {frames[0].function}"
        if run.settings.redact:
            run.logs.add_text("WARN", f"stopped at {place}")
        else:
            where = f"It was at {place}. "
    return LimitError(
        f"run seconds: {run.definition.path} was stopped after {limit:g} s, the limit of queries and mutations. "
        f"{where}Read less at a time (an index, take(n), paginate), or do long work in an @action and store what it finds "
        "with a mutation."
    )


def _check_values(run: TransactionRun, raw_args: bytes) -> None:
    """Refuse arguments whose decoding alone would hold up everybody: megabytes of tiny values take seconds."""
    limit = run.settings.limits.argument_values
    # Every value but the first is behind one of these; those in strings count too, so the bound is generous.
    values = raw_args.count(b",") + raw_args.count(b"[") + raw_args.count(b"{")
    if values > limit:
        raise ArgumentError(
            f"Arguments for {wire_form(run.definition.path)} have too many values (about {values:,}, the limit "
            f"argument_values is {limit:,}). Send them in several calls, or large data as bytes or a string."
        )


def _arguments_too_large(run: TransactionRun, size: int) -> ArgumentError:
    limit = run.settings.limits.argument_bytes
    return ArgumentError(
        f"Arguments for {wire_form(run.definition.path)} are too large "
        f"(actual: {size / _MiB:.2f} MiB, limit: {limit / _MiB:g} MiB)"
    )


def _result_too_large(run: TransactionRun, size: int) -> LimitError:
    limit = run.settings.limits.result_bytes
    return LimitError(
        f"result bytes: the result of {run.definition.path} has {size:,}, the limit is {limit:,}. "
        "Return less: take(n), paginate, or only the fields that are shown."
    )


def _compare(run: TransactionRun, raw_args: bytes, value: bytes) -> None:
    """Run a query once more and note in its log lines if it gives something else."""
    first = run.transaction
    again = Transaction(
        first.snapshot,
        first.limits,
        now_us=first.now_us,
        cursor_key=first.cursor_key,
        previous_journal=first.previous_journal,
    )
    twin = run.again(again)
    try:
        other = _attempt(twin, run.definition.arguments.decode(raw_args))
    except BaseException as error:
        difference = f"and the second time it raised {type(error).__name__}: {error}"
    else:
        if other == value:
            return
        difference = "and gave another result the second time"
    run.logs.add_text(
        "WARN",
        f"{run.definition.path} is not deterministic: it ran twice on the same data, {difference}. Its results cannot "
        "be shared or kept live. Use ctx.now and ctx.random, and sort what comes out of sets.",
    )
