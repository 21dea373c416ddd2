"""Pagination cursors: a position in a query's order, bound to that query.

A cursor is a tag, a keyed digest and the position; it is deterministic, because clients send it back as an
argument that keys their subscriptions. The digest covers the query's description and the position, so a cursor
of another query, a changed query or a made-up position is refused.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import blake2b
from hmac import compare_digest

from syncline.kernel.errors import CursorError

_DIGEST = 12
_POSITION = b"p"
_END = b"e"


class CursorCodec:
    """Makes and reads the cursors of one query, described by `description` (any text that names its order)."""

    __slots__ = ("_description", "_key")

    def __init__(self, key: bytes, description: bytes) -> None:
        self._key = key
        self._description = description

    def position(self, position: bytes) -> str:
        return self._seal(_POSITION + position)

    def end(self) -> str:
        """The cursor behind the last document, however many may follow later."""
        return self._seal(_END)

    def read(self, cursor: str) -> bytes | None:
        """The position of a cursor, or None for the end; CursorError when this query did not make it."""
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii"))
        except (Base64Error, ValueError):
            raise CursorError from None
        digest, payload = raw[:_DIGEST], raw[_DIGEST:]
        if not payload or not compare_digest(digest, self._digest(payload)):
            raise CursorError
        return None if payload[:1] == _END else payload[1:]

    def _seal(self, payload: bytes) -> str:
        return urlsafe_b64encode(self._digest(payload) + payload).decode("ascii")

    def _digest(self, payload: bytes) -> bytes:
        hasher = blake2b(digest_size=_DIGEST, key=self._key)
        hasher.update(len(self._description).to_bytes(4, "big"))
        hasher.update(self._description)
        hasher.update(payload)
        return hasher.digest()
