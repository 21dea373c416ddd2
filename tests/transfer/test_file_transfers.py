"""Stored files move with the documents that name them: ids, addresses and bytes unchanged."""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.imports import document_id, lines, write_zip
from support.processes import syncline
from support.serving import Running, running
from support.transfers import ask, perform, state_of, upload

SCHEMA = """
    from syncline import Document, Id, StoredFile

    class Picture(Document):
        file: Id[StoredFile]
        title: str
"""
FUNCTIONS = """
    from syncline import MutationCtx, QueryCtx, mutation, query
    from .schema import Picture

    @query
    def urls(ctx: QueryCtx) -> list[str | None]:
        return [ctx.storage.url(picture.file) for picture in ctx.db.query(Picture)]

    @mutation
    def upload_url(ctx: MutationCtx) -> str:
        return ctx.storage.upload_url()

    @mutation
    def add(ctx: MutationCtx, file: str, title: str) -> None:
        found = ctx.storage.metadata(file)
        assert found is not None
        ctx.db.insert(Picture(file=found.id, title=title))
"""
MODULES = {"__init__": "", "schema": SCHEMA, "pictures": FUNCTIONS}
KEY = "0e8b0a51-3c59-4a2b-a3b2-6f0a1a2b3c4d"


@pytest.fixture
def server(tmp_path: Path) -> Generator[Running, None, None]:
    with running(tmp_path / "app", MODULES) as server:
        yield server


def convex_zip(path: Path, content: bytes, digest: str | None = None) -> bytes:
    """An export of Convex with one file, whose table has a number that it does not have here."""
    file, picture = document_id(535, 1), document_id(10_001, 1)
    known = {
        "_id": file,
        "_creationTime": 1.7e12,
        "contentType": "image/png",
        "sha256": digest or b64encode(sha256(content).digest()).decode(),
        "size": len(content),
        "internalId": KEY,
    }
    members: dict[str, str | bytes] = {
        "_tables/documents.jsonl": lines(
            [{"name": "pictures", "id": 10_001}, {"name": "_storage", "id": 535}]
        ),
        "pictures/documents.jsonl": lines([{"_id": picture, "file": file, "title": "a"}]),
        "_storage/documents.jsonl": lines([known]),
        f"_storage/{file}.png": content,
    }
    return write_zip(path, members).read_bytes()


def fetched(server: Running, url: str) -> httpx.Response:
    return server.http.get(url if url.startswith("http") else server.url + url)


def add_file(server: Running, content: bytes, title: str) -> str:
    """The id of a file that a client uploads."""
    url = server.value("mutation", "pictures:upload_url")
    target = url if url.startswith("http") else server.url + url
    answer = server.http.post(target, content=content, headers={"Content-Type": "text/plain"})
    id: str = answer.json()["storageId"]
    server.value("mutation", "pictures:add", file=id, title=title)
    return id


def test_files_of_convex_move_in_with_their_ids_and_addresses(server: Running, tmp_path: Path) -> None:
    content = b"\x89PNG" + bytes(range(256)) * 3000
    state = perform(server, upload(server, convex_zip(tmp_path / "app.zip", content), "requireEmpty"))
    assert (state["state"], state["num_rows_written"]) == ("completed", "2"), state
    [url] = server.value("query", "pictures:urls")
    assert url.endswith(f"/api/storage/{KEY}")
    answer = fetched(server, url)
    assert answer.content == content
    assert answer.headers["content-type"].startswith("image/png")
    # Files go on being stored under the number that the table has now.
    assert add_file(server, b"new", "b")[:4] == document_id(535, 1)[:4]
    assert [fetched(server, url).content for url in server.value("query", "pictures:urls")] == [
        content,
        b"new",
    ]


def test_a_file_that_is_not_what_was_said_of_it_refuses_the_import(server: Running, tmp_path: Path) -> None:
    wrong = b64encode(sha256(b"other").digest()).decode()
    id = upload(server, convex_zip(tmp_path / "app.zip", b"content", wrong), "requireEmpty")
    message = state_of(server, id, "failed")["error_message"]
    assert f"_storage, file 1: {document_id(535, 1)} is not the file that" in message
    assert blobs(server.deployment.settings.data) == []
    assert server.value("query", "pictures:urls") == []


def test_a_cancelled_import_leaves_no_files(server: Running, tmp_path: Path) -> None:
    id = upload(server, convex_zip(tmp_path / "app.zip", b"content"), "requireEmpty")
    state_of(server, id, "waiting_for_confirmation")
    assert len(blobs(server.deployment.settings.data)) == 1
    assert ask(server, "POST", "/api/cancel_import", {"importId": id}).status_code == 200
    assert blobs(server.deployment.settings.data) == []


def blobs(data: Path) -> list[Path]:
    """The files below the folder of files."""
    return [path for path in (data / "files").rglob("*") if path.is_file() and path.parent.name != "partial"]


def test_files_are_exported_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    with running(folder, MODULES) as server:
        first = add_file(server, b"first" * 1000, "a")
        add_file(server, b"", "b")
        before: list[Any] = server.value("query", "pictures:urls")
    data = ["--data", "data"]
    done = syncline("export", "--include-file-storage", "--path", "all.zip", *data, folder=folder)
    assert (done.returncode, done.stdout) == (0, "  all.zip  2 documents of 1 table and 2 files\n"), (
        done.stderr
    )
    with zipfile.ZipFile(folder / "all.zip") as archive:
        assert archive.read(f"_storage/{first}") == b"first" * 1000
        known = json.loads(archive.read("_storage/documents.jsonl").splitlines()[0])
        assert known["sha256"] == b64encode(sha256(b"first" * 1000).digest()).decode()
    done = syncline("import", "all.zip", "--data", "other", folder=folder)
    assert done.returncode == 0, done.stderr
    done = syncline(
        "export", "--include-file-storage", "--path", "again.zip", "--data", "other", folder=folder
    )
    assert (folder / "again.zip").read_bytes() == (folder / "all.zip").read_bytes()
    done = syncline("import", "all.zip", "--replace", "--yes", *data, folder=folder)
    assert done.returncode == 0, done.stderr
    with running(folder, MODULES) as server:
        assert server.value("query", "pictures:urls") == before
        assert [fetched(server, url).content for url in before] == [b"first" * 1000, b""]


def test_files_can_be_left_out(server: Running, tmp_path: Path) -> None:
    content = convex_zip(tmp_path / "app.zip", b"content")
    token = ask(server, "POST", "/api/import/start_upload").json()["uploadToken"]
    part = ask(server, "POST", f"/api/import/upload_part?uploadToken={token}&partNumber=1", content).json()
    wanted = {"mode": "append", "format": "zip", "skip": ["_storage", "pictures"]}
    body = {"import": wanted, "uploadToken": token, "partTokens": [part]}
    id = ask(server, "POST", "/api/import/finish_upload", body).json()["importId"]
    state = state_of(server, id, "waiting_for_confirmation")
    assert "left out: 1 stored file (_storage)" in state["message_to_confirm"]
