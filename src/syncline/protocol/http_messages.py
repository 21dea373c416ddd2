"""Bodies of the HTTP API: requests to run functions, and the answers."""

from __future__ import annotations

from functools import cache
from typing import Final, TypeVar

import msgspec

from .errors import ProtocolError
from .server_messages import NO_LOG_LINES, encode_text

_NO_ARGS: Final = msgspec.Raw(b"{}")


class FunctionRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The body of /api/query, /api/mutation, /api/action and /api/function. See `argument_object` for `args`."""

    path: str
    args: msgspec.Raw = _NO_ARGS
    format: str | None = None
    component_path: str | None = None


class QueryAtRequest(FunctionRequest, frozen=True, rename="camel", kw_only=True):
    """The body of /api/query_at_ts: a query as of a timestamp (encoded) that /api/query_ts gave."""

    ts: str


class QueryBatchRequest(msgspec.Struct, frozen=True):
    """The body of /api/query_batch: queries that are all answered as of one timestamp."""

    queries: list[FunctionRequest]


class RunRequest(msgspec.Struct, frozen=True):
    """The body of /api/run/{path}."""

    args: msgspec.Raw = _NO_ARGS
    format: str | None = None


_Request = TypeVar("_Request", FunctionRequest, QueryAtRequest, QueryBatchRequest, RunRequest)


def decode_request(kind: type[_Request], raw: bytes) -> _Request:
    """The body `raw` of a request. Raises ProtocolError, for a 400."""
    try:
        request: _Request = _decoder(kind).decode(raw)
        return request
    except RecursionError:
        reason = "it is too deeply nested"
    except UnicodeError:
        reason = "it is not valid UTF-8"
    except msgspec.DecodeError as error:
        reason = str(error)
    raise ProtocolError(f"The body is not the JSON that this endpoint takes: {reason}", "BadJsonBody")


@cache
def _decoder(kind: type[_Request]) -> msgspec.json.Decoder[_Request]:
    return msgspec.json.Decoder(kind)


def success_body(value: bytes, log_lines: bytes = NO_LOG_LINES) -> bytes:
    """The answer (status 200) with the function's result, in the format that was asked for."""
    if log_lines == NO_LOG_LINES:
        return b'{"status":"success","value":%b}' % value
    return b'{"status":"success","value":%b,"logLines":%b}' % (value, log_lines)


def failure_body(message: str, log_lines: bytes = NO_LOG_LINES, error_data: bytes | None = None) -> bytes:
    """The answer (status 200 too) when the function failed or there is no such function."""
    return b'{"status":"error","errorMessage":%b%b%b}' % (
        encode_text(message),
        b"" if error_data is None else b',"errorData":%b' % error_data,
        b"" if log_lines == NO_LOG_LINES else b',"logLines":%b' % log_lines,
    )


def batch_body(answers: list[bytes]) -> bytes:
    """The answer to a batch: the bodies of its queries, in their order."""
    return b'{"results":[%b]}' % b",".join(answers)


def error_body(code: str, message: str) -> bytes:
    """The body of a 4xx or 5xx answer: the request itself was at fault, or the server is."""
    return b'{"code":%b,"message":%b}' % (encode_text(code), encode_text(message))
