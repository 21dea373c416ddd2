"""The process that serves: uvicorn around a deployment, from the first request to the last."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import uvicorn

from syncline.http import HttpConnection, WebSocketConnection, connection_class

from .console import Console
from .deployment import Deployment

#: Seconds that calls under way have to finish when the server stops, and that clients then have to hang up.
DRAIN_SECONDS = 10.0
_HANG_UP_SECONDS = 5
_POLL_SECONDS = 0.02


class HttpServer(uvicorn.Server):
    """uvicorn's server with our way to stop: nothing under way is cut off, and clients come back by themselves."""

    def __init__(
        self,
        config: uvicorn.Config,
        deployment: Deployment,
        started: Callable[[], None],
        admin_listener: socket.socket | None,
    ) -> None:
        """`admin_listener`: where administration is answered; None: with everything else."""
        super().__init__(config)
        self._admin_listener = admin_listener
        self._deployment = deployment
        self._on_started = started
        #: Where it runs, from its start on.
        self.loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self._deployment.start()
        await super().startup(sockets)
        if self._admin_listener is not None:
            self.servers.append(await self._administer(self._admin_listener))
        self._on_started()

    async def _administer(self, listener: socket.socket) -> asyncio.Server:
        """Answer everything there, administration too."""
        made = connection_class(self._deployment.gateway)

        def connection() -> HttpConnection:
            return made(self.config, self.server_state, self.lifespan.state)

        if listener.family == socket.AF_UNIX:
            return await self.loop.create_unix_server(connection, sock=listener, backlog=self.config.backlog)
        return await self.loop.create_server(connection, sock=listener, backlog=self.config.backlog)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let calls finish, tell clients to reconnect, close."""
        self._deployment.gateway.draining = True
        for server in self.servers:
            server.close()
        await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        """Wait, within bounds, until nobody waits for an answer to what was sent before."""
        loop = asyncio.get_running_loop()
        end = loop.time() + DRAIN_SECONDS
        for each in self._connections():
            if isinstance(each, WebSocketConnection):
                each.drain()
            else:
                each.shutdown()
        while loop.time() < end and not self.force_exit:
            busy = [each for each in self._connections() if each.busy]
            for each in self._connections():
                if not each.busy:
                    each.shutdown()
            if not busy:
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _connections(self) -> list[WebSocketConnection | HttpConnection]:
        connections = cast("set[object]", self.server_state.connections)
        return [each for each in connections if isinstance(each, WebSocketConnection | HttpConnection)]

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn's way ends the process by the signal that stopped it; ours ends with exit code 0.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.ask_to_stop)
        yield

    def ask_to_stop(self) -> None:
        """Stop gracefully; asked again, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(
    deployment: Deployment,
    listener: socket.socket,
    console: Console,
    started: Callable[[HttpServer], None],
    admin_listener: socket.socket | None = None,
) -> None:
    """Serve until a signal stops it. `started` is called when requests are answered.

    With an `admin_listener` administration is answered there, and `listener` knows nothing of it.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        deployment.application(),
        http=connection_class(deployment.gateway, administers=admin_listener is None),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_graceful_shutdown=_HANG_UP_SECONDS,
    )
    server = HttpServer(config, deployment, lambda: started(server), admin_listener)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
