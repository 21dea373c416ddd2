"""Files in a bucket of S3 or of a service that speaks its protocol: MinIO, Cloudflare R2, Ceph and others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from syncline.kernel.errors import SetupError

from .blobs import PIECE
from .errors import FileMissingError, StorageFailedError

#: Equal parts, as some services demand; 10,000 of them make 80 GB.
_PART: Final = 8 * 1024 * 1024
_THREADS: Final = 4


class S3Blobs:
    """`s3://bucket/prefix?endpoint=https://...&region=...`. Credentials come from the environment, as AWS's tools read them."""

    def __init__(self, url: str) -> None:
        """Raises SetupError for an address that is none, and without boto3."""
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        unknown = options.keys() - {"endpoint", "region"}
        if parts.scheme != "s3" or not parts.netloc or unknown:
            raise SetupError(
                f"`storage` is {url!r}, which is no address of a bucket",
                'write storage = "s3://bucket/prefix", for other services "s3://bucket?endpoint=https://host&region=auto"',
            )
        try:
            import boto3  # type: ignore[import-untyped]  # it has no types
            from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]  # it has no types
            from botocore.config import Config  # type: ignore[import-untyped]  # it has no types
        except ImportError:
            raise SetupError(
                "files in a bucket need the package boto3", 'pip install "syncline[s3]"'
            ) from None
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        config = Config(
            retries={"max_attempts": 5, "mode": "standard"},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=16,
        )
        make: Any = boto3.client  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - it has no types
        self._client: Any = make(
            "s3",
            endpoint_url=options.get("endpoint"),
            region_name=options.get("region"),
            config=config,
        )
        self._transfer = TransferConfig(
            multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=_THREADS
        )

    def adopt(self, name: str, path: Path) -> None:
        try:
            self._client.upload_file(str(path), self._bucket, self._prefix + name, Config=self._transfer)
        except Exception as error:
            raise StorageFailedError(f"the bucket {self._bucket} did not take the file: {error}") from None
        path.unlink(missing_ok=True)

    def read(self, name: str, start: int, length: int) -> Iterator[bytes]:
        if length <= 0:
            return
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + name, Range=f"bytes={start}-{start + length - 1}"
            )
        except self._client.exceptions.NoSuchKey:
            raise FileMissingError(f"the file {name} is not in the bucket {self._bucket}") from None
        except Exception as error:
            raise StorageFailedError(f"the bucket {self._bucket} did not give the file: {error}") from None
        body = answer["Body"]
        try:
            yield from body.iter_chunks(PIECE)
        finally:
            body.close()

    def delete(self, name: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)
        except Exception as error:
            raise StorageFailedError(f"the bucket {self._bucket} did not delete the file: {error}") from None

    def names(self) -> Iterator[tuple[str, float]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        for page in pages:
            for item in page.get("Contents", ()):
                yield item["Key"].removeprefix(self._prefix), item["LastModified"].timestamp()
