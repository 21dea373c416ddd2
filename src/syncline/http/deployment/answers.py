"""Answers that come from other threads, and from Syncline's own mutations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import msgspec

from syncline.functions import Failure, Outcome
from syncline.http.replies import Refusal
from syncline.http.request import Request
from syncline.kernel.errors import OverloadedError, SynclineError
from syncline.kernel.identity import Caller
from syncline.protocol import ValueFormat

T = TypeVar("T")
#: An endpoint that sees requests of admins only, and whose they are.
Administered: TypeAlias = Callable[[Request, Caller], None]


def decoded(request: Request, kind: type[T]) -> T:
    """The body of a request. Raises Refusal."""
    try:
        return msgspec.json.decode(request.content, type=kind)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            400, "BadJsonBody", f"the request's body is not what this endpoint takes: {error}"
        ) from None


def from_thread(
    request: Request, respond: Callable[[object], None]
) -> Callable[[object | SynclineError], None]:
    """A function for another thread to call with a result or an error; `respond` runs on the event loop's."""
    loop = asyncio.get_running_loop()

    def settle(result: object | SynclineError) -> None:
        if isinstance(result, SynclineError):
            raise refusal_of(result)
        respond(result)

    def answer(result: object | SynclineError) -> None:
        try:
            loop.call_soon_threadsafe(lambda: request.guarded(settle, result))
        except RuntimeError:
            return  # The loop is closed: nobody waits any more.

    return answer


def refusal_of(error: SynclineError) -> Refusal:
    if isinstance(error, OverloadedError):
        return Refusal(503, "Overloaded", str(error), error.retry_after)
    code = "".join(part.capitalize() for part in error.code.split("_"))
    return Refusal(400, code, str(error))


def value_of(outcome: Outcome) -> bytes:
    """What a function gave, as plain JSON. Raises Refusal."""
    if isinstance(outcome, Failure):
        code = "".join(
            part.capitalize() for part in getattr(outcome.exception, "code", "internal").split("_")
        )
        raise Refusal(400, code, outcome.error.message)
    return ValueFormat.CLEAN.render(outcome.value)
