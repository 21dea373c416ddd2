"""`/api/storage`: uploads and downloads of files, as ASGI."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import Receive, Scope, Send

from syncline.files import BadTokenError, FileMissingError, StorageFailedError
from syncline.kernel.errors import ArgumentError, OverloadedError, SynclineError

from .asgi_replies import answer, refuse
from .downloads import Downloads
from .file_records import FileRecords
from .replies import Refusal
from .uploads import Uploads
from .visitors import header_of

PREFIX: Final = "/api/storage"
#: What is below the prefix, with the methods that it takes.
PLACES: Final = {
    "upload": ("POST",),
    "uploads": ("POST",),
    "uploads/{name}": ("HEAD", "PATCH", "DELETE"),
    "{key}": ("GET", "HEAD"),
}
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_STATUSES: Final = {FileMissingError: 404, StorageFailedError: 500, ArgumentError: 409, OverloadedError: 503}


class Files:
    """Everything below `/api/storage`."""

    def __init__(self, records: FileRecords) -> None:
        self._uploads = Uploads(records)
        self._downloads = Downloads(records)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = header_of(scope, b"origin")
        headers = [] if origin is None else _cors()
        try:
            await self._serve(scope, receive, send, headers)
        except Refusal as refusal:
            await refuse(send, refusal, headers, close=scope["method"] not in ("GET", "HEAD"))
        except BadTokenError as error:
            await refuse(send, Refusal(403, "InvalidStorageToken", str(error)), headers, close=True)
        except SynclineError as error:
            status = next((each for kind, each in _STATUSES.items() if isinstance(error, kind)), 500)
            wait = error.retry_after if isinstance(error, OverloadedError) else None
            await refuse(send, Refusal(status, "StorageFailed", str(error), wait), headers, close=True)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]]
    ) -> None:
        method: str = scope["method"]
        path: str = scope["path"].removeprefix(PREFIX).removeprefix("/")
        if method == "OPTIONS":
            await answer(send, 200, b"", b"text/plain", [*headers, *_preflight(scope)])
            return
        place = _place_of(path)
        _check_method(method, *PLACES[place])
        if place == "upload":
            await self._uploads.whole(scope, receive, send, headers)
        elif place == "uploads":
            await self._uploads.create(scope, receive, send, headers)
        elif place == "uploads/{name}":
            await self._uploads.resume(path.removeprefix("uploads/"), scope, receive, send, headers)
        else:
            await self._downloads.serve(path, scope, send, headers)


def _place_of(path: str) -> str:
    """Which of PLACES a path below the prefix is. Raises Refusal."""
    if path in ("upload", "uploads"):
        return path
    if path.startswith("uploads/"):
        return "uploads/{name}"
    if _KEY(path) is None:
        raise Refusal(400, "InvalidStoragePath", "this is no address of a file")
    return "{key}"


def _check_method(method: str, *allowed: str) -> None:
    if method not in allowed:
        names = ", ".join(allowed)
        raise Refusal(405, "MethodNotAllowed", f"this address takes {names}", allow=names)


def _cors() -> list[tuple[bytes, bytes]]:
    # Addresses prove themselves: any page that has one may use it.
    exposed = b"Upload-Offset, Location, Content-Range, Accept-Ranges, ETag, Digest, Content-Disposition"
    return [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", exposed),
    ]


def _preflight(scope: Scope) -> list[tuple[bytes, bytes]]:
    wanted = header_of(scope, b"access-control-request-headers")
    return [
        (b"access-control-allow-methods", b"GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
        (b"access-control-allow-headers", wanted or b"Content-Type, Digest, Upload-Offset, Upload-Length"),
        (b"access-control-max-age", b"86400"),
    ]
