"""What can go wrong with the data: while opening it (SetupError and below) and while using it."""

from __future__ import annotations

from syncline.kernel.errors import SetupError, SynclineError


class FolderLockedError(SetupError):
    """Another process uses the data folder."""

    code = "folder_locked"


class FolderUnusableError(SetupError):
    """The data folder cannot be made, read or written."""

    code = "folder_unusable"


class NewerDataError(SetupError):
    """A newer version of Syncline wrote the data."""

    code = "newer_data"


class CorruptDataError(SetupError):
    """The data file is damaged, or is no Syncline data."""

    code = "corrupt_data"


class WrongKeyError(SetupError):
    """The data is encrypted and the key does not open it, or a key was given for plain data."""

    code = "wrong_key"


class WriteRefusedError(SynclineError):
    """Nothing of a write was applied, and the store goes on: the write may be tried again."""

    code = "write_refused"


class StoreFullError(WriteRefusedError):
    """The disk is full."""

    code = "disk_full"


class StoreBusyError(WriteRefusedError):
    """A program that is not Syncline holds a lock on the database file."""

    code = "store_busy"


class StoreFailedError(SynclineError):
    """A write failed in a way after which memory and disk may disagree. Exit, and start again from the disk."""

    code = "store_failed"


class DamagedDataError(SynclineError):
    """Stored data contradicts itself."""

    code = "damaged_data"


class LogTrimmedError(SynclineError):
    """Commits after a timestamp were asked for that the log no longer holds. Start from a snapshot instead."""

    code = "log_trimmed"

    def __init__(self, asked: int, start: int) -> None:
        super().__init__(
            f"the commit log starts after {start}, so the commits after {asked} are no longer all there. "
            "Read a snapshot and continue from its timestamp."
        )
        self.asked = asked
        self.start = start


class QueryInterrupted(BaseException):
    """A statement ran past its deadline and was stopped.

    No Exception: user code that catches everything must not swallow its own time limit.
    """
