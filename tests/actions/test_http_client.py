"""`ctx.http`: the public network, and nothing that only this machine can reach."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from support.engines import message_of, running, value_of, write_backend
from syncline import RefusedAddressError
from syncline.functions.action_http import async_client, sync_client


class _Handler(BaseHTTPRequestHandler):
    seen: list[str] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Cookie", ""))
        self.send_response(302 if self.path == "/elsewhere" else 200)
        if self.path == "/elsewhere":
            self.send_header("Location", "http://10.0.0.7/secret")
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@contextmanager
def serving() -> Generator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    with serving() as port:
        yield port


def loopback(address: str) -> bool:
    return address == "127.0.0.1"


INSIDE = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://127.1:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.1.2.3/",
    "http://192.168.0.1/",
    "http://[fd00::1]/",
    "https://172.16.0.1/",
    "http://100.64.0.1/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://168.63.129.16/metadata",
]


@pytest.mark.parametrize("url", INSIDE)
def test_private_addresses_are_refused_in_any_notation(port: int, url: str) -> None:
    async def get() -> None:
        await async_client().get(url.format(port=port))

    with pytest.raises(
        RefusedAddressError, match=r"ctx.http does not connect to .* it is not on the public network"
    ):
        asyncio.run(get())
    with pytest.raises(RefusedAddressError):
        sync_client().get(url.format(port=port))


def test_redirects_are_checked_like_requests(port: int) -> None:
    async def get() -> None:
        await async_client(loopback).get(f"http://127.0.0.1:{port}/elsewhere", follow_redirects=True)

    with pytest.raises(RefusedAddressError, match=r"10.0.0.7 \(10.0.0.7\)"):
        asyncio.run(get())
    with pytest.raises(RefusedAddressError):
        sync_client(loopback).get(f"http://127.0.0.1:{port}/elsewhere", follow_redirects=True)


def test_allowed_addresses_answer_and_cookies_stay_with_their_client(port: int) -> None:
    _Handler.seen.clear()

    async def get() -> list[str]:
        texts: list[str] = []
        for _ in range(2):
            async with async_client(loopback) as client:
                texts += [(await client.get(f"http://127.0.0.1:{port}/")).text for _ in range(2)]
        return texts

    assert asyncio.run(get()) == ["hello"] * 4
    assert _Handler.seen == ["", "a=b", "", "a=b"]
    with sync_client(loopback) as client:
        assert client.get(f"http://127.0.0.1:{port}/").text == "hello"
    assert sync_client(loopback).get(f"http://127.0.0.1:{port}/").text == "hello"


def test_one_private_address_among_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (address, 80)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr("socket.getaddrinfo", both)
    with pytest.raises(RefusedAddressError, match=r"rebound.example \(127.0.0.1\)"):
        sync_client().get("http://rebound.example/")


def test_proxies_of_the_environment_are_not_used(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
    with pytest.raises(RefusedAddressError):
        sync_client().get("http://10.0.0.1/")


def test_names_that_do_not_exist_are_errors_of_the_network() -> None:
    with pytest.raises((httpx.ConnectError, OSError)):
        sync_client().get("http://nobody.invalid/")


def test_actions_have_it(tmp_path: Path, port: int) -> None:
    source = f"""
    from syncline import ActionCtx, RefusedAddressError, SyncActionCtx, action


    @action
    async def fetch(ctx: ActionCtx) -> str:
        return (await ctx.http.get("http://127.0.0.1:{port}/")).text


    @action
    def fetch_in_thread(ctx: SyncActionCtx) -> str:
        assert ctx.http is ctx.http
        try:
            return ctx.http.get("http://127.0.0.1:{port}/").text
        except RefusedAddressError as error:
            return error.address
    """
    with running(write_backend(tmp_path, work=source)) as node:
        assert "RefusedAddressError: ctx.http does not connect to 127.0.0.1" in message_of(
            node.act("work:fetch")
        )
        assert value_of(node.act("work:fetch_in_thread")) == "127.0.0.1"
