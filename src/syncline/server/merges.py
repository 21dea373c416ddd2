"""Documents of merged users, moved in the application's database."""

from __future__ import annotations

import asyncio
import json

import msgspec

from syncline.accounts.merge_moving import Batch, Moved, MoveError
from syncline.functions import MutationCall, Outcome, Success
from syncline.functions.engine import Engine
from syncline.kernel.identity import Caller


async def move_documents(engine: Engine, batch: Batch) -> Moved:
    """One batch, in one transaction. Raises MoveError, or OverloadedError: try later."""
    finished: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def done(outcome: Outcome, ts: int | None) -> None:
        if not finished.done():  # Whoever waited may be gone: the server is stopping.
            finished.set_result(outcome)

    args = msgspec.json.encode(
        {
            "issuer": batch.issuer,
            "source": batch.source,
            "target": batch.target,
            "place": batch.place,
            "limit": float(batch.limit),
        }
    )
    engine.mutate(MutationCall("_system/merges:move", args, Caller(backend=True), done))
    outcome = await finished
    if not isinstance(outcome, Success):
        raise MoveError(outcome.error.message or outcome.message)
    # A text in JSON, for what it holds is no value of the wire.
    return msgspec.json.decode(json.loads(outcome.value), type=Moved)
