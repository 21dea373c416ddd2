"""Files of an application: bytes on disk or in an S3 bucket, written in streams, encrypted if there is a key."""

from .blobs import Blobs, LocalBlobs
from .errors import FileMissingError, StorageFailedError, StorageFullError
from .service import FilePlace, FileService
from .signing import BadTokenError, Signer, UploadClaims
from .vault import Upload, Vault

__all__ = [
    "BadTokenError",
    "Blobs",
    "FileMissingError",
    "FilePlace",
    "FileService",
    "LocalBlobs",
    "Signer",
    "StorageFailedError",
    "StorageFullError",
    "Upload",
    "UploadClaims",
    "Vault",
]
