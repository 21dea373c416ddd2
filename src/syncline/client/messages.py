"""What the server says over the socket, as the client reads it. The other direction is in `syncline.protocol`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from syncline.protocol import ProtocolError
from syncline.values import decode_ts

#: There is no error data: null would be a value.
NO_DATA: Final = Raw(b"")


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Version(_Part, frozen=True):
    query_set: int
    identity: int
    ts: str

    @property
    def moment(self) -> tuple[int, int, int]:
        """(query set, identity, timestamp)."""
        return self.query_set, self.identity, decode_ts(self.ts)


class QueryUpdated(_Part, frozen=True, tag_field="type"):
    query_id: int
    value: Raw
    journal: str | UnsetType | None = UNSET


class QueryFailed(_Part, frozen=True, tag_field="type"):
    query_id: int
    error_message: str
    error_data: Raw = NO_DATA
    journal: str | UnsetType | None = UNSET


class QueryRemoved(_Part, frozen=True, tag_field="type"):
    query_id: int


class _Message(msgspec.Struct, frozen=True, tag_field="type", rename="camel"):
    pass


class Transition(_Message, frozen=True):
    start_version: Version
    end_version: Version
    modifications: list[QueryUpdated | QueryFailed | QueryRemoved]


class MutationResponse(_Message, frozen=True):
    """`result` is the value, or the text of the error."""

    request_id: int
    success: bool
    result: Raw
    ts: str | None = None
    error_data: Raw = NO_DATA


class ActionResponse(_Message, frozen=True):
    request_id: int
    success: bool
    result: Raw
    error_data: Raw = NO_DATA


class AuthError(_Message, frozen=True):
    error: str
    base_version: int | None = None
    auth_update_attempted: bool = False


class FatalError(_Message, frozen=True):
    error: str


class Ping(_Message, frozen=True):
    pass


ServerMessage: TypeAlias = Transition | MutationResponse | ActionResponse | AuthError | FatalError | Ping

_decode: Final[Callable[[bytes], ServerMessage]] = msgspec.json.Decoder(ServerMessage).decode


def decode_server_message(raw: bytes) -> ServerMessage:
    """The message in one text frame. Raises ProtocolError for what is none."""
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ProtocolError(f"the server sent what is no message of the protocol: {error}") from None
