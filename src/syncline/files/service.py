"""What functions and endpoints need of files: where they are, how addresses are signed, and threads to wait in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from syncline.kernel.limits import Limits

from .blobs import Blobs, LocalBlobs
from .s3 import S3Blobs
from .signing import Signer
from .vault import Vault


class FileService:
    """The files of one deployment."""

    def __init__(self, vault: Vault, signer: Signer, origin: str, limits: Limits) -> None:
        self.vault = vault
        self.signer = signer
        #: Where clients reach this server: `https://example.com`. Empty: addresses are paths.
        self.origin = origin
        self.limits = limits
        self.threads = ThreadPoolExecutor(limits.file_threads, "syncline-files")

    @classmethod
    def open(
        cls, folder: Path, storage: str | None, secret: bytes, key: bytes | None, origin: str, limits: Limits
    ) -> FileService:
        """Files in `folder`, or in the bucket that `storage` names. Raises SetupError."""
        blobs: Blobs = LocalBlobs(folder) if storage is None else S3Blobs(storage)
        return cls(Vault(folder / "partial", blobs, key), Signer(secret), origin, limits)

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
