"""Answers of the server itself to requests that come in as ASGI: refusals and failures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from starlette.types import Send

from syncline.functions import Failure
from syncline.kernel.errors import (
    AppError,
    ArgumentError,
    ForbiddenError,
    LimitError,
    NotFoundError,
    OverloadedError,
    SynclineError,
    TooManyCallsError,
    UnauthenticatedError,
)

from .exchange import BodyTooLargeError
from .replies import Refusal

Headers = Iterable[tuple[bytes, bytes]]

_STATUSES: Final[tuple[tuple[type[SynclineError], int], ...]] = (
    (BodyTooLargeError, 413),
    (AppError, 400),
    (ArgumentError, 400),
    (UnauthenticatedError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (TooManyCallsError, 429),
    (OverloadedError, 503),
    (LimitError, 500),
)


async def answer(
    send: Send, status: int, body: bytes, content_type: bytes, headers: Headers = (), *, close: bool = False
) -> None:
    """A whole answer. `close`: what is left of the request's body is not worth reading."""
    head = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers]
    if close:
        head.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, refusal: Refusal, headers: Headers = (), *, close: bool = False) -> None:
    """The answer to a request that nothing of the application has seen."""
    pairs = [tuple(line.split(b": ", 1)) for line in refusal.headers.split(b"\r\n") if line]
    extra: list[tuple[bytes, bytes]] = [(pair[0], pair[1]) for pair in pairs]
    await answer(send, refusal.status, refusal.body, b"application/json", [*extra, *headers], close=close)


def refusal_of(error: SynclineError) -> Refusal:
    """An error of Syncline's own as a refusal."""
    retry_after = error.retry_after if isinstance(error, OverloadedError) else None
    return Refusal(_status_of(error), error.code, str(error), retry_after)


async def answer_failure(send: Send, failure: Failure, headers: Headers = (), *, redact: bool) -> None:
    """What the client gets when a route has failed: a public error as it is, any other as a request id."""
    error = failure.exception
    content: dict[str, Any]
    if isinstance(error, SynclineError) and error.public:
        status = _status_of(error)
        content = {"code": error.code, "message": str(error)}
        if isinstance(error, AppError):
            content = {"code": error.code, "data": error.data}
    else:
        status = 500
        content = {"code": failure.message.partition("\n")[0], "requestId": failure.request_id}
        if not redact:
            content |= {"message": failure.error.message, "trace": failure.error.traceback}
    body = json.dumps(content, default=str).encode()
    # Whether the rest of the body was read is not known here.
    await answer(send, status, body, b"application/json", headers, close=status == 413)


def _status_of(error: SynclineError) -> int:
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
