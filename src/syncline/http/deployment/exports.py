"""Exports: asked for, then fetched as a file.

    POST /api/export/request/zip?includeStorage=false
    GET /api/export/zip/{start_ts}

How far it is, and its `start_ts`, is in the query `_system/cli/exports:getLatest`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import parse_qs

from syncline.http.gateway import url_path
from syncline.http.replies import Refusal
from syncline.http.request import Request
from syncline.kernel.errors import SynclineError
from syncline.kernel.identity import Caller
from syncline.sync import Services
from syncline.transfer.live_exports import LiveExports

from .answers import Administered, refusal_of

_FILE: Final = "/api/export/zip/"
_ZIP: Final = b"application/zip"
_PIECE_BYTES: Final = 256 * 1024


class ExportEndpoints:
    def __init__(self, services: Services, exports: LiveExports) -> None:
        self._services = services
        self._exports = exports

    def table(self) -> Iterator[tuple[str, str, Administered]]:
        yield "POST", "/api/export/request/zip", self._request
        yield "GET", _FILE, self._fetch

    def _request(self, request: Request, caller: Caller) -> None:
        fields = parse_qs(request.url.partition(b"?")[2].decode("latin-1"))
        storage = fields.get("includeStorage", ["false"])[-1] == "true"

        def answer(begun: bool | SynclineError) -> None:
            request.guarded(_answer_request, request, begun)

        self._services.on_administered("export", caller, {"files": storage})
        self._exports.request(storage, answer)

    def _fetch(self, request: Request, caller: Caller) -> None:
        name = url_path(request.url).decode("latin-1").removeprefix(_FILE)
        if not name.isascii() or not name.isdecimal() or len(name) > 20:
            raise Refusal(400, "BadExport", "the URL must end in the timestamp of an export")
        self._services.on_administered("export fetched", caller, {"export": name})
        path = self._exports.path(int(name))
        loop = asyncio.get_running_loop()

        def opened(file: BinaryIO | None) -> None:
            request.guarded(_begin, request, self._exports, file, path)

        def open_file() -> None:
            file: BinaryIO | None = None
            with suppress(OSError):
                file = path.open("rb")
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(opened, file)

        self._exports.read(open_file)


def _answer_request(request: Request, begun: bool | SynclineError) -> None:
    if isinstance(begun, SynclineError):
        raise refusal_of(begun)
    if not begun:
        raise Refusal(400, "ExportInProgress", "another export is not done yet; wait for it, then ask again")
    request.respond(200, b"null")


def _begin(request: Request, exports: LiveExports, file: BinaryIO | None, path: Path) -> None:
    if file is None:
        # Not a 404, which the official command line repeats several times.
        raise Refusal(400, "ExportNotFound", "there is no such export any more; ask for a new one")
    headers = (
        b"content-disposition: attachment; filename=%b\r\ncache-control: no-store\r\n" % path.name.encode()
    )
    if request.method == b"HEAD":
        file.close()
        request.respond(200, b"", _ZIP, headers)
        return
    download = _Download(request, exports, file)
    if request.open_stream(_ZIP, download, headers):
        download.next()
    else:
        download.lost()


class _Download:
    """A file on its way to a client: read off the event loop, a piece when the one before it is taken."""

    def __init__(self, request: Request, exports: LiveExports, file: BinaryIO) -> None:
        self._request = request
        self._exports = exports
        self._file = file
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._ended = False

    def next(self) -> None:
        """Read a piece, unless one is being read or the client has more than enough to take."""
        if self._reading or self._ended or self._request.unsent_bytes() > _PIECE_BYTES:
            return
        self._reading = True
        self._exports.read(self._read)

    def _read(self) -> None:
        piece: bytes | None = None
        with suppress(OSError, ValueError):
            piece = self._file.read(_PIECE_BYTES)
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._send, piece)

    def _send(self, piece: bytes | None) -> None:
        self._reading = False
        if self._ended:
            self._file.close()
        elif piece is None:
            # An end without the last chunk tells the client that the file is not whole.
            self._request.keep_alive = False
            self._request.connection.transport.abort()
        elif piece:
            self._request.write(piece)
            self.next()
        else:
            self._ended = True
            self._file.close()
            self._request.end_stream()

    # The sink

    def lost(self) -> None:
        self._ended = True
        if not self._reading:
            self._file.close()

    def drained(self) -> None:
        self.next()

    def visit(self, now: float) -> None:
        self.next()

    def shut_down(self) -> None:
        """The rest is sent within the server's time to stop."""
