"""Pagination cursors: a position in a query's order, bound to that query and readable by nobody else.

A position holds indexed values, which the function may not have returned, or not of a document that the caller may
see. So cursors are encrypted and authenticated (AES-SIV), with the query's description as associated data: a cursor of
another query, a changed query or a made-up position is refused. They are deterministic, because clients send them
back as arguments that key their subscriptions, and padded, because lengths tell something, too.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from syncline.kernel.errors import CursorError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_POSITION = b"p"
_END = b"e"
#: Payloads end with this byte and zeros up to a multiple of the block.
_PADDING = b"\x80"
_BLOCK = 32


class CursorCodec:
    """Makes and reads the cursors of one query, described by `description` (any text that names its order)."""

    __slots__ = ("_cipher", "_description")

    def __init__(self, key: bytes, description: bytes) -> None:
        self._cipher = _cipher(key)
        self._description = description

    def position(self, position: bytes) -> str:
        return self._seal(_POSITION + position)

    def end(self) -> str:
        """The cursor behind the last document, however many may follow later."""
        return self._seal(_END)

    def read(self, cursor: str) -> bytes | None:
        """The position of a cursor, or None for the end; CursorError when this query did not make it."""
        # Imported late, here and below: it takes 30 ms, and most processes paginate nothing.
        from cryptography.exceptions import InvalidTag

        try:
            raw = urlsafe_b64decode(cursor.encode("ascii"))
            payload = self._cipher.decrypt(raw, [self._description])
        except (Base64Error, ValueError, InvalidTag):
            raise CursorError from None
        payload = payload[: payload.rindex(_PADDING)]
        return None if payload[:1] == _END else payload[1:]

    def _seal(self, payload: bytes) -> str:
        padded = payload + _PADDING
        padded += bytes(-len(padded) % _BLOCK)
        return urlsafe_b64encode(self._cipher.encrypt(padded, [self._description])).decode("ascii")


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> AESSIV:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(blake2b(key, digest_size=64, person=b"cursors").digest())
