"""WebSocket connections: frames, limits, closing, and who hears of whose failures."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from support.notes import MODULES
from support.serving import Running, error_code, read_to_end, running
from support.sockets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, SyncSocket, frame, handshake

CONNECT = json.dumps(
    {"type": "Connect", "sessionId": "6f1c1f0e-6f1b-4d3a-9a55-0d2b8a1f7c10", "connectionCount": 0}
).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), MODULES) as server:
        yield server


def test_the_handshake_is_answered_without_extensions_or_subprotocols(server: Running) -> None:
    key = base64.b64encode(bytes(16)).decode()
    headers = {"sec_websocket_extensions": "permessage-deflate", "sec_websocket_protocol": "chat"}
    with SyncSocket(server.port, sec_websocket_key=key, **headers) as socket:
        lines = socket.opened.decode().lower().split("\r\n")
    accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    assert lines[0] == "http/1.1 101 switching protocols"
    assert f"sec-websocket-accept: {accept.decode().lower()}" in lines
    assert not [
        line for line in lines if line.startswith(("sec-websocket-extensions", "sec-websocket-protocol"))
    ]


@pytest.mark.parametrize(
    "path", ["/api/1.48.0/sync", "/api/sync", "//api/1.48.0/sync", "/api/1.29.0-alpha.1/sync"]
)
def test_both_routes_lead_to_a_session(server: Running, path: str) -> None:
    with SyncSocket(server.port, path, connection="keep-alive, Upgrade") as socket:
        socket.connect().subscribe(0, "notes:shout", text="hi")
        assert socket.value(0) == "HI"


@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [
        (handshake("/api/0.19.1/sync"), 400, "ClientVersionUnsupported"),
        (handshake("/api/new/sync"), 400, "InvalidClientVersion"),
        (handshake("/api/sync", convex_client="python"), 400, "InvalidClientVersion"),
        (handshake("/api/sync", convex_client="python-0.0.2"), 400, "ClientVersionUnsupported"),
        (handshake("/elsewhere"), 404, "NotFound"),
        (handshake("/api/1.48.0/sync/more"), 404, "NotFound"),
        (handshake(sec_websocket_version="8"), 400, "BadRequest"),
        (handshake(sec_websocket_key="short"), 400, "BadRequest"),
        (handshake(sec_websocket_key="?"), 400, "BadRequest"),
    ],
    ids=[
        "old npm",
        "no version",
        "no dash",
        "old python",
        "path",
        "deep path",
        "draft",
        "short key",
        "no key",
    ],
)
def test_what_may_not_connect_is_refused_before_the_upgrade(
    server: Running, ask: bytes, status: int, code: str
) -> None:
    with open_connection(server.port) as connection:
        connection.sendall(ask.replace(b"host: test", b"host: test\r\norigin: https://a.example"))
        answer = read_to_end(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"access-control-allow-origin: *" in head
    assert error_code(body) == code


def test_a_fragmented_message_is_put_together_around_control_frames(server: Running) -> None:
    with SyncSocket(server.port) as socket:
        socket.send_raw(frame(TEXT, CONNECT[:10], fin=False))
        socket.send_raw(frame(PING, b"are you there"))
        socket.send_raw(frame(CONTINUATION, CONNECT[10:20], fin=False))
        socket.send_raw(frame(CONTINUATION, CONNECT[20:]))
        assert socket.receive_frame() == (PONG, b"are you there")
        socket.subscribe(0, "notes:shout", text="ö")
        assert socket.value(0) == "Ö"


def test_frames_may_arrive_byte_by_byte(server: Running) -> None:
    with SyncSocket(server.port) as socket:
        for byte in frame(TEXT, CONNECT):
            socket.send_raw(bytes([byte]))
        socket.subscribe(0, "notes:shout", text="slow")
        assert socket.value(0) == "SLOW"


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b'"\xed\xa0\x80"'), 1007),
        (frame(TEXT, CONNECT, rsv=4), 1002),
        (frame(TEXT, CONNECT, masked=False), 1002),
        (frame(CONTINUATION, b"x"), 1002),
        (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
        (frame(0x3, b"x"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(TEXT, b" " * 70_000), 1009),
        (frame(TEXT, b" " * 40_000, fin=False) + frame(CONTINUATION, b" " * 40_000), 1009),
    ],
    ids=[
        "not utf-8",
        "surrogate",
        "compressed",
        "unmasked",
        "continuation first",
        "two beginnings",
        "unknown opcode",
        "fragmented ping",
        "too large before Connect",
        "fragments too large before Connect",
    ],
)
def test_frames_against_the_rules_close_with_their_code(server: Running, frames: bytes, code: int) -> None:
    with SyncSocket(server.port) as socket:
        socket.send_raw(frames)
        assert socket.closed_with()[0] == code


def test_an_unfinished_message_before_connect_is_not_held_without_bound(server: Running) -> None:
    with SyncSocket(server.port) as socket:
        socket.send_raw(frame(TEXT, b" " * 10_000_000)[:100_000])
        assert socket.closed_with()[0] == 1009


def test_a_message_in_pieces_is_not_held_without_bound_after_connect_either(server: Running) -> None:
    piece = b" " * 1024 * 1024
    with SyncSocket(server.port) as socket:
        socket.connect()
        socket.send_raw(frame(TEXT, piece, fin=False))
        for _ in range(15):
            socket.send_raw(frame(CONTINUATION, piece, fin=False))
        socket.send_raw(frame(CONTINUATION, b" " * 2049, fin=False))
        assert socket.closed_with() == (1009, "the message is too large")


def test_a_binary_frame_is_a_fatal_error(server: Running) -> None:
    with SyncSocket(server.port) as socket:
        socket.send_raw(frame(BINARY, CONNECT))
        assert socket.receive()["type"] == "FatalError"
        assert socket.closed_with() == (None, "")


def test_a_large_message_is_taken_and_leaves_no_large_buffer(server: Running) -> None:
    with SyncSocket(server.port) as socket:
        socket.connect()
        for number in range(3):
            socket.mutate(number, "notes:add", text="x" * 300_000, list="large")
            assert socket.response(number)["success"] is True
        socket.subscribe(0, "notes:count", list="large")
        assert socket.value(0) == 3


def test_the_servers_answer_to_close_is_prompt_and_has_the_same_code(server: Running) -> None:
    for sent, expected in ((b"", None), (b"\x03\xe8", 1000), (b"\x0f\xa0bye", 4000)):
        with SyncSocket(server.port) as socket:
            socket.connect()
            socket.send_raw(frame(CLOSE, sent))
            assert socket.closed_with()[0] == expected
            assert socket.receive_frame() is None


def test_a_ping_of_the_client_is_answered(server: Running) -> None:
    with SyncSocket(server.port) as socket:
        socket.send_raw(frame(PING, b"x" * 125))
        assert socket.receive_frame() == (PONG, b"x" * 125)


def test_the_server_pings_and_drops_who_is_silent_for_two_minutes(server: Running) -> None:
    with SyncSocket(server.port) as silent, SyncSocket(server.port) as alive:
        for socket in (silent, alive):
            socket.connect().subscribe(0, "notes:shout", text="x")
            socket.value(0)
        now = time.monotonic()

        server.turn_wheel(now + 60)
        assert silent.receive_frame() == (PING, b"")
        assert alive.receive_frame() == (PING, b"")
        alive.send_raw(frame(PONG, b""))
        alive.subscribe(1, "notes:shout", text="still here")
        assert alive.value(1) == "STILL HERE"
        server.turn_wheel(now + 119)
        server.turn_wheel(now + 181)
        while silent.receive_frame() is not None:
            pass
        alive.subscribe(2, "notes:shout", text="and now")
        assert alive.value(2) == "AND NOW"


def test_a_socket_that_breaks_does_not_touch_another(server: Running) -> None:
    with SyncSocket(server.port) as watcher:
        watcher.connect().subscribe(0, "notes:list", list="shared")
        assert watcher.value(0) == []
        for number in range(5):
            with SyncSocket(server.port) as breaker:
                breaker.connect().subscribe(0, "notes:list", list="shared")
                breaker.mutate(0, "notes:add", text=str(number), list="shared")
                assert watcher.value(0)[-1] == str(number)
                breaker.send_raw(b"\x00\x01junk")
        watcher.mutate(0, "notes:add", text="mine", list="shared")
        assert watcher.response(0)["success"] is True


def test_messages_sent_with_the_handshake_are_not_lost(server: Running) -> None:
    subscribe = {"type": "Add", "queryId": 0, "udfPath": "notes:shout", "args": [{"text": "early"}]}
    modify = {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [subscribe]}
    with open_connection(server.port) as connection:
        connection.sendall(handshake() + frame(TEXT, CONNECT) + frame(TEXT, json.dumps(modify).encode()))
        received = b""
        while b"EARLY" not in received:
            received += connection.recv(65536)


def test_a_draining_server_takes_no_new_sockets(tmp_path: Path) -> None:
    with running(tmp_path, MODULES) as server:
        server.call(lambda: setattr(server.deployment.gateway, "draining", True))
        assert server.http.get("/readyz").status_code == 503
        with open_connection(server.port) as connection:
            connection.sendall(handshake())
            assert read_to_end(connection).startswith(b"HTTP/1.1 503 ")


def open_connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)
