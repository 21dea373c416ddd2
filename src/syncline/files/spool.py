"""A file that is being written: in a folder of its own on disk, until it is whole.

Used by one thread at a time; every method blocks. What was written and suspended can be taken up again, in another
process too: the length of the file on disk says how far it got.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from .errors import StorageFailedError, StorageFullError
from .sealing import CHUNK, HEAD, SealedFile, Sealer

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class SpoolFile:
    """Grows at the end only. `size` is what has been taken so far, in bytes of the file as people see it."""

    def __init__(self, path: Path, sealer: Sealer | None) -> None:
        """Begin a file, or go on with one that was suspended."""
        self.path = path
        self._held = bytearray()
        self._file: SealedFile | None = None
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            length = os.fstat(self._descriptor).st_size
            if sealer is None:
                self.size = length
            else:
                self.size = self._resume_sealed(sealer, length)
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise _failed(error, path) from None

    def write(self, data: bytes) -> None:
        """Take more. Raises StorageFullError, StorageFailedError."""
        self.size += len(data)
        if self._file is None:
            self._put(data)
            return
        self._held += data
        # The last chunk is sealed as such, so one is held back until more comes.
        while len(self._held) > CHUNK:
            chunk = bytes(self._held[:CHUNK])
            del self._held[:CHUNK]
            self._put(self._file.seal(self._number, chunk, last=False))
            self._number += 1

    def suspend(self) -> int:
        """Put down what is there for another time. Returns how much of the file that is."""
        self.size -= len(self._held)
        self._held.clear()
        self._close()
        return self.size

    def finish(self) -> None:
        """The file is whole and on disk."""
        if self._file is not None:
            self._put(self._file.seal(self._number, bytes(self._held), last=True))
            self._held.clear()
        self._close()

    def abort(self) -> None:
        """Leave nothing behind."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self.path.unlink(missing_ok=True)

    def _resume_sealed(self, sealer: Sealer, length: int) -> int:
        if length < HEAD:
            os.ftruncate(self._descriptor, 0)
            head = sealer.new_head()
            os.pwrite(self._descriptor, head, 0)
            chunks = 0
        else:
            head = os.pread(self._descriptor, HEAD, 0)
            chunks = (length - HEAD) // (CHUNK + 16)
            os.ftruncate(self._descriptor, HEAD + chunks * (CHUNK + 16))
        self._file = sealer.file(head)
        self._number = chunks
        return chunks * CHUNK

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise _failed(error, self.path) from None

    def _close(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _failed(error, self.path) from None
        finally:
            os.close(self._descriptor)
            self._descriptor = -1


def _failed(error: OSError, path: Path) -> StorageFullError | StorageFailedError:
    if error.errno in _FULL:
        return StorageFullError(str(path.parent))
    return StorageFailedError(f"the file cannot be written to {path.parent}: {error.strerror or error}")
