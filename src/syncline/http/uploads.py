"""Uploads: a file in one request, as the official clients send it, or in as many as it takes.

The loop hands blocks to a thread, which hashes and writes; while a block is on its way the socket is not read any
further than a small buffer, so that an upload of any length takes the same memory.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Final
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from syncline.files import BadTokenError, Upload, UploadClaims
from syncline.functions.storage_actions import new_key
from syncline.kernel.errors import OverloadedError

from .asgi_replies import Headers, answer
from .file_records import FileRecords
from .replies import Refusal
from .visitors import header_of

_BLOCK: Final = 1024 * 1024
_TYPE_LENGTH: Final = 255


class Uploads:
    """Tokens say what an upload may be: see `ctx.storage.upload_url`."""

    def __init__(self, records: FileRecords) -> None:
        self._records = records
        self._files = records.files
        self._limits = records.services.limits
        self._running = 0
        #: Resumable uploads that a request is writing to.
        self._busy: set[str] = set()

    async def whole(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """The official flow: POST the bytes, get the id."""
        claims = self._claims(scope)
        length = _length(scope, b"content-length")
        content_type = _content_type(scope, claims)
        self._check_size(length or 0, claims)
        if await self._records.ask("is_used", nonce=claims.nonce):
            raise Refusal(
                409, "UploadUsed", "this upload address has taken a file already: ask for a new one"
            )
        digest = header_of(scope, b"digest")
        with self._place():
            upload = await self._records.in_thread(partial(self._files.vault.begin, self._new_name()))
            try:
                await self._take(upload, receive, claims)
                if length is not None and length != upload.size:
                    raise Refusal(
                        400, "BadLength", f"{upload.size:,} bytes came, Content-Length said {length:,}"
                    )
                stored = await self._records.in_thread(upload.finish)
            except BaseException:
                self._files.threads.submit(upload.abort)
                raise
        if digest is not None:
            self._check_digest(digest, stored.sha256, stored.blob)
        await self._record(claims, stored.blob, stored.sha256, stored.size, content_type, send, headers)

    async def create(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """Begin a resumable upload: the answer's Location is where its parts go."""
        claims = self._claims(scope)
        length = _length(scope, b"upload-length")
        if length is None:
            raise Refusal(400, "BadLength", "the header Upload-Length must say how many bytes will come")
        self._check_size(length, claims)
        _content_type(scope, claims)
        token = _query(scope).get("token", "")
        # The address of an upload says nothing that its token does not: it can be made without writing anything.
        place = f"{self._files.origin}/api/storage/uploads/{claims.nonce}?token={token}&length={length}"
        declared = header_of(scope, b"content-type")
        if declared is not None:
            place += f"&type={base64.urlsafe_b64encode(declared).decode().rstrip('=')}"
        extra = [(b"location", place.encode()), (b"upload-offset", b"0")]
        await answer(send, 201, b"", b"text/plain", [*headers, *extra])

    async def resume(self, name: str, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        """HEAD says how far an upload has got, PATCH goes on from there, DELETE gives it up."""
        claims = self._claims(scope, lenient=True)
        query = _query(scope)
        if name != claims.nonce or not query.get("length", "").isdecimal():
            raise BadTokenError("this upload address is incomplete")
        total = int(query["length"])
        self._check_size(total, claims)
        if name in self._busy:
            raise Refusal(
                409, "UploadBusy", "another request is sending to this upload; ask for its offset again"
            )
        self._busy.add(name)
        try:
            if scope["method"] == "DELETE":
                await self._records.in_thread(partial(self._files.vault.forget, name))
                await answer(send, 204, b"", b"text/plain", headers)
            elif scope["method"] == "HEAD":
                offset = await self._records.in_thread(partial(self._files.vault.offset, name)) or 0
                extra = [
                    (b"upload-offset", b"%d" % offset),
                    (b"upload-length", b"%d" % total),
                    (b"cache-control", b"no-store"),
                ]
                await answer(send, 200, b"", b"text/plain", [*headers, *extra])
            else:
                await self._append(name, total, claims, query, scope, receive, send, headers)
        finally:
            self._busy.discard(name)

    async def _append(
        self,
        name: str,
        total: int,
        claims: UploadClaims,
        query: dict[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Headers,
    ) -> None:
        offset = _length(scope, b"upload-offset")
        content_type = _declared(query)
        if await self._records.ask("is_used", nonce=claims.nonce):
            raise Refusal(409, "UploadUsed", "this upload is complete")
        with self._place():
            upload = await self._records.in_thread(partial(self._files.vault.begin, name))
            if offset != upload.size:
                kept = await self._records.in_thread(upload.suspend)
                raise Refusal(
                    409, "WrongOffset", f"the upload has {kept:,} bytes: send Upload-Offset: {kept}"
                )
            try:
                await self._take(upload, receive, claims, most=total)
            except BaseException:
                # What came is kept: the client asks how much, and goes on.
                self._files.threads.submit(upload.suspend)
                raise
            if upload.size < total:
                kept = await self._records.in_thread(upload.suspend)
                await answer(send, 204, b"", b"text/plain", [*headers, (b"upload-offset", b"%d" % kept)])
                return
            stored = await self._records.in_thread(upload.finish)
        digest = header_of(scope, b"digest")
        if digest is not None:
            self._check_digest(digest, stored.sha256, stored.blob)
        await self._record(claims, stored.blob, stored.sha256, stored.size, content_type, send, headers)

    async def _take(
        self, upload: Upload, receive: Receive, claims: UploadClaims, most: int | None = None
    ) -> None:
        async for block in _blocks(receive):
            self._check_size(upload.size + len(block), claims)
            if most is not None and upload.size + len(block) > most:
                raise Refusal(400, "BadLength", f"more bytes came than Upload-Length said, {most:,}")
            await self._records.in_thread(partial(upload.write, block))

    async def _record(
        self,
        claims: UploadClaims,
        blob: str,
        sha256: str,
        size: int,
        content_type: str | None,
        send: Send,
        headers: Headers,
    ) -> None:
        try:
            id = await self._records.tell(
                "create",
                blob=blob,
                key=new_key(int.from_bytes(self._records.services.entropy.bytes(16))),
                sha256=sha256,
                size=size,
                content_type=content_type,
                private=claims.private,
                owner=claims.owner,
                temporary=claims.temporary,
                nonce=claims.nonce,
                expires=claims.expires,
            )
        except BaseException:
            # Nobody will ever ask for it. If this does not happen any more, the sweeper finds it.
            self._files.threads.submit(self._files.vault.delete, blob)
            raise
        await answer(
            send,
            200,
            json.dumps({"storageId": id}, separators=(",", ":")).encode(),
            b"application/json",
            headers,
        )

    def _claims(self, scope: Scope, *, lenient: bool = False) -> UploadClaims:
        now = self._records.services.clock.wall_ns() / 1e9
        # What has begun in time may go on for a day.
        return self._files.signer.claims(_query(scope).get("token", ""), now - 24 * 3600 if lenient else now)

    def _check_size(self, size: int, claims: UploadClaims) -> None:
        limit = self._limits.file_bytes
        if claims.most_bytes is not None:
            limit = min(limit, claims.most_bytes)
        if size > limit:
            raise Refusal(
                413, "FileTooLarge", f"file bytes: the file has more than {limit:,}, the limit of this upload"
            )

    def _check_digest(self, digest: bytes, sha256: str, blob: str) -> None:
        algorithm, _, value = digest.decode("latin-1").partition("=")
        expected = base64.b64encode(bytes.fromhex(sha256)).decode()
        if algorithm.lower() != "sha-256" or value != expected:
            self._files.threads.submit(self._files.vault.delete, blob)
            raise Refusal(400, "BadDigest", "the bytes that came do not have the digest that the header says")

    def _new_name(self) -> str:
        return self._records.services.entropy.bytes(16).hex()

    def _place(self) -> _Place:
        if self._running >= self._limits.uploads_running:
            raise OverloadedError(
                f"uploads running: {self._running:,}, no more are taken. Try again in a few seconds", 5.0
            )
        return _Place(self)

    def occupy(self, change: int) -> None:
        self._running += change


class _Place:
    """One of the uploads that may run at the same time."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def __enter__(self) -> None:
        self._uploads.occupy(1)

    def __exit__(self, *_: object) -> None:
        self._uploads.occupy(-1)


async def _blocks(receive: Receive) -> AsyncIterator[bytes]:
    """The body in blocks. Raises Refusal when the client leaves before its end."""
    held = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "ClientDisconnected", "the connection broke before the file was complete")
        held += message.get("body", b"")
        if len(held) >= _BLOCK:
            yield bytes(held)
            held.clear()
        if not message.get("more_body"):
            break
    if held:
        yield bytes(held)


def _query(scope: Scope) -> dict[str, str]:
    raw: bytes = scope["query_string"]
    return {name: values[-1] for name, values in parse_qs(raw.decode("latin-1")).items()}


def _length(scope: Scope, name: bytes) -> int | None:
    value = header_of(scope, name)
    if value is None:
        return None
    if not value.isdigit() or len(value) > 15:
        raise Refusal(400, "BadLength", f"the header {name.decode().title()} must be a number of bytes")
    return int(value)


def _content_type(scope: Scope, claims: UploadClaims) -> str | None:
    value = header_of(scope, b"content-type")
    return _checked_type(None if value is None else value.decode("latin-1"), claims)


def _checked_type(text: str | None, claims: UploadClaims) -> str | None:
    if text is not None and (len(text) > _TYPE_LENGTH or not text.isprintable() or not text.isascii()):
        raise Refusal(400, "BadContentType", "the header Content-Type is no type of content")
    kind = (text or "").partition(";")[0].strip().lower()
    allowed = claims.types
    if allowed and not any(
        kind == each or (each.endswith("/*") and kind.startswith(each[:-1])) for each in allowed
    ):
        raise Refusal(
            415,
            "WrongContentType",
            f"this upload takes {', '.join(allowed)}, not {kind or 'what has no type'}",
        )
    return text or None


def _declared(query: dict[str, str]) -> str | None:
    text = query.get("type")
    if text is None:
        return None
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("latin-1")[:_TYPE_LENGTH]
    except ValueError:
        raise BadTokenError("this upload address is incomplete") from None
