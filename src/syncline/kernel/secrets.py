"""Sealed texts: what must be readable again, but not by who merely gets hold of the database."""

from __future__ import annotations

import base64
import os

from .errors import SetupError

_NONCE_BYTES = 12
_PREFIX = "v1:"


class SecretBox:
    """Encrypts and authenticates short texts with one key (AES-256-GCM, a fresh nonce each)."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """`key` has 32 bytes."""
        if len(key) != 32:
            raise ValueError(f"a key of 32 bytes is needed, got {len(key)}")
        self._key = key

    def seal(self, text: str, context: str) -> str:
        """`text` encrypted. `context` says what it is for: a sealed text opens under the same context only."""
        # Imported late: it takes 30 ms, and most processes seal nothing.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode("utf-8", "surrogatepass"), context.encode())
        return _PREFIX + base64.b64encode(nonce + sealed).decode("ascii")

    def open(self, sealed: str, context: str) -> str:
        """The text again. Raises SetupError if it was sealed with another key, or was changed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            raw = base64.b64decode(sealed.removeprefix(_PREFIX), validate=True)
            text = AESGCM(self._key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SetupError(
                f"the stored value of {context} cannot be decrypted: it was written with another key",
                "put back the file `secret_key` of the data folder (or SYNCLINE_DATA_KEY) that belongs to this "
                "database, or set the value again",
            ) from None
        return text.decode("utf-8", "surrogatepass")
