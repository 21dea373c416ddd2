"""What functions may know of users, put into the application's database."""

from __future__ import annotations

import asyncio

import msgspec

from syncline.functions import MutationCall, Outcome, Success
from syncline.functions.engine import Engine
from syncline.kernel.identity import Caller


async def put_profiles(engine: Engine, profiles: dict[str, str | None]) -> None:
    """In one transaction. Raises RuntimeError or OverloadedError if it could not be made: try later."""
    finished: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def done(outcome: Outcome, ts: int | None) -> None:
        if not finished.done():  # Whoever waited may be gone: the server is stopping.
            finished.set_result(outcome)

    args = msgspec.json.encode({"changes": profiles})
    engine.mutate(MutationCall("_system/users:put", args, Caller(backend=True), done))
    outcome = await finished
    if not isinstance(outcome, Success):
        raise RuntimeError(f"the profiles of {len(profiles)} users could not be put: {outcome.message}")
