"""The database as Syncline's own functions and contexts write it: system tables included, rules excluded."""

from __future__ import annotations

from syncline.database import SystemWriter

from .contexts import MutationCtx, QueryCtx
from .run import RunSettings, TransactionRun


def run_of(ctx: QueryCtx) -> TransactionRun:
    """The run behind a context. Applications must not find it there."""
    return ctx._run  # pyright: ignore[reportPrivateUsage] - see above


def settings_of(ctx: QueryCtx) -> RunSettings:
    """What all runs of the process share."""
    return run_of(ctx).settings


def writer_of(run: TransactionRun) -> SystemWriter:
    """Writes of a run's transaction that may touch system tables."""
    return SystemWriter(run.transaction, run.catalog)


def system_writer(ctx: MutationCtx) -> SystemWriter:
    """Writes of the transaction of `ctx` that may touch system tables."""
    return writer_of(run_of(ctx))
