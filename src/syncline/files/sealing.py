"""How the bytes of a file lie in storage: as they are, or sealed in chunks so that any part can be read.

A sealed file is a head (a mark and 16 random bytes) and chunks of 64 KiB, each encrypted and authenticated with
AES-256-GCM under a key of the file's own, derived from the store's key and the head. The chunk's number is the nonce;
whether it is the last one is authenticated with it, so that chunks cannot be exchanged, left out or cut off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from .errors import StorageFailedError

CHUNK: Final = 64 * 1024
_TAG: Final = 16
_MARK: Final = b"SLF1"
HEAD: Final = len(_MARK) + 16

#: Reads `length` bytes of what is stored, from `start`.
Source = Callable[[int, int], Iterator[bytes]]


class Sealer:
    """Seals and opens files with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new_head(self) -> bytes:
        return _MARK + os.urandom(HEAD - len(_MARK))

    def file(self, head: bytes) -> SealedFile:
        """The chunks of one file. Raises StorageFailedError for a head that is none."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        if len(head) != HEAD or not head.startswith(_MARK):
            raise StorageFailedError("the file in storage is not an encrypted one")
        key = HKDF(SHA256(), 32, head[len(_MARK) :], b"syncline file").derive(self._key)
        return SealedFile(AESGCM(key))


class _Cipher(Protocol):
    """AESGCM, which is imported late."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


class SealedFile:
    """Seals and opens the chunks of one file."""

    def __init__(self, cipher: _Cipher) -> None:
        self._cipher = cipher

    def seal(self, number: int, chunk: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(_nonce(number), chunk, _label(last))

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        """The chunk. Raises StorageFailedError if it was changed, or sealed with another key."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(_nonce(number), sealed, _label(last))
        except InvalidTag:
            raise StorageFailedError(
                "the file in storage cannot be decrypted: it was changed, or written with another SYNCLINE_DATA_KEY"
            ) from None


def sealed_size(size: int) -> int:
    """How many bytes a file of `size` bytes takes in storage."""
    return HEAD + size + _TAG * max(1, -(-size // CHUNK))


def open_range(sealer: Sealer, source: Source, size: int, start: int, length: int) -> Iterator[bytes]:
    """`length` bytes from `start` of a sealed file of `size` bytes."""
    if length <= 0:
        return
    file = sealer.file(b"".join(source(0, HEAD)))
    last = max(0, -(-size // CHUNK) - 1)
    first, end = start // CHUNK, (start + length - 1) // CHUNK
    begin = HEAD + first * (CHUNK + _TAG)
    stop = min(HEAD + (end + 1) * (CHUNK + _TAG), sealed_size(size))
    held = bytearray()
    number = first
    skip = start - first * CHUNK
    for piece in source(begin, stop - begin):
        held += piece
        while len(held) >= CHUNK + _TAG or (number == last and begin + len(held) == stop):
            whole = bytes(held[: CHUNK + _TAG])
            del held[: CHUNK + _TAG]
            begin += len(whole)
            chunk = file.open(number, whole, last=number == last)[skip : skip + length]
            skip, number = 0, number + 1
            length -= len(chunk)
            yield chunk
            if length <= 0:
                return
    raise StorageFailedError("the file in storage is shorter than it was")


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _label(last: bool) -> bytes:
    return b"last" if last else b"more"
