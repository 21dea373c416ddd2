"""What functions may know of users and organisations, put into the application's database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from syncline.functions import MutationCall, Outcome, Success
from syncline.functions.engine import Engine
from syncline.kernel.identity import Caller

if TYPE_CHECKING:
    from syncline.accounts.copies import Copies


async def put_copies(engine: Engine, copies: Copies) -> str:
    """In one transaction; what is to be done next, as `accounts.copies.Put` says. Raises RuntimeError or OverloadedError if it could not be made: try later."""
    finished: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def done(outcome: Outcome, ts: int | None) -> None:
        if not finished.done():  # Whoever waited may be gone: the server is stopping.
            finished.set_result(outcome)

    args = msgspec.json.encode(copies)
    engine.mutate(MutationCall("_system/users:put", args, Caller(backend=True), done))
    outcome = await finished
    if not isinstance(outcome, Success):
        raise RuntimeError(f"{copies.count} profiles and memberships could not be put: {outcome.message}")
    verdict: str = msgspec.json.decode(outcome.value, type=str)
    return verdict
