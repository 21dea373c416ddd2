"""A client as the official ones are, which believes nothing: it checks every transition against the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from syncline.kernel.identity import ANONYMOUS, Caller, Identity
from syncline.values import decode_ts, encode_ts

from .model_app import History, arguments

Json = dict[str, Any]


@dataclass(slots=True)
class Held:
    """A query as the client has it."""

    path: str
    args: bytes
    shown: object = None
    journal: str | None = None
    has_result: bool = False


@dataclass(slots=True)
class Request:
    kind: str
    path: str
    args: bytes
    #: (success, commit timestamp) once the response has arrived.
    response: tuple[bool, int] | None = None


def caller_of(token: str | None) -> Caller:
    return ANONYMOUS if token is None else Caller(Identity(token, "https://issuer.test"))


@dataclass
class ModelClient:
    """`send` hands a message to the network. `python`: a new session id per socket, and resolved by any transition."""

    name: int
    history: History
    send: Callable[[bytes], None]
    python: bool = False
    #: The newest timestamp that anybody has been shown or told of, when this client began to watch what it watches.
    seen_by_all: Callable[[], int] = lambda: 0
    #: When an operation took effect.
    applied_at: Mapping[str, int] = field(default_factory=dict[str, int])

    wanted: dict[int, Held] = field(default_factory=dict[int, Held])
    token: str | None = None
    version: tuple[int, int, int] = (0, 0, 0)
    max_observed: int = 0
    connected: bool = False
    connections: int = 0
    requests: dict[int, Request] = field(default_factory=dict[int, Request])
    resolved: dict[int, bool] = field(default_factory=dict[int, bool])
    transitions: int = 0
    modifications: int = 0
    fatal: str | None = None
    _next_query: int = 0
    _next_request: int = 0
    _query_set: int = 0
    _identity: int = 0
    #: Query set version -> the ids in it; identity version -> the token; both with a floor for what is shown then.
    _sets: dict[int, tuple[frozenset[int], int]] = field(
        default_factory=dict[int, tuple[frozenset[int], int]]
    )
    _tokens: dict[int, tuple[str | None, int]] = field(default_factory=dict[int, tuple[str | None, int]])
    _shown: dict[int, Held] = field(default_factory=dict[int, Held])
    #: What the next transition must reach, because a response came.
    _owed: int | None = None

    # What the user does

    def watch(self, path: str, args: bytes) -> int:
        query_id = self._next_query
        self._next_query += 1
        self.wanted[query_id] = Held(path, args)
        self._modify([self._add(query_id)])
        return query_id

    def unwatch(self, query_id: int) -> None:
        del self.wanted[query_id]
        self._modify([{"type": "Remove", "queryId": query_id}])

    def request(self, kind: str, path: str, args: bytes) -> int:
        request_id = self._next_request
        self._next_request += 1
        self.requests[request_id] = Request(kind, path, args)
        self._send_request(request_id)
        return request_id

    def authenticate(self, token: str | None) -> None:
        self.token = token
        self._authenticate()

    # The socket

    def connect(self) -> None:
        self.connected = True
        self.version = (0, 0, 0)
        self._query_set = self._identity = 0
        self._sets = {0: (frozenset(), 0)}
        self._tokens = {0: (None, 0)}
        self._shown = {}
        self._owed = None
        self.send(
            msgspec.json.encode(
                {
                    "type": "Connect",
                    "sessionId": str(UUID(int=self.name * 1000 + (self.connections if self.python else 0))),
                    "connectionCount": self.connections,
                    "lastCloseReason": "InitialConnect",
                    "maxObservedTimestamp": encode_ts(self.max_observed),
                    "clientTs": 0,
                }
            )
        )
        self.connections += 1
        if self.token is not None:
            self._authenticate()
        self._modify([self._add(query_id) for query_id in self.wanted])
        for request_id, request in list(self.requests.items()):
            if request.kind == "Action" and not self.python:
                del self.requests[request_id]  # As npm does: the connection was lost while it was in flight.
            else:
                request.response = None
                self._send_request(request_id)

    def disconnect(self) -> None:
        self.connected = False

    def receive(self, raw: bytes) -> None:
        message: Json = msgspec.json.decode(raw)
        match message["type"]:
            case "Transition":
                self._transition(message)
            case "MutationResponse" | "ActionResponse":
                self._response(message)
            case "AuthError":
                assert any(token == "bad" for token, _ in self._tokens.values()), message
                assert message["baseVersion"] == self.version[1]
                if self.token == "bad":
                    self.token = None
            case "FatalError":
                raise AssertionError(f"the client was told that it is at fault: {message}")
            case "Ping":
                pass
            case other:
                raise AssertionError(other)

    # Inside

    def _add(self, query_id: int) -> Json:
        held = self.wanted[query_id]
        message: Json = {
            "type": "Add",
            "queryId": query_id,
            "udfPath": held.path,
            "args": [msgspec.Raw(held.args)],
        }
        if not self.python:
            message["journal"] = held.journal
        return message

    def _modify(self, modifications: list[Json]) -> None:
        if not self.connected:
            return
        base, self._query_set = self._query_set, self._query_set + 1
        adds = any(modification["type"] == "Add" for modification in modifications)
        floor = self.seen_by_all() if adds else self._sets[base][1]
        self._sets[self._query_set] = (frozenset(self.wanted), floor)
        message = {
            "type": "ModifyQuerySet",
            "baseVersion": base,
            "newVersion": self._query_set,
            "modifications": modifications,
        }
        self.send(msgspec.json.encode(message))

    def _authenticate(self) -> None:
        if not self.connected:
            return
        base, self._identity = self._identity, self._identity + 1
        self._tokens[self._identity] = (self.token, self.seen_by_all())
        message: Json = {"type": "Authenticate", "baseVersion": base, "tokenType": "None"}
        if self.token is not None:
            message |= {"tokenType": "User", "value": self.token}
        self.send(msgspec.json.encode(message))

    def _send_request(self, request_id: int) -> None:
        if self.connected:
            request = self.requests[request_id]
            message = {
                "type": request.kind,
                "requestId": request_id,
                "udfPath": request.path,
                "args": [msgspec.Raw(request.args)],
            }
            self.send(msgspec.json.encode(message))

    def _response(self, message: Json) -> None:
        ts = decode_ts(message["ts"]) if message.get("ts") else 0
        self._owed = max(self._owed or 0, ts)
        self.max_observed = max(self.max_observed, ts)
        request = self.requests.get(message["requestId"])
        if request is None:
            return  # A replay was answered twice.
        request.response = (message["success"], ts)
        if request.path == "m:add_later" and message["success"]:
            self._owed = max(self._owed, self.applied_at[msgspec.json.decode(request.args)["op"]])
        if not self.python and (request.kind == "Action" or not message["success"]):
            self._resolve(message["requestId"], message["success"])

    def _resolve(self, request_id: int, success: bool) -> None:
        del self.requests[request_id]
        assert request_id not in self.resolved
        self.resolved[request_id] = success

    def _transition(self, message: Json) -> None:
        start, end = _version(message["startVersion"]), _version(message["endVersion"])
        assert start == self.version, f"R1: starts at {start}, the client is at {self.version}"
        assert end >= start and end[2] >= start[2], f"R1: back from {start} to {end}"
        assert end[2] >= self.max_observed, f"R1: back to {end[2]}, {self.max_observed} was seen before"
        assert end[2] <= self.history.head, "the future is not known"
        if self._owed is not None:
            assert end[2] >= self._owed, f"R3: {end[2]} follows a response at {self._owed}"
            self._owed = None
        self.version = end
        self.max_observed = end[2]
        self.transitions += 1
        self._apply(message["modifications"])
        self._check(end)
        for request_id, request in list(self.requests.items()):
            if request.response is not None and (self.python or request.response[1] <= end[2]):
                assert request.response[1] <= end[2]
                self._resolve(request_id, request.response[0])

    def _apply(self, modifications: list[Json]) -> None:
        for modification in modifications:
            self.modifications += 1
            query_id = modification["queryId"]
            if modification["type"] == "QueryRemoved":
                self._shown.pop(query_id, None)
                continue
            assert isinstance(modification["logLines"], list)
            journal = modification["journal"]
            if modification["type"] == "QueryUpdated":
                shown: object = ("value", modification["value"], journal)
            else:
                text = modification["errorMessage"].partition("]")[2]
                shown = ("error", text, modification.get("errorData"))
            before = self._shown.get(query_id)
            assert before is None or before.shown != shown, f"sent twice: {shown}"
            self._shown[query_id] = Held("", b"", shown, journal, True)
            if query_id in self.wanted:
                held = self.wanted[query_id]
                if held.journal is not None and not self.python:
                    assert journal == held.journal, "a page has lost its end"
                held.journal = journal

    def _check(self, version: tuple[int, int, int]) -> None:
        """R2: all that the client holds is what the functions give at this one timestamp, for its identity."""
        query_set, identity, ts = version
        ids, floor = self._sets[query_set]
        token, signed_in_at = self._tokens[identity]
        assert ts >= max(floor, signed_in_at), (
            f"R3: at {ts}, but {floor} had been seen by somebody before the client asked"
        )
        assert set(self._shown) == ids, f"R2: holds {sorted(self._shown)}, watches {sorted(ids)}"
        caller = caller_of(token)
        for query_id in ids:
            held = self._shown[query_id]
            wanted = self.wanted.get(query_id)
            if wanted is None:
                continue  # Unwatched since; the server has not heard yet.
            found = self.history.evaluate(wanted.path, arguments(wanted.args), caller, ts, held.journal)
            assert held.shown == found.shown, (
                f"R2: {wanted.path} {wanted.args!r} at {ts}: {held.shown} is not {found.shown}"
            )

    def check_at_rest(self) -> None:
        """R4: nothing is on its way any more, so everything must have arrived."""
        assert self.version[:2] == (self._query_set, self._identity), "R4: a change was never confirmed"
        assert not self.requests, f"R4: never answered: {self.requests}"
        assert self._owed is None, "R4: no transition after a response"
        assert set(self._shown) == set(self.wanted)
        self._check((self.version[0], self.version[1], self.history.head))


def _version(json: Json) -> tuple[int, int, int]:
    return json["querySet"], json["identity"], decode_ts(json["ts"])
