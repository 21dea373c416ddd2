"""How far actions are: written by `ctx.progress`, watched by clients."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from syncline.functions.contexts import MutationCtx, QueryCtx
from syncline.functions.decorators import mutation, query
from syncline.functions.system_db import system_writer
from syncline.system import ActionProgress

_MOST = 100


class Progress(TypedDict):
    """How far an action is: `fraction` from 0 to 1."""

    function: str
    key: str | None
    fraction: float
    note: str
    updated_at: datetime


@query(anonymous=True)
def watch(ctx: QueryCtx, key: str | None = None, function: str | None = None) -> list[Progress]:
    """The running actions with this key, or without one those that the caller has called, of one function or of all.

    Whoever knows a key sees what has it, as with the id of a job. Nobody who is not signed in has called anything.
    """
    table = ctx.db.unrestricted.query(ActionProgress)
    if key is not None:
        found = table.index(ActionProgress.by_key, key=key).take(_MOST)
    else:
        identity = ctx.auth.identity
        if identity is None:
            return []
        found = table.index(ActionProgress.by_caller, caller=identity.token_identifier).take(_MOST)
    return [
        Progress(
            function=item.function,
            key=item.key,
            fraction=item.fraction,
            note=item.note,
            updated_at=item.updated_at,
        )
        for item in found
        if function is None or item.function == function
    ]


@mutation(internal=True)
def say(
    ctx: MutationCtx,
    run: str,
    function: str,
    key: str | None,
    caller: str | None,
    fraction: float,
    note: str,
) -> None:
    """What an action says of itself."""
    db = system_writer(ctx)
    found = db.query(ActionProgress).where(run=run).unique()
    if found is None:
        db.insert(
            ActionProgress(
                run=run,
                function=function,
                key=key,
                caller=caller,
                fraction=fraction,
                note=note,
                updated_at=ctx.now,
            )
        )
    else:
        db.patch(found, key=key, fraction=fraction, note=note, updated_at=ctx.now)


@mutation(internal=True)
def forget(ctx: MutationCtx, run: str | None = None) -> None:
    """An action has ended; without `run` all have, since their process has."""
    db = system_writer(ctx)
    found = db.query(ActionProgress)
    for item in (found if run is None else found.where(run=run)).take(1_000):
        db.delete(item)


FUNCTIONS = (watch, say, forget)
