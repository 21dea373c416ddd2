"""How a run ended, as bytes that are ready to be sent."""

from __future__ import annotations

import msgspec

from syncline.kernel.errors import SynclineError

from .logs import EMPTY


class Frame(msgspec.Struct, frozen=True):
    """A place in a traceback. `file` is as short as makes it clear; `column` counts from 1, 0 where unknown."""

    function: str
    file: str
    line: int
    column: int


class ErrorFacts(msgspec.Struct, frozen=True):
    """What the server's own log says about a failure, whatever the client is told."""

    type: str
    message: str
    #: The innermost first. Empty for errors that Syncline raised before or after the function ran.
    frames: tuple[Frame, ...] = ()
    #: As Python prints it; empty for expected errors.
    traceback: str = ""
    #: Whether the application or a caller's mistake is meant (AppError, bad arguments), and not a bug.
    expected: bool = False


class Success(msgspec.Struct, frozen=True):
    """`value` is Convex-encoded JSON; `log_lines` is the JSON array that clients receive; `lines` are all lines."""

    value: bytes
    log_lines: bytes = EMPTY
    lines: tuple[str, ...] = ()


class ActionStarted(Success, frozen=True):
    """A scheduled action is on record as started: whoever submitted the job must run it now."""

    path: str = ""
    args: bytes = b""


class Failure(msgspec.Struct, frozen=True):
    """`message` is complete, with the request id. `data`, where there is any, makes the error a ConvexError at clients.

    `fingerprint` is equal for equal failures: it does not depend on the request id. `exception` is what the function
    raised, without its traceback, for callers in this process.
    """

    message: str
    fingerprint: bytes
    data: bytes | None
    log_lines: bytes
    request_id: str
    error: ErrorFacts
    exception: SynclineError | Exception
    lines: tuple[str, ...] = ()


Outcome = Success | Failure
