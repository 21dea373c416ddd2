"""Addresses that prove themselves: tokens of uploads, and signatures of links that expire."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

import msgspec

from syncline.kernel.errors import SynclineError

_SIGNATURE_BYTES: Final = 24


class BadTokenError(SynclineError):
    """A token or signature that was not made here, or whose time is over."""

    code = "bad_token"


class UploadClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an upload address allows. `nonce` tells addresses apart: each takes one file."""

    nonce: str
    #: Seconds since the epoch until which an upload may begin.
    expires: int
    most_bytes: int | None = None
    private: bool = False
    #: Whose the file will be: see `StoredBlob.owner`.
    owner: str | None = None
    #: The file goes a day after it came, unless it is kept.
    temporary: bool = False
    #: Types such as `image/png` or `image/*`; empty: any.
    types: tuple[str, ...] = ()


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(UploadClaims).decode


class Signer:
    """Signs with one secret (32 bytes) of the data folder."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, claims: UploadClaims) -> str:
        """The token of an upload address."""
        body = _text(_encode(claims))
        return f"{body}.{self._sign('upload', body)}"

    def claims(self, token: str, now: float) -> UploadClaims:
        """What a token allows. Raises BadTokenError."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign("upload", body).encode()):
            raise BadTokenError("this upload address was not made here")
        claims = _decode(_bytes(body))
        if claims.expires < now:
            raise BadTokenError("this upload address has expired: ask for a new one")
        return claims

    def link(self, key: str, expires: int) -> str:
        """The signature of a link to the file `key` that ends at `expires` (seconds since the epoch)."""
        return self._sign("link", f"{key}.{expires}")

    def check_link(self, key: str, expires: str, signature: str, now: float) -> int:
        """When the link ends. Raises BadTokenError."""
        if not expires.isascii() or not expires.isdecimal() or len(expires) > 12:
            raise BadTokenError("this link is incomplete")
        if not hmac.compare_digest(signature.encode(), self.link(key, int(expires)).encode()):
            raise BadTokenError("this link was not made here")
        if int(expires) < now:
            raise BadTokenError("this link has expired")
        return int(expires)

    def _sign(self, purpose: str, text: str) -> str:
        digest = hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).digest()
        return _text(digest[:_SIGNATURE_BYTES])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
