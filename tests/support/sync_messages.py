"""What the test client of the sync protocol sends, and what it keeps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncline.values import encode_ts

Json = dict[str, Any]


class LostError(Exception):
    """The connection ended before the answer to an action, or the client did."""


class FunctionError(Exception):
    """The function failed; the argument is its error message."""


@dataclass(slots=True)
class Watched:
    """A query that the client is subscribed to."""

    path: str
    args: Json
    #: The query set version of this socket with which it began.
    since: int = 0
    journal: str | None = None
    #: The modification that showed it last, on this socket.
    shown: Json | None = None

    def add(self, number: int) -> Json:
        """The modification that subscribes to it."""
        message = {"type": "Add", "queryId": number, "udfPath": self.path, "args": [self.args]}
        return message if self.journal is None else {**message, "journal": self.journal}

    @property
    def value(self) -> Any:
        """The result that is shown."""
        assert self.shown is not None
        return self.shown["value"]

    @property
    def failed(self) -> bool:
        return self.shown is not None and self.shown["type"] == "QueryFailed"


@dataclass(slots=True)
class Answer:
    """What a client knows when its request is done."""

    value: Any
    #: The commit timestamp (mutations only).
    ts: int | None
    #: Seconds at which the request was first sent, and at which the response came.
    invoked: float
    returned: float
    #: How many transitions the client had taken before the first one that shows what was written.
    transitions: int


@dataclass(slots=True)
class Request:
    """A mutation or an action that is not done."""

    kind: str
    message: str
    invoked: float
    future: asyncio.Future[Answer]
    #: On which socket it was last sent. 0: not yet.
    socket: int = 0
    response: Json | None = None
    returned: float = 0.0


@dataclass(slots=True)
class Shown:
    """A transition: all that the client shows, as of one timestamp."""

    ts: int
    #: Query id -> query. All of them have a value or have failed.
    queries: Mapping[int, Watched]
    #: Seconds at which the newest query was asked for that it is the first to show. None: there is no such query.
    asked: float | None
    received: float


def connect_message(session: str, connection_count: int, max_observed: int = 0) -> str:
    return json.dumps(
        {
            "type": "Connect",
            "sessionId": session,
            "connectionCount": connection_count,
            "lastCloseReason": "closed with code 1006" if connection_count else "InitialConnect",
            "maxObservedTimestamp": encode_ts(max_observed),
            "clientTs": 0,
        }
    )


def authenticate_message(admin_key: str, acting_as: Json) -> str:
    """The first Authenticate of a socket: an admin who acts as a user."""
    message = {"type": "Authenticate", "baseVersion": 0, "tokenType": "Admin", "value": admin_key}
    return json.dumps({**message, "impersonating": acting_as})


def modify_message(base: int, new: int, modifications: list[Json]) -> str:
    message = {"type": "ModifyQuerySet", "baseVersion": base, "newVersion": new}
    return json.dumps({**message, "modifications": modifications})


def request_message(kind: str, number: int, path: str, args: Json) -> str:
    return json.dumps({"type": kind, "requestId": number, "udfPath": path, "args": [args]})
