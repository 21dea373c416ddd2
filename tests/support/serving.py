"""Servers in a thread of the test's process: the real gateway, deployment and event loop, on a free port."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

from support.applications import write_application
from syncline.http import Gateway, connection_class
from syncline.kernel.clock import Clock, SystemClock
from syncline.kernel.limits import Limits
from syncline.server.admin_key import read_admin_key
from syncline.server.console import Console
from syncline.server.deployment import Deployment
from syncline.server.listening import admin_address, listen
from syncline.server.serving import HttpServer, serve
from syncline.server.settings import Mode, Settings

T = TypeVar("T")

ADMIN_KEY = "test|0123456789abcdef0123456789abcdef"


class LoopThread:
    """What runs on an event loop in another thread, and a way to it."""

    loop: asyncio.AbstractEventLoop

    def call(self, function: Callable[[], T]) -> T:
        """The result of `function`, run on the loop's thread."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)


@dataclass
class Running(LoopThread):
    """A whole server with an application."""

    url: str
    port: int
    deployment: Deployment
    server: HttpServer
    log: io.StringIO
    http: httpx.Client
    #: Where administration is answered.
    admin_url: str

    def __post_init__(self) -> None:
        self.loop = self.server.loop

    @property
    def admin_key(self) -> str:
        key = read_admin_key(self.deployment.settings.data, {})
        assert key is not None
        return key

    def post(self, endpoint: str, **body: object) -> Any:
        """The answer of a function endpoint, which must be 200."""
        response = self.http.post(f"/api/{endpoint}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def value(self, kind: str, path: str, **args: object) -> Any:
        """The value of a function that succeeds."""
        answer = self.post(kind, path=path, args=args)
        assert answer["status"] == "success", answer
        return answer["value"]

    def turn_wheel(self, now: float, times: int = 1) -> None:
        """Let every connection be visited at the time `now` (monotonic)."""
        for _ in range(times):
            self.call(lambda: turn(self.deployment.gateway, now))

    def stop(self) -> None:
        """Begin a graceful stop, as a signal would."""
        self.loop.call_soon_threadsafe(self.server.ask_to_stop)


@contextmanager
def running(
    folder: Path,
    modules: Mapping[str, str],
    *,
    mode: Mode = Mode.DEV,
    environment: Mapping[str, str] | None = None,
    limits: Mapping[str, float] | None = None,
    site: Path | None = None,
    storage: str | None = None,
    url: str | None = None,
    administration: bool = False,
) -> Generator[Running, None, None]:
    """`administration`: on a port of its own, `admin_url`. A server with the application of these modules; its data are in `folder` too, and stay there."""
    backend = write_application(folder, **modules)
    settings = Settings(
        backend=backend,
        data=folder / "data",
        site=site,
        storage=storage,
        url=url,
        port=0,
        base=folder,
        limits=dict(limits or {}),
    )
    log = io.StringIO()
    console = Console(log, {})
    deployment = Deployment(settings, mode, console, environment or {}, lambda error: None)
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    admin_listener = listen("127.0.0.1", 0) if administration else None
    started = threading.Event()
    servers: list[HttpServer] = []

    def on_started(server: HttpServer) -> None:
        servers.append(server)
        started.set()

    thread = threading.Thread(target=serve, args=(deployment, listener, console, on_started, admin_listener))
    thread.start()
    try:
        assert started.wait(30)
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=30) as http:
            admin_url = url if admin_listener is None else admin_address(admin_listener)
            yield Running(url, port, deployment, servers[0], log, http, admin_url)
    finally:
        if servers:
            servers[0].loop.call_soon_threadsafe(servers[0].ask_to_stop)
        thread.join(60)
        deployment.close()
    assert not thread.is_alive()


@dataclass
class Bare(LoopThread):
    """A gateway with whatever endpoints a test gives it, and no application."""

    port: int
    gateway: Gateway
    loop: asyncio.AbstractEventLoop

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def exchange(self, request: bytes) -> bytes:
        """All that the server says to `request` until it closes the connection."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_to_end(connection)

    def turn_wheel(self, now: float) -> None:
        """Let every connection be visited at the time `now`."""
        self.call(lambda: turn(self.gateway, now))


@contextmanager
def bare_gateway(
    build: Callable[[Gateway], None], *, limits: Limits | None = None, clock: Clock | None = None
) -> Generator[Bare, None, None]:
    """A server whose gateway is filled by `build`; other paths get `404 page` from an ASGI application."""
    gateway = Gateway(limits or Limits(), clock or SystemClock())
    build(gateway)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"8")]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"404 page"})

    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        application,
        http=connection_class(gateway),
        ws="none",
        lifespan="off",
        log_config=None,
        server_header=False,
    )
    started = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    class Started(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            loops.append(asyncio.get_running_loop())
            started.set()

    server = Started(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        assert started.wait(30)
        yield Bare(port, gateway, loops[0])
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


def turn(gateway: Gateway, now: float) -> None:
    """One whole turn of the wheel."""
    for _ in range(60):
        gateway.wheel.turn(now)


def read_to_end(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


class Responses:
    """Reads responses off a connection one by one."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rb")

    def __enter__(self) -> Responses:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def next(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of the next response."""
        status = int(self._stream.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self._stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, self._stream.read(int(headers.get("content-length", "0")))


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """A request as bytes. Underscores in header names become dashes."""
    lines = [f"{method} {path} HTTP/1.1", "host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def error_code(body: bytes) -> str:
    code: str = json.loads(body)["code"]
    return code
