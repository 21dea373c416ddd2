"""All files of a deployment: uploads on their way in, whole files, and what is left over of either."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from .blobs import Blobs
from .errors import StorageFailedError
from .sealing import Sealer, open_range
from .spool import SpoolFile


class _Hasher(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A whole file: the name of its bytes, their number, and their SHA-256 (hexadecimal)."""

    blob: str
    size: int
    sha256: str


class Vault:
    """Used from threads: every method blocks."""

    def __init__(self, partial: Path, blobs: Blobs, key: bytes | None = None) -> None:
        """`partial` is a folder for uploads; with `key` (32 bytes) all is encrypted at rest."""
        self._partial = partial
        self._blobs = blobs
        self._sealer = None if key is None else Sealer(key)

    def begin(self, blob: str) -> Upload:
        """Begin a file, or go on with one of this name that was suspended."""
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailedError(f"the folder {self._partial} cannot be made: {error}") from None
        return Upload(blob, SpoolFile(self._partial / blob, self._sealer), self)

    def offset(self, blob: str) -> int | None:
        """How far a suspended upload has got; None if there is none."""
        if not (self._partial / blob).exists():
            return None
        spool = SpoolFile(self._partial / blob, self._sealer)
        return spool.suspend()

    def read(self, blob: str, size: int, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """A part of a whole file of `size` bytes, in pieces."""
        length = size - start if length is None else length
        if self._sealer is None:
            return self._blobs.read(blob, start, length)
        return open_range(
            self._sealer, lambda at, count: self._blobs.read(blob, at, count), size, start, length
        )

    def delete(self, blob: str) -> None:
        self._blobs.delete(blob)

    def forget(self, blob: str) -> None:
        """Give up a suspended upload."""
        (self._partial / blob).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, float]]:
        """All whole files, with the times at which they were stored."""
        return self._blobs.names()

    def forget_older(self, before: float) -> int:
        """Remove uploads that nobody has gone on with since `before` (seconds since the epoch)."""
        removed = 0
        if self._partial.is_dir():
            for file in self._partial.iterdir():
                if file.stat().st_mtime < before:
                    file.unlink(missing_ok=True)
                    removed += 1
        return removed

    def adopt(self, blob: str) -> None:
        self._blobs.adopt(blob, self._partial / blob)

    def digest(self, blob: str, size: int) -> str:
        """The SHA-256 of a whole file."""
        hasher = hashlib.sha256()
        for piece in self.read(blob, size):
            hasher.update(piece)
        return hasher.hexdigest()


class Upload:
    """One file on its way in."""

    def __init__(self, blob: str, spool: SpoolFile, vault: Vault) -> None:
        self.blob = blob
        self._spool = spool
        self._vault = vault
        # A file that was taken up again is read once more when it is whole.
        self._hasher: _Hasher | None = hashlib.sha256() if not spool.size else None

    @property
    def size(self) -> int:
        return self._spool.size

    def write(self, data: bytes) -> None:
        """Take more. Raises StorageFullError, StorageFailedError."""
        if self._hasher is not None:
            self._hasher.update(data)
        self._spool.write(data)

    def suspend(self) -> int:
        """Put it down for another time; returns how much is kept."""
        return self._spool.suspend()

    def finish(self) -> Stored:
        """The file is whole, and where files are kept."""
        self._spool.finish()
        self._vault.adopt(self.blob)
        sha256 = (
            self._vault.digest(self.blob, self.size) if self._hasher is None else self._hasher.hexdigest()
        )
        return Stored(self.blob, self.size, sha256)

    def abort(self) -> None:
        """Leave nothing behind."""
        self._spool.abort()


#: A day: until then an upload that was interrupted can be taken up again.
KEPT_SECONDS: Final = 24 * 3600.0
