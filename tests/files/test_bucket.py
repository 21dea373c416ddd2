"""Files in a bucket: against a server that speaks S3's protocol, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from support.files_app import FILES
from support.serving import Running, running
from syncline.files import FileMissingError, FilePlace, FileService, StorageFailedError
from syncline.files.s3 import S3Blobs
from syncline.kernel.errors import SetupError
from syncline.kernel.limits import Limits

NAME = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    name = "bucket-" + os.urandom(4).hex()
    assert httpx.put(f"{endpoint}/{name}").status_code == 200
    return f"s3://{name}/some/prefix?endpoint={endpoint}&region=us-east-1"


@pytest.mark.parametrize("key", [None, bytes(range(32))], ids=["plain", "sealed"])
def test_files_of_several_parts_are_stored_read_and_deleted(
    tmp_path: Path, bucket: str, key: bytes | None
) -> None:
    files = FileService(FilePlace(tmp_path, bucket, bytes(32), key, ""), Limits())
    content = os.urandom(9 * 1024 * 1024 + 7)
    upload = files.vault.begin(NAME)
    upload.write(content)
    stored = upload.finish()
    assert b"".join(files.vault.read(NAME, stored.size)) == content
    assert b"".join(files.vault.read(NAME, stored.size, 8_388_600, 100)) == content[8_388_600:8_388_700]
    assert b"".join(files.vault.read(NAME, stored.size, 5, 0)) == b""
    assert [name for name, _ in files.vault.names()] == [NAME]
    assert not [file for file in tmp_path.rglob("*") if file.is_file()], "nothing stays on this machine"
    files.vault.delete(NAME)
    files.vault.delete(NAME)
    with pytest.raises(FileMissingError, match=f"the file {NAME} is not in the bucket"):
        b"".join(files.vault.read(NAME, stored.size))
    files.close()


def test_a_server_keeps_its_files_in_the_bucket(tmp_path: Path, bucket: str) -> None:
    def store(server: Running) -> None:
        url = server.value("mutation", "pictures:upload_url")
        id = server.http.post(url, content=b"x" * 300_000).json()["storageId"]
        address = server.value("query", "pictures:url", file=id)
        assert server.http.get(address).content == b"x" * 300_000
        part = server.http.get(address, headers={"range": "bytes=299999-"})
        assert (part.status_code, part.content) == (206, b"x")
        assert not [file for file in (tmp_path / "data" / "files").rglob("*") if file.is_file()]

    with running(tmp_path, FILES, storage=bucket) as server:
        store(server)


def test_a_bucket_that_is_out_of_reach_is_said(tmp_path: Path, bucket: str) -> None:
    blobs = S3Blobs(bucket.replace("bucket-", "missing-"))
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with pytest.raises(StorageFailedError, match="did not take the file"):
        blobs.adopt(NAME, file)
    assert file.exists(), "it can be tried again"


@pytest.mark.parametrize("url", ["s3:bucket", "s3:///x", "https://x/y", "s3://bucket?zone=1"])
def test_what_is_no_address_of_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(SetupError, match="which is no address of a bucket"):
        S3Blobs(url)
