"""What functions and endpoints need of files: where they are, how addresses are signed, and threads to wait in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from syncline.kernel.limits import Limits

from .blobs import Blobs, LocalBlobs
from .s3 import S3Blobs
from .signing import Signer
from .vault import Vault


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where files are, for every process that reads or writes them."""

    folder: Path
    #: The bucket that whole files are in; None: they are in `folder`.
    storage: str | None
    #: Signs addresses (32 bytes).
    secret: bytes
    #: Encrypts what is stored (32 bytes).
    key: bytes | None
    #: Where clients reach the server: `https://example.com`. Empty: addresses are paths.
    origin: str


class FileService:
    """The files of one deployment."""

    def __init__(self, place: FilePlace, limits: Limits) -> None:
        """Raises SetupError for a bucket that cannot be used."""
        self.place = place
        self.origin = place.origin
        blobs: Blobs = LocalBlobs(place.folder) if place.storage is None else S3Blobs(place.storage)
        self.vault = Vault(place.folder / "partial", blobs, place.key)
        self.signer = Signer(place.secret)
        self.limits = limits
        self.threads = ThreadPoolExecutor(limits.file_threads, "syncline-files")

    def upload_url(self, token: str) -> str:
        return f"{self.origin}/api/storage/upload?token={token}"

    def url(self, key: str) -> str:
        """The address of a public file."""
        return f"{self.origin}/api/storage/{key}"

    def signed_url(self, key: str, expires: int) -> str:
        """The address of a file until `expires` (seconds since the epoch)."""
        query = urlencode({"expires": expires, "signature": self.signer.link(key, expires)})
        return f"{self.url(key)}?{query}"

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)
