"""What the sync protocol allows a server to say: one `Listener` per socket hears all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from syncline.values import decode_ts

Json = Mapping[str, Any]

#: The codes with which the server may close a socket. None: without one.
CLOSE_CODES = frozenset({None, 1000, 1001, 1002, 1007, 1009, 1011, 1013})

_U32 = 2**32


class Listener:
    """Knows what was said on a socket, and asserts that every further message is well-formed and fits to it."""

    def __init__(self) -> None:
        self.version: tuple[int, int, int] = (0, 0, 0)
        #: FatalError or AuthError: only a close may follow.
        self.ended: str | None = None
        self.responses: dict[int, Json] = {}
        #: A response that no transition has followed yet.
        self.owes_transition = False
        self._queries: set[int] = set()

    def hear(self, message: Json) -> None:
        assert self.ended is None, f"{message} came after {self.ended}"
        match message["type"]:
            case "Transition":
                self._transition(message)
            case "MutationResponse":
                self._response(message)
                if message["success"]:
                    decode_ts(message["ts"])
                else:
                    assert message["ts"] is None, message
            case "ActionResponse":
                self._response(message)
                assert "ts" not in message, message
            case "AuthError":
                _fields(message, "error", "baseVersion", "authUpdateAttempted")
                assert isinstance(message["error"], str) and isinstance(message["authUpdateAttempted"], bool)
                assert message["baseVersion"] == self.version[1], message
                self.ended = "AuthError"
            case "FatalError":
                _fields(message, "error")
                assert isinstance(message["error"], str) and message["error"], message
                self.ended = "FatalError"
            case "Ping":
                _fields(message)
            case other:
                raise AssertionError(f"the server sent {other}: {message}")

    def _transition(self, message: Json) -> None:
        _fields(message, "startVersion", "endVersion", "modifications", "clientClockSkew", "serverTs")
        start, end = _version(message["startVersion"]), _version(message["endVersion"])
        assert start == self.version, f"{message} starts elsewhere than at {self.version}"
        assert all(new >= old for old, new in zip(start, end, strict=True)), message
        for name in ("clientClockSkew", "serverTs"):
            assert message[name] is None or type(message[name]) is int, message
        for modification in message["modifications"]:
            self._modification(modification)
        self.version = end
        self.owes_transition = False

    def _modification(self, modification: Json) -> None:
        assert 0 <= modification["queryId"] < _U32 and type(modification["queryId"]) is int
        match modification["type"]:
            case "QueryUpdated":
                _fields(modification, "queryId", "value", "logLines", "journal")
                _log_lines(modification)
            case "QueryFailed":
                _fields(modification, "queryId", "errorMessage", "logLines", "journal", optional="errorData")
                assert isinstance(modification["errorMessage"], str)
                _log_lines(modification)
            case "QueryRemoved":
                _fields(modification, "queryId")
            case other:
                raise AssertionError(f"an unknown modification {other}")
        assert modification.get("journal") is None or isinstance(modification["journal"], str)

    def _response(self, message: Json) -> None:
        names = ["requestId", "success", "result", "logLines"]
        if message["type"] == "MutationResponse":
            names.append("ts")
        _fields(message, *names, optional=None if message["success"] else "errorData")
        assert isinstance(message["success"], bool)
        if not message["success"]:
            assert isinstance(message["result"], str) and message["result"]
        _log_lines(message)
        self.responses[message["requestId"]] = message
        self.owes_transition = True


def _fields(message: Json, *names: str, optional: str | None = None) -> None:
    present = set(message) - {"type", optional}
    assert present == set(names), f"{message} has the fields {present} and not {names}"


def _version(version: Json) -> tuple[int, int, int]:
    assert set(version) == {"querySet", "identity", "ts"}, version
    assert type(version["querySet"]) is int and type(version["identity"]) is int
    return version["querySet"], version["identity"], decode_ts(version["ts"])


def _log_lines(message: Json) -> None:
    lines = message["logLines"]
    assert isinstance(lines, list), message
    for line in cast("list[object]", lines):
        assert isinstance(line, str) and line.startswith("["), message
