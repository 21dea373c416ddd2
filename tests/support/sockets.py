"""A WebSocket client that can break every rule, and speaks enough of the sync protocol for tests."""

from __future__ import annotations

import base64
import json
import os
import socket
import uuid
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0


def frame(kind: int, payload: bytes, *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """One frame of a client."""
    first = (0x80 if fin else 0) | rsv << 4 | kind
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes([first, bit | len(payload)])
    elif len(payload) < 65536:
        head = bytes([first, bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    stream = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "little")
    data = (int.from_bytes(payload, "little") ^ stream).to_bytes(len(payload), "little")
    return head + mask + data


def handshake(path: str = "/api/1.48.0/sync", **headers: str) -> bytes:
    """An upgrade request; headers given here replace the usual ones, empty ones are left out."""
    fields = {
        "host": "test",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": base64.b64encode(os.urandom(16)).decode(),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


class SyncSocket:
    """A connection. `opened` is the server's answer to the handshake."""

    def __init__(self, port: int, path: str = "/api/1.48.0/sync", **headers: str) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._stream = self.connection.makefile("rb")
        self.connection.sendall(handshake(path, **headers))
        lines: list[bytes] = []
        while line := self._stream.readline().strip():
            lines.append(line)
        self.opened = b"\r\n".join(lines)
        self._query_set = 0

    def __enter__(self) -> SyncSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self.connection.close()

    # Frames

    def send_raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def receive_frame(self) -> tuple[int, bytes] | None:
        """Opcode and payload of the next frame; None when the server has hung up."""
        try:
            head = self._stream.read(2)
        except ConnectionResetError:
            return None
        if len(head) < 2:
            return None
        size = head[1]
        if size == 126:
            size = int.from_bytes(self._stream.read(2), "big")
        elif size == 127:
            size = int.from_bytes(self._stream.read(8), "big")
        return head[0] & 0xF, self._stream.read(size)

    def closed_with(self) -> tuple[int | None, str]:
        """The code and reason of the server's close frame; what comes before it is passed over."""
        while True:
            received = self.receive_frame()
            assert received is not None, "the server hung up without a close frame"
            kind, payload = received
            if kind == CLOSE:
                code = int.from_bytes(payload[:2], "big") if payload else None
                return code, payload[2:].decode()

    # Messages

    def send(self, **message: object) -> None:
        self.send_raw(frame(TEXT, json.dumps(message).encode()))

    def receive(self) -> dict[str, Any]:
        """The next message that is not a Ping."""
        while True:
            received = self.receive_frame()
            assert received is not None, "the server hung up"
            kind, payload = received
            if kind == TEXT:
                message: dict[str, Any] = json.loads(payload)
                if message["type"] != "Ping":
                    return message
            assert kind != CLOSE, f"the server closed: {payload!r}"

    def connect(self, session: uuid.UUID | None = None, **extra: object) -> SyncSocket:
        self.send(type="Connect", sessionId=str(session or uuid.uuid4()), connectionCount=0, **extra)
        return self

    def subscribe(self, query_id: int, path: str, **args: object) -> None:
        add = {"type": "Add", "queryId": query_id, "udfPath": path, "args": [args]}
        self.modify(add)

    def modify(self, *modifications: object) -> None:
        base, self._query_set = self._query_set, self._query_set + 1
        self.send(
            type="ModifyQuerySet", baseVersion=base, newVersion=self._query_set, modifications=modifications
        )

    def mutate(self, request_id: int, path: str, **args: object) -> None:
        self.send(type="Mutation", requestId=request_id, udfPath=path, args=[args])

    def act(self, request_id: int, path: str, **args: object) -> None:
        self.send(type="Action", requestId=request_id, udfPath=path, args=[args])

    def value(self, query_id: int) -> Any:
        """The next value of a query; everything else is passed over."""
        while True:
            message = self.receive()
            for modification in message.get("modifications", ()):
                if modification["type"] == "QueryUpdated" and modification["queryId"] == query_id:
                    return modification["value"]

    def response(self, request_id: int) -> dict[str, Any]:
        """The response to a request; everything else is passed over."""
        while True:
            message = self.receive()
            if message.get("requestId") == request_id:
                return message
