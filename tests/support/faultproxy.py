"""A TCP proxy that does to connections what networks do."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

_CHUNK = 16 * 1024


class _Link:
    """One connection through the proxy."""

    def __init__(
        self, client: asyncio.StreamWriter, server: asyncio.StreamWriter, bytes_left: int | None
    ) -> None:
        self.ends = (client, server)
        #: Bytes, of both directions together, after which it is cut.
        self.bytes_left = bytes_left

    def cut(self) -> None:
        """Reset both ends: what is on its way is lost."""
        for end in self.ends:
            raw = end.get_extra_info("socket")
            if raw is not None:
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()


class FaultProxy:
    """Listens on `port` of this machine and forwards to `target`. Faults last until `heal`."""

    def __init__(self, target: int, chance: random.Random) -> None:
        self._target = target
        self._chance = chance
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self.port = 0
        #: Seconds by which each piece of data is late, at most.
        self.latency = 0.0
        #: New connections are cut after at most so many bytes. None: they are not.
        self.cut_within: int | None = None
        self.cuts = 0
        #: Called after each cut.
        self.on_cut: Callable[[], object] = lambda: None

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_all(self) -> None:
        """Reset all connections."""
        for link in list(self._links):
            self._cut(link)

    def hold(self) -> None:
        """Let nothing through, without closing anything: a cable is out."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    def heal(self) -> None:
        """No more faults. Connections that live go on."""
        self.latency = 0.0
        self.cut_within = None
        for link in self._links:
            link.bytes_left = None
        self.release()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        within = self.cut_within
        link = _Link(writer, server_writer, None if within is None else self._chance.randint(1, within))
        self._links.add(link)
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._pump(link, source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(_CHUNK):
                if self.latency:
                    await asyncio.sleep(self._chance.random() * self.latency)
                await self._flowing.wait()
                if link.bytes_left is not None:
                    data = data[: link.bytes_left]
                    link.bytes_left -= len(data)
                sink.write(data)
                await sink.drain()
                if link.bytes_left == 0:
                    self._cut(link)
                    return
            sink.close()
        except OSError:
            link.cut()
        finally:
            if sink.is_closing():
                self._links.discard(link)

    def _cut(self, link: _Link) -> None:
        self.cuts += 1
        self._links.discard(link)
        link.cut()
        self.on_cut()
