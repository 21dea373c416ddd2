"""Sockets to servers that are odd, in ways that servers and what stands between may be."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from support.noticeboard import notices
from support.serving import Running
from syncline.client import Client, ClientError, State
from syncline.values import encode_ts

SECONDS = 20.0


def first_view(**end: int) -> str:
    """The transition that makes a client without queries live."""
    start = {"querySet": 0, "identity": 0, "ts": encode_ts(0)}
    message: dict[str, object] = {
        "type": "Transition",
        "startVersion": start,
        "endVersion": {**start, "querySet": 1, "ts": encode_ts(5), **end},
        "modifications": [],
    }
    return msgspec.json.encode(message).decode()


async def connected_to(behave: Callable[[ServerConnection, int], Awaitable[None]]) -> list[tuple[str, str]]:
    """What a client tells that connects to a server which behaves like that, `behave` being told the how-manieth socket
    it is; until it is live."""
    states: list[tuple[str, str]] = []
    sockets = 0

    def on_state(state: State, reason: str) -> None:
        states.append((state, reason))

    async def handler(socket: ServerConnection) -> None:
        nonlocal sockets
        sockets += 1
        await socket.recv()
        await socket.recv()
        await behave(socket, sockets)
        await socket.wait_closed()

    async with asyncio.timeout(SECONDS), serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with Client(f"ws://127.0.0.1:{port}", on_state=on_state):
            return states.copy()


def test_a_message_may_come_in_pieces() -> None:
    async def in_pieces(socket: ServerConnection, number: int) -> None:
        text = first_view()
        await socket.send([text[:10], text[10:20], text[20:]])

    assert asyncio.run(connected_to(in_pieces)) == [("live", "")]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            first_view(querySet=9).replace('"startVersion":{"querySet":0', '"startVersion":{"querySet":3'),
            "StartVersion",
        ),
        ("{}", "no message of the protocol"),
        ("nonsense", "no message of the protocol"),
    ],
)
def test_a_server_that_makes_no_sense_is_left_for_the_next_socket(message: str, reason: str) -> None:
    async def confused_once(socket: ServerConnection, number: int) -> None:
        await socket.send(message if number == 1 else first_view())

    first, second = asyncio.run(connected_to(confused_once))
    assert first[0] == "connecting" and reason in first[1]
    assert second == ("live", "")


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [(1001, "ServerRestart", "ServerRestart"), (1011, "", "the server closed the connection (code 1011)")],
)
def test_the_reason_of_a_close_is_told(code: int, reason: str, told: str) -> None:
    async def closing_once(socket: ServerConnection, number: int) -> None:
        if number == 1:
            await socket.close(code, reason)
        else:
            await socket.send(first_view())

    assert asyncio.run(connected_to(closing_once)) == [("connecting", told), ("live", "")]


def test_a_fatal_error_stops_the_client() -> None:
    async def fatal(socket: ServerConnection, number: int) -> None:
        await socket.send('{"type":"FatalError","error":"our mistake"}')

    with pytest.raises(ClientError, match="the server refuses this client: our mistake"):
        asyncio.run(connected_to(fatal))


def test_a_tls_connection_works_like_any_other(server: Running, tmp_path: Path, board: str) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate, key)
    ours = ssl.create_default_context(cafile=str(certificate))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer), return_exceptions=True)

    async def scenario() -> None:
        proxy = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=theirs)
        port = proxy.sockets[0].getsockname()[1]
        async with asyncio.timeout(SECONDS), proxy:
            url = f"https://localhost:{port}"
            async with Client(url, package="support.noticeboard", ssl_context=ours) as client:
                await client.mutation(notices.post, board, "x" * 100_000)
                assert await client.query(notices.texts, board) == ["x" * 100_000]
                assert len(await client.query(notices.large, 3_000_000)) == 3_000_000

    asyncio.run(scenario())
