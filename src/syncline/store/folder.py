"""The data folder: made when missing, locked while in use."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from .errors import FolderLockedError, FolderUnusableError

DATABASE = "syncline.db"
LOCK = "lock"

#: On Linux, files here are in memory.
_MEMORY = "/dev/shm"  # noqa: S108 - only folders of `mkdtemp` are made there
#: Stores for tests go elsewhere if there is less room: containers are often given little.
_MEMORY_BYTES = 2**30


class FolderLock:
    """An exclusive lock on a data folder, held until `release`.

    The kernel's lock counts, not the file: it ends with the process, however that ends. The text in the file
    only says who holds it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(folder, error)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 4096).decode("utf-8", "replace").strip()
            os.close(self._file)
            raise FolderLockedError(
                f"the data folder {folder} is in use by {holder or 'another process'}",
                "stop that process, or give this one a folder of its own with --data",
            )
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, _whoami().encode(), 0)

    def release(self) -> None:
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1


def make_folder(folder: Path, *, create: bool) -> None:
    """Make the folder, readable by its owner only, unless it is there. Raises FolderUnusableError."""
    try:
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not (folder / DATABASE).exists():
            raise FolderUnusableError(
                f"there is no Syncline data in {folder}",
                "check the path given with --data, or start a server there first",
            )
    except OSError as error:
        raise _unusable(folder, error)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise FolderUnusableError(
            f"the data folder {folder} cannot be read and written by this user",
            "give this user the folder (chown), or name another with --data",
        )


def _unusable(folder: Path, error: OSError) -> FolderUnusableError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return FolderUnusableError(
            f"the data folder {folder} is not a folder",
            "name a folder with --data; it is made if it does not exist",
        )
    return FolderUnusableError(
        f"the data folder {folder} cannot be used: {error.strerror}",
        "give this user the folder (chown), or name another with --data",
    )


def _whoami() -> str:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv and sys.argv[0] else "python"
    return f"process {os.getpid()} ({command[:200]})"


def folder_in_memory() -> str | None:
    """Where files are in memory, if this machine has such a place with room in it: making a store takes 1 ms there, not 5."""
    try:
        found = os.statvfs(_MEMORY)
    except OSError:
        return None
    roomy = found.f_bavail * found.f_frsize >= _MEMORY_BYTES
    return _MEMORY if roomy and os.access(_MEMORY, os.W_OK) else None
