"""Downloads: whole files and parts of them, images in other sizes, and never a script on the server's origin."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email.utils import formatdate
from functools import partial
from typing import Final, cast
from urllib.parse import parse_qs, quote

from starlette.types import Scope, Send

from syncline.functions.storage import Located

from .asgi_replies import Headers, answer
from .file_records import FileRecords
from .image_sizes import ImageSizes, Wanted
from .replies import Refusal
from .visitors import header_of

#: Types that browsers show and that can hold no script. Everything else is saved, not shown.
_SHOWN: Final = re.compile(
    r"image/(png|jpeg|gif|webp|avif|bmp|x-icon)|(audio|video)/[\w.+-]+|text/plain|application/json"
)
#: Even if a browser shows it after all: no scripts, no forms, an origin of its own.
_POLICY: Final = (
    b"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'; sandbox"
)
_MONTH: Final = 30 * 24 * 3600
_RANGE = re.compile(rb"bytes=(\d{0,15})-(\d{0,15})").fullmatch


class Downloads:
    """GET and HEAD of files."""

    def __init__(self, records: FileRecords) -> None:
        self._records = records
        self._images = ImageSizes(records.files, records.services.limits)

    async def serve(self, key: str, scope: Scope, send: Send, headers: Headers) -> None:
        """Answer a request for the file with this key."""
        found = cast("Located | None", await self._records.ask("by_key", key=key))
        query = {
            name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()
        }
        if found is None:
            raise Refusal(404, "StorageFileNotFound", "there is no such file (any more)")
        age = self._lifetime(found, query)
        wanted = Wanted.of(query)
        if wanted is not None:
            image = await self._records.in_thread(partial(self._images.make, found, wanted))
            etag = f'"{found.sha256[:32]}-{wanted.tag}"'.encode()
            head = _head(image.content_type, etag, found, age, query, headers)
            if _is_known(scope, etag, found):
                await _nothing(send, 304, head)
            else:
                await _whole(scope, send, head, len(image.content), iter([image.content]), self._records)
            return
        etag = f'"{found.sha256[:32]}"'.encode()
        head = _head(found.content_type, etag, found, age, query, headers)
        head.append((b"accept-ranges", b"bytes"))
        if _is_known(scope, etag, found):
            await _nothing(send, 304, head)
            return
        part = _range(scope, etag, found)
        read = self._records.files.vault.read
        if part is None:
            digest = base64.b64encode(bytes.fromhex(found.sha256))
            head.append((b"digest", b"sha-256=" + digest))
            pieces = read(found.blob, found.size)
            await _whole(scope, send, head, found.size, pieces, self._records)
            return
        start, stop = part
        if start >= stop:
            extra = [*headers, (b"content-range", b"bytes */%d" % found.size)]
            await answer(send, 416, b"", b"text/plain", extra)
            return
        head.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, found.size)))
        pieces = read(found.blob, found.size, start, stop - start)
        await _whole(scope, send, head, stop - start, pieces, self._records, status=206)

    def _lifetime(self, found: Located, query: dict[str, str]) -> int:
        """For how long (seconds) a browser may keep the file. Raises BadTokenError for a wrong signature."""
        if "signature" not in query and not found.private:
            return _MONTH
        if "signature" not in query:
            raise Refusal(403, "PrivateFile", "this file is private: it is served by signed addresses only")
        now = self._records.services.clock.wall_ns() / 1e9
        signer = self._records.files.signer
        expires = signer.check_link(found.key, query.get("expires", ""), query["signature"], now)
        return min(_MONTH, int(expires - now))


def _head(
    content_type: str | None, etag: bytes, found: Located, age: int, query: dict[str, str], headers: Headers
) -> list[tuple[bytes, bytes]]:
    kind = (content_type or "").partition(";")[0].strip().lower()
    inline = _SHOWN.fullmatch(kind) is not None and "download" not in query
    return [
        *headers,
        (b"content-type", (content_type or "application/octet-stream").encode("latin-1")),
        (b"etag", etag),
        (b"last-modified", formatdate(int(found.created), usegmt=True).encode()),
        (b"cache-control", b"private, max-age=%d" % age),
        (b"content-disposition", _disposition(inline, query.get("download", ""))),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", _POLICY),
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"referrer-policy", b"no-referrer"),
    ]


def _disposition(inline: bool, name: str) -> bytes:
    if inline:
        return b"inline"
    if not name:
        return b"attachment"
    plain = re.sub(r"[^\w. -]", "_", name, flags=re.ASCII)[:100]
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:200], safe='')}".encode()


def _is_known(scope: Scope, etag: bytes, found: Located) -> bool:
    """Whether the client has it already."""
    known = header_of(scope, b"if-none-match")
    if known is not None:
        tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
        return etag in tags or b"*" in tags
    since = header_of(scope, b"if-modified-since")
    return since is not None and since == formatdate(int(found.created), usegmt=True).encode()


def _range(scope: Scope, etag: bytes, found: Located) -> tuple[int, int] | None:
    """Start and end (exclusive) of the part that is asked for; None: all. An empty one cannot be served."""
    value = header_of(scope, b"range")
    condition = header_of(scope, b"if-range")
    modified = formatdate(int(found.created), usegmt=True).encode()
    if value is None or (condition is not None and condition not in (etag, modified)):
        return None
    match = _RANGE(value.strip())
    if match is None or not (match[1] or match[2]):
        return (0, 0) if value.startswith(b"bytes=") else None
    if not match[1]:
        return max(0, found.size - int(match[2])), found.size
    stop = min(found.size, int(match[2]) + 1) if match[2] else found.size
    return int(match[1]), stop


async def _nothing(send: Send, status: int, head: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": b""})


async def _whole(
    scope: Scope,
    send: Send,
    head: list[tuple[bytes, bytes]],
    length: int,
    pieces: Iterator[bytes],
    records: FileRecords,
    *,
    status: int = 200,
) -> None:
    """Send pieces that a thread reads. A slow client slows down the reading."""
    head = [*head, (b"content-length", b"%d" % length)]
    if scope["method"] == "HEAD" or not length:
        await _nothing(send, status, head)
        return
    piece = await records.in_thread(partial(next, pieces, None))  # Before the head: it may not be there.
    await send({"type": "http.response.start", "status": status, "headers": head})
    sent = 0
    try:
        while piece is not None:
            sent += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": sent < length})
            if sent >= length:
                return
            piece = await records.in_thread(partial(next, pieces, None))
    finally:
        close = getattr(pieces, "close", None)
        if callable(close):
            records.files.threads.submit(close)
