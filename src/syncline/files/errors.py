"""What goes wrong with files."""

from __future__ import annotations

from syncline.kernel.errors import OverloadedError, SynclineError


class FileMissingError(SynclineError):
    """The bytes of a file are not where they should be."""

    code = "file_missing"


class StorageFailedError(SynclineError):
    """The disk or the bucket refused."""

    code = "storage_failed"


class StorageFullError(OverloadedError):
    """There is no room left. Nothing of the file is kept."""

    def __init__(self, place: str) -> None:
        super().__init__(f"there is no room for the file: {place} is full. Free some, and try again", 60.0)
