"""Sessions over the model engine, stepped by hand: what a client sends, and all that comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from syncline.functions import MutationCall, Outcome
from syncline.kernel.clock import FakeClock, SeededEntropy
from syncline.kernel.identity import ANONYMOUS, Caller
from syncline.kernel.limits import Limits
from syncline.protocol import ClientVersion, Version
from syncline.sync import LiveQueries, Services, Session, TokenVerifier, no_providers
from syncline.values import decode_ts, encode_ts

from .model_engine import ModelEngine

Json = dict[str, Any]

NPM = ClientVersion("npm", Version(1, 48, 0))
PYTHON = ClientVersion("python", Version(0, 8, 1))


class Server:
    """The engine, live queries and sessions of one server, and a clock that stands still."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        engine: ModelEngine | None = None,
        verify_user: TokenVerifier = no_providers,
        redact: bool = False,
    ) -> None:
        self.clock = FakeClock()
        self.engine = engine or ModelEngine()
        self.live = LiveQueries(self.engine, self.clock, limits or Limits())
        self.services = Services(
            live=self.live,
            engine=self.engine,
            clock=self.clock,
            entropy=SeededEntropy(),
            limits=limits or Limits(),
            check_admin_key=lambda key: key == "the-admin-key",
            verify_user=verify_user,
            redact=redact,
        )
        self._sessions = 0

    def socket(self, client: ClientVersion | None = NPM) -> Socket:
        """A socket that is open; nothing was sent over it."""
        self._sessions += 1
        return Socket(self, client, UUID(int=self._sessions))

    def client(self, client: ClientVersion | None = NPM) -> Socket:
        """A socket on which Connect was sent."""
        socket = self.socket(client)
        socket.connect()
        return socket

    def write(self, group: str = "aa", name: str = "00", by: int = 2) -> None:
        """Another client's write, committed but not told to anybody."""
        args = msgspec.json.encode({"group": group, "name": name, "by": float(by)})
        self.engine.lane.append(MutationCall("m:add", args, ANONYMOUS, lambda outcome, ts: None))
        self.engine.step_lane()

    def settle(self) -> None:
        self.engine.settle()

    def fetch(self, path: str, args: object = None, caller: Caller = ANONYMOUS) -> list[tuple[Outcome, int]]:
        """The list that the answer will be in."""
        answers: list[tuple[Outcome, int]] = []
        self.live.fetch(
            path, msgspec.json.encode(args or {}), caller, lambda outcome, ts: answers.append((outcome, ts))
        )
        return answers


@dataclass(eq=False)
class Socket:
    """A client's end and the server's port in one."""

    server: Server
    version: ClientVersion | None
    session_id: UUID
    session: Session = field(init=False)
    #: Every `send` of the session, as the messages in it.
    writes: list[list[bytes]] = field(default_factory=list[list[bytes]])
    #: Messages that the client has not looked at.
    inbox: list[Json] = field(default_factory=list[Json])
    closed: tuple[int | None, str] | None = None
    unsent: int = 0
    #: The port breaks its promise and raises.
    fails: bool = False
    _query_set: int = 0
    _identity: int = 0

    def __post_init__(self) -> None:
        self.session = Session(self, self.server.services, self.version)

    # The port

    def send(self, messages: list[bytes]) -> None:
        assert self.closed is None, "sent after the close"
        assert messages
        self.writes.append(messages)
        self.inbox += [msgspec.json.decode(message) for message in messages]

    def close(self, code: int | None, reason: str) -> None:
        assert self.closed is None, "closed twice"
        self.closed = (code, reason)

    def unsent_bytes(self) -> int:
        if self.fails:
            raise RuntimeError("a bug")
        return self.unsent

    # The client

    def receive(self, message: Json) -> None:
        self.session.receive(msgspec.json.encode(message))

    def connect(self, *, client_ts: float = 0, observed: int = 0) -> None:
        self.receive(
            {
                "type": "Connect",
                "sessionId": str(self.session_id),
                "connectionCount": 0,
                "lastCloseReason": "InitialConnect",
                "maxObservedTimestamp": encode_ts(observed),
                "clientTs": client_ts,
            }
        )

    def modify(self, *modifications: Json) -> None:
        base, self._query_set = self._query_set, self._query_set + 1
        self.receive(
            {
                "type": "ModifyQuerySet",
                "baseVersion": base,
                "newVersion": self._query_set,
                "modifications": list(modifications),
            }
        )

    def watch(self, query_id: int, path: str, **args: object) -> None:
        self.modify(added(query_id, path, **args))

    def unwatch(self, query_id: int) -> None:
        self.modify({"type": "Remove", "queryId": query_id})

    def mutate(self, request_id: int, path: str = "m:add", **args: object) -> None:
        args = args or {"group": "aa", "name": "00", "by": 2.0}
        self.receive({"type": "Mutation", "requestId": request_id, "udfPath": path, "args": [args]})

    def act(self, request_id: int, path: str = "m:act", **args: object) -> None:
        self.receive({"type": "Action", "requestId": request_id, "udfPath": path, "args": [args]})

    def authenticate(self, token: str | None, kind: str = "User", **more: object) -> None:
        base, self._identity = self._identity, self._identity + 1
        message: Json = {"type": "Authenticate", "baseVersion": base, "tokenType": kind, **more}
        if token is None:
            message["tokenType"] = "None"
        else:
            message["value"] = token
        self.receive(message)

    def take(self) -> list[Json]:
        """What has come since the last look."""
        taken, self.inbox = self.inbox, []
        return taken

    def transition(self) -> Json:
        """The one message that has come since the last look, which must be a transition."""
        (message,) = self.take()
        assert message["type"] == "Transition", message
        return message

    def settled(self) -> list[Json]:
        """Let the server come to rest; what has come since the last look."""
        self.server.settle()
        return self.take()


def added(query_id: int, path: str, **args: object) -> Json:
    journal = args.pop("journal", None)
    return {"type": "Add", "queryId": query_id, "udfPath": path, "args": [args], "journal": journal}


def versions(transition: Json) -> tuple[tuple[int, int], tuple[int, int]]:
    """(query set, identity) at the start and at the end."""
    start, end = transition["startVersion"], transition["endVersion"]
    return (start["querySet"], start["identity"]), (end["querySet"], end["identity"])


def end_ts(transition: Json) -> int:
    return decode_ts(transition["endVersion"]["ts"])


def values(transition: Json) -> dict[int, object]:
    """Query id -> its new value, or the text of its failure, or None if it was removed."""
    field = {"QueryUpdated": "value", "QueryFailed": "errorMessage"}
    return {
        modification["queryId"]: modification.get(field.get(modification["type"], ""))
        for modification in transition["modifications"]
    }
