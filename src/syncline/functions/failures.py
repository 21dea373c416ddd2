"""From an exception to what clients are told about it.

In development that is the message and where it happened; in production nothing but a request id, except for errors
whose data is meant for clients (`SynclineError.public`).
"""

from __future__ import annotations

import os
import traceback
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from types import CodeType, TracebackType
from typing import Final
from uuid import UUID

from syncline.kernel.clock import Entropy
from syncline.kernel.errors import AppError, ArgumentError, DocumentError, SynclineError
from syncline.values import encode_json, to_clean_json

from .logs import EMPTY, encode_lines
from .outcomes import ErrorFacts, Failure, Frame
from .sources import short_name

_OURS: Final = str(Path(__file__).resolve().parent.parent) + os.sep
_MOST_FRAMES: Final = 32


def request_id_for(session: bytes, request: int) -> str:
    """The request id of a mutation or action that came over a session: clients compute the same."""
    return sha256(f"{UUID(bytes=session)}|{request}".encode()).hexdigest()[:16]


def new_request_id(entropy: Entropy) -> str:
    """16 hexadecimal digits."""
    return entropy.bytes(8).hex()


def make_failure(
    error: BaseException,
    *,
    request_id: str,
    redact: bool,
    lines: list[str] | None = None,
    raised_by_function: bool = True,
) -> Failure:
    """What becomes of `error`. `raised_by_function` is false for errors of Syncline's own around the function."""
    data, text, problem = _described(error, raised_by_function)
    if problem is not None:
        error = problem
    expected = data is not None
    # Nobody reads where an expected error was raised in production, and there may be many.
    frames = (
        application_frames(error.__traceback__) if raised_by_function and not (expected and redact) else ()
    )
    shown = "" if expected or not raised_by_function else _traceback(error)
    captured = [] if lines is None else lines
    if redact:
        message, log_lines = "", EMPTY
    else:
        message = "\n" + "".join([text, "\n", *[f"    at {_place(frame)}\n" for frame in frames]])
        told = [*captured, f"[ERROR] {shown}"] if shown else captured
        log_lines = encode_lines(told) if told else EMPTY
    hasher = blake2b(message.encode(errors="replace"), digest_size=16)
    hasher.update(b"\0" + (data or b"") + b"\0" + log_lines)
    return Failure(
        message=f"[Request ID: {request_id}] Server Error{message}",
        fingerprint=hasher.digest(),
        data=data,
        log_lines=log_lines,
        request_id=request_id,
        error=ErrorFacts(type(error).__name__, _logged(error, redact), frames, shown, expected),
        exception=_bare(error),
        lines=tuple(captured),
    )


def _described(error: BaseException, raised_by_function: bool) -> tuple[bytes | None, str, Exception | None]:
    """(data for clients, text for developers, the error to report instead of this one)."""
    if not isinstance(error, SynclineError) or not error.public:
        text = _text(error)
        return None, f"Uncaught {type(error).__name__}: {text}" if raised_by_function else text, None
    try:
        data = encode_json(error.client_data())
    except (ValueError, TypeError) as problem:
        wrong = TypeError(f"the data of this {type(error).__name__} cannot be sent: {problem}")
        wrong.__traceback__ = error.__traceback__
        return None, f"Uncaught TypeError: {wrong}", wrong
    if isinstance(error, AppError):
        return data, f"Uncaught ConvexError: {to_clean_json(data).decode()}", None
    if isinstance(error, ArgumentError) and not raised_by_function:
        return data, str(error), None
    return data, f"Uncaught {type(error).__name__}: {error}" if raised_by_function else str(error), None


def _logged(error: BaseException, redact: bool) -> str:
    """What the record of calls says. In production without values that did not fit: a password may be among them."""
    text = _text(error)
    if not (redact and isinstance(error, ArgumentError | DocumentError)):
        return text
    lines = [line for line in text.splitlines() if not line.startswith(("Value: ", "Object: "))]
    return "\n".join(line.partition(", got ")[0] for line in lines)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:
        return f"(its message cannot be shown: {type(problem).__name__})"


def _bare(error: BaseException) -> Exception:
    """The error without the frames that it would keep alive."""
    if not isinstance(error, Exception):
        return RuntimeError(f"{type(error).__name__}: {_text(error)}")
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def application_frames(tb: TracebackType | None) -> tuple[Frame, ...]:
    """The frames of a traceback without Syncline's own, the innermost first."""
    found: list[Frame] = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if not code.co_filename.startswith(_OURS):
            found.append(
                Frame(
                    code.co_qualname, short_name(code.co_filename), tb.tb_lineno, _column(code, tb.tb_lasti)
                )
            )
        tb = tb.tb_next
    found.reverse()
    return tuple(found[:_MOST_FRAMES])


def _column(code: CodeType, instruction: int) -> int:
    position = next(islice(code.co_positions(), instruction // 2, None), None)
    return 0 if position is None or position[2] is None else position[2] + 1


def _traceback(error: BaseException) -> str:
    """As Python prints it, from the application's first frame on."""
    tb = error.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_OURS):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(error), error, tb)).rstrip()


def _place(frame: Frame) -> str:
    where = f"{frame.file}:{frame.line}:{frame.column}" if frame.column else f"{frame.file}:{frame.line}"
    return f"{frame.function} ({where})"
