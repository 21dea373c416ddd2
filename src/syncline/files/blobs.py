"""Where whole files are kept. One interface, on disk here and in a bucket elsewhere; every method blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from .errors import FileMissingError, StorageFailedError

#: Bytes that are read at once.
PIECE: Final = 256 * 1024


class Blobs(Protocol):
    """Named bytes that never change. Names are made here: 32 hexadecimal digits."""

    def adopt(self, name: str, path: Path) -> None:
        """Take over a whole file on disk, durably. `path` is gone afterwards."""
        ...

    def read(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `start`. Raises FileMissingError when they are not there."""
        ...

    def delete(self, name: str) -> None:
        """Remove; what is not there is not missed."""
        ...

    def names(self) -> Iterator[tuple[str, float]]:
        """All names, each with the time (seconds since the epoch) at which it was stored."""
        ...


class LocalBlobs:
    """Files below a folder, in 256 folders by their first two digits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def adopt(self, name: str, path: Path) -> None:
        target = self._path(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
            for folder in (target.parent, self._folder):
                _sync(folder)
        except OSError as error:
            raise StorageFailedError(f"the file cannot be put into {self._folder}: {error}") from None

    def read(self, name: str, start: int, length: int) -> Iterator[bytes]:
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise FileMissingError(f"the file {name} is not in {self._folder}: {error.strerror}") from None
        try:
            while length > 0:
                piece = os.pread(descriptor, min(PIECE, length), start)
                if not piece:
                    raise FileMissingError(f"the file {name} in {self._folder} is shorter than it was")
                start, length = start + len(piece), length - len(piece)
                yield piece
        finally:
            os.close(descriptor)

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, float]]:
        if not self._folder.is_dir():
            return
        for folder in sorted(self._folder.iterdir()):
            if len(folder.name) != 2 or not folder.is_dir():
                continue
            for file in folder.iterdir():
                yield file.name, file.stat().st_mtime

    def _path(self, name: str) -> Path:
        # Names are ours, but a slip elsewhere must not become a way out of the folder.
        if not name.isalnum() or not name.isascii():
            raise ValueError(f"{name!r} is not the name of a blob")
        return self._folder / name[:2] / name


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
