"""What the server sends over the socket, as bytes.

Values, log lines and error data arrive as JSON and are spliced: a result is encoded once, however many clients
get it. `log_lines` is a JSON array of strings, and always there: clients break without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from syncline.values import encode_ts

_json: Final = msgspec.json.Encoder().encode

PING: Final = b'{"type":"Ping"}'
NO_LOG_LINES: Final = b"[]"


class StateVersion(NamedTuple):
    """How far a socket has come: ModifyQuerySets seen, Authenticates applied, and the timestamp of all its results.

    Each Transition starts at the version where the one before it ended.
    """

    query_set: int
    identity: int
    ts: int

    def encode(self) -> bytes:
        return b'{"querySet":%d,"identity":%d,"ts":%b}' % (self.query_set, self.identity, _ts(self.ts))


#: Where every socket starts.
INITIAL_VERSION: Final = StateVersion(0, 0, 0)


# Sessions that a commit moves all move to the same timestamp.
@lru_cache(64)
def _ts(ts: int) -> bytes:
    return b'"%b"' % encode_ts(ts).encode("ascii")


def transition(
    start: StateVersion,
    end: StateVersion,
    modifications: Sequence[bytes],
    client_clock_skew: int | None,
    server_ts: int,
) -> bytes:
    """Move the client from `start` to `end`. `client_clock_skew` in ms, `server_ts` in ns since the epoch."""
    return (
        b'{"type":"Transition","startVersion":{"querySet":%d,"identity":%d,"ts":%b},'
        b'"endVersion":{"querySet":%d,"identity":%d,"ts":%b},"modifications":[%b],'
        b'"clientClockSkew":%b,"serverTs":%d}'
    ) % (
        start.query_set,
        start.identity,
        _ts(start.ts),
        end.query_set,
        end.identity,
        _ts(end.ts),
        b",".join(modifications),
        b"null" if client_clock_skew is None else b"%d" % client_clock_skew,
        server_ts,
    )


def transition_chunks(message: bytes, chunk_bytes: int) -> list[bytes]:
    """A Transition in parts of at most `chunk_bytes` (4 or more) before quoting; to be sent without gaps.

    Only for clients with `ClientVersion.supports_chunks`.
    """
    parts: list[bytes] = []
    start = 0
    while start < len(message):
        stop = start + chunk_bytes
        # A part begins with a character: bytes 10xxxxxx continue one.
        while stop < len(message) and message[stop] & 0xC0 == 0x80:
            stop -= 1
        parts.append(message[start:stop])
        start = stop
    tail = b'"totalParts":%d,"transitionId":"%d"}' % (len(parts), len(message))
    return [
        b'{"type":"TransitionChunk","chunk":%b,"partNumber":%d,%b' % (_json(part.decode()), number, tail)
        for number, part in enumerate(parts)
    ]


def query_updated(query_id: int, value: bytes, log_lines: bytes, journal: str | None) -> bytes:
    """A modification: the query has a new result."""
    return updated_for(query_id, shared_update_tail(value, log_lines, journal))


def shared_update_tail(value: bytes, log_lines: bytes, journal: str | None) -> bytes:
    """What is the same in `query_updated` for all subscribers of one result."""
    return b'"value":%b,"logLines":%b,"journal":%b}' % (value, log_lines, _optional(journal))


def updated_for(query_id: int, tail: bytes) -> bytes:
    return b'{"type":"QueryUpdated","queryId":%d,%b' % (query_id, tail)


def query_failed(
    query_id: int, message: str, log_lines: bytes, journal: str | None, error_data: bytes | None = None
) -> bytes:
    """A modification: the query failed. `error_data` only if clients shall see a ConvexError."""
    return failed_for(query_id, shared_failure_tail(message, log_lines, journal, error_data))


def shared_failure_tail(
    message: str, log_lines: bytes, journal: str | None, error_data: bytes | None = None
) -> bytes:
    """What is the same in `query_failed` for all subscribers of one failure."""
    return b'"errorMessage":%b,"logLines":%b,"journal":%b%b}' % (
        encode_text(message),
        log_lines,
        _optional(journal),
        _data(error_data),
    )


def failed_for(query_id: int, tail: bytes) -> bytes:
    return b'{"type":"QueryFailed","queryId":%d,%b' % (query_id, tail)


def query_removed(query_id: int) -> bytes:
    """A modification: the query is no longer watched."""
    return b'{"type":"QueryRemoved","queryId":%d}' % query_id


def mutation_response(request_id: int, value: bytes, ts: int, log_lines: bytes = NO_LOG_LINES) -> bytes:
    """The mutation was committed at `ts`. A Transition to `ts` or later must follow, or the client waits forever."""
    return b'{"type":"MutationResponse","requestId":%d,"success":true,"result":%b,"ts":%b,"logLines":%b}' % (
        request_id,
        value,
        _ts(ts),
        log_lines,
    )


def mutation_failed(
    request_id: int, message: str, log_lines: bytes = NO_LOG_LINES, error_data: bytes | None = None
) -> bytes:
    """The mutation failed and changed nothing. A Transition must follow: Rust clients wait for it."""
    return (
        b'{"type":"MutationResponse","requestId":%d,"success":false,"result":%b,"ts":null,"logLines":%b%b}'
        % (request_id, encode_text(message), log_lines, _data(error_data))
    )


def action_response(request_id: int, value: bytes, log_lines: bytes = NO_LOG_LINES) -> bytes:
    return b'{"type":"ActionResponse","requestId":%d,"success":true,"result":%b,"logLines":%b}' % (
        request_id,
        value,
        log_lines,
    )


def action_failed(
    request_id: int, message: str, log_lines: bytes = NO_LOG_LINES, error_data: bytes | None = None
) -> bytes:
    return b'{"type":"ActionResponse","requestId":%d,"success":false,"result":%b,"logLines":%b%b}' % (
        request_id,
        encode_text(message),
        log_lines,
        _data(error_data),
    )


def auth_error(message: str, base_version: int | None, auth_update_attempted: bool) -> bytes:
    """The token was refused. `base_version` is the identity version of the last Transition. Close afterwards."""
    return b'{"type":"AuthError","error":%b,"baseVersion":%b,"authUpdateAttempted":%b}' % (
        encode_text(message),
        _json(base_version),
        _json(auth_update_attempted),
    )


def fatal_error(message: str) -> bytes:
    """npm clients never reconnect after this: for faults of the client only."""
    return b'{"type":"FatalError","error":%b}' % encode_text(message)


def encode_text(text: str) -> bytes:
    """`text` as a JSON string. Texts of errors come from anywhere: halves of surrogate pairs are spelled out."""
    try:
        return _json(text)
    except UnicodeEncodeError:
        return _json(text.encode("utf-8", "backslashreplace").decode())


def _optional(text: str | None) -> bytes:
    return b"null" if text is None else _json(text)


def _data(error_data: bytes | None) -> bytes:
    return b"" if error_data is None else b',"errorData":%b' % error_data
