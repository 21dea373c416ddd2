"""What clients send over the socket, one class per message.

Source: the sync protocol of the `convex` npm package 1.48 and Rust crate 0.10. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import field

from syncline.values import decode_ts

from .errors import ProtocolError

#: Query ids, request ids and versions.
U32: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]

_NULL: Final = msgspec.Raw(b"null")


class _Message(msgspec.Struct, frozen=True, tag_field="type", rename="camel"):
    """Names are camelCase on the wire; `type` there is the name of the class."""


class Connect(_Message, frozen=True, tag="Connect"):
    """The first message on each socket."""

    #: The client's own id: npm keeps it for its lifetime, the Rust and Python clients make one per socket.
    session_id: UUID
    #: 0 on the first connection of this client.
    connection_count: U32
    last_close_reason: str | None = None
    #: The highest timestamp that the client has seen, or None.
    max_observed_timestamp: str | None = None
    #: Milliseconds since the epoch by the client's clock; the Rust and Python clients send 0.
    client_ts: float | None = None

    def __post_init__(self) -> None:
        if self.max_observed_timestamp is not None:
            decode_ts(self.max_observed_timestamp)

    @property
    def max_observed_ts(self) -> int | None:
        text = self.max_observed_timestamp
        return None if text is None else decode_ts(text)


class Add(_Message, frozen=True, tag="Add"):
    """Subscribe to a query. `args` is a JSON array of one object, not looked at yet."""

    query_id: U32
    udf_path: str
    args: msgspec.Raw
    journal: str | None = None
    component_path: str | None = None


class Remove(_Message, frozen=True, tag="Remove"):
    query_id: U32


class ModifyQuerySet(_Message, frozen=True, tag="ModifyQuerySet"):
    """Changes what the client is subscribed to. `modifications` may be empty; the version changes all the same."""

    base_version: U32
    new_version: U32
    modifications: list[Add | Remove]


class Mutation(_Message, frozen=True, tag="Mutation"):
    """Run a mutation. `request_id` counts mutations and actions of the client, and names this one in replays."""

    request_id: U32
    udf_path: str
    args: msgspec.Raw
    component_path: str | None = None


class Action(_Message, frozen=True, tag="Action"):
    """Run an action. Never replayed by npm; the Rust and Python clients do after a reconnect."""

    request_id: U32
    udf_path: str
    args: msgspec.Raw
    component_path: str | None = None


class Authenticate(_Message, frozen=True, tag="Authenticate"):
    """Who the client is from now on: `value` is a JWT or the admin key, None logs out."""

    base_version: U32
    token_type: Literal["User", "Admin", "None"]
    value: str | None = None
    #: A user's attributes, for an admin who acts as that user. npm's name for it, and Rust's.
    impersonating: dict[str, Any] | None = None
    acting_as_: dict[str, Any] | None = field(default=None, name="acting_as")

    def __post_init__(self) -> None:
        if self.value is None and self.token_type in ("User", "Admin"):
            raise ValueError(f"Authenticate with tokenType {self.token_type!r} needs a value")

    @property
    def acting_as(self) -> dict[str, Any] | None:
        return self.impersonating if self.impersonating is not None else self.acting_as_


class Event(_Message, frozen=True, tag="Event"):
    """Telemetry of the client, which nothing depends on."""

    event_type: str = ""
    event: msgspec.Raw = _NULL


ClientMessage: TypeAlias = Connect | ModifyQuerySet | Mutation | Action | Authenticate | Event

_decode: Final[Callable[[bytes], ClientMessage]] = msgspec.json.Decoder(ClientMessage).decode


def decode_client_message(raw: bytes) -> ClientMessage:
    """The message in one text frame. Raises ProtocolError, with the text for the client's FatalError."""
    try:
        return _decode(raw)
    except RecursionError:
        reason = "the message is too deeply nested"
    except UnicodeError:
        reason = "the message is not valid UTF-8"
    except msgspec.DecodeError as error:
        reason = str(error)
    raise ProtocolError(f"Received Invalid JSON on websocket: {reason}", "WSMessageInvalidJson")
