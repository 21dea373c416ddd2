"""Files on their way to a server, in parts."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from syncline.kernel.errors import SynclineError


class UploadError(SynclineError):
    """An upload that is not known, or not whole."""

    code = "upload_failed"


class Uploads:
    """Parts of files under one folder. Blocks on the disk: for a thread of its own."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._sizes: dict[str, int] = {}

    def clear(self) -> None:
        """Forget what an earlier process left behind."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, token: str) -> None:
        """Begin an upload. The one before it is forgotten: only one file is imported at a time."""
        for other in list(self._sizes):
            self.forget(other)
        self._folder.joinpath(token).mkdir(mode=0o700, parents=True)
        self._sizes[token] = 0

    def add(self, token: str, part: str, content: bytes) -> None:
        """Raises UploadError."""
        self._check(token)
        self._sizes[token] += len(content)
        if self._sizes[token] > self._max_bytes:
            self.forget(token)
            raise UploadError(
                f"the file is larger than {self._max_bytes:,} bytes: raise the limit import_bytes"
            )
        path = self._folder / token / part
        path.touch(mode=0o600)
        path.write_bytes(content)

    def finish(self, token: str, parts: list[str], name: str) -> Path:
        """The parts in this order as one file. Raises UploadError."""
        self._check(token)
        whole = self._folder / token / name
        with whole.open("wb") as target:
            for part in parts:
                path = self._folder / token / part
                try:
                    with path.open("rb") as source:
                        shutil.copyfileobj(source, target, 1024 * 1024)
                except FileNotFoundError:
                    raise UploadError(f"part {part} was not uploaded: upload the file again") from None
                path.unlink()
        return whole

    def forget(self, token: str) -> None:
        self._sizes.pop(token, None)
        with suppress(OSError):
            shutil.rmtree(self._folder / token)

    def _check(self, token: str) -> None:
        if token not in self._sizes:
            raise UploadError(
                "this upload is not known any more: another one was begun, or the server restarted"
            )
