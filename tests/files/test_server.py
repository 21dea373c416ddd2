"""Files over a real server: the official flow, resumable uploads, ranges, signed links, deletion."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from support.files_app import FILES
from support.serving import Running, read_to_end, running

CONTENT = bytes(range(256)) * 4000


@pytest.fixture(scope="module", params=["plain", "sealed"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Running, None, None]:
    environment = {"SYNCLINE_DATA_KEY": "ab" * 32} if request.param == "sealed" else {}
    with running(tmp_path_factory.mktemp("app"), FILES, environment=environment) as server:
        yield server


def upload(
    server: Running, content: bytes | Iterator[bytes], headers: dict[str, str] | None = None, **options: Any
) -> httpx.Response:
    url = server.value("mutation", "pictures:upload_url", **options)
    assert url.startswith("/api/storage/upload?token=")
    return server.http.post(url, content=content, headers=headers or {})


def store(server: Running, content: bytes, content_type: str = "text/plain", **options: Any) -> str:
    answer = upload(server, content, {"content-type": content_type}, **options)
    assert answer.status_code == 200, answer.text
    id: str = answer.json()["storageId"]
    return id


def url_of(server: Running, id: str, **options: Any) -> str:
    url: str = server.value("query", "pictures:url", file=id, **options)
    return url


def files_on_disk(server: Running) -> list[Path]:
    folder = server.deployment.settings.data / "files"
    return [file for file in folder.rglob("*") if file.is_file()]


def run_keeper(server: Running, name: str) -> int:
    keeper = server.deployment._web.keeper  # pyright: ignore[reportPrivateUsage] - its next turn may be far away
    work = keeper.remove_deleted() if name == "deleted" else keeper.remove_left_over()
    return asyncio.run_coroutine_threadsafe(work, server.loop).result(30)


def test_the_official_flow_stores_and_serves(server: Running) -> None:
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    answer = upload(
        server,
        CONTENT,
        {"content-type": "image/png", "digest": f"sha-256={digest}", "origin": "https://a.example"},
    )
    assert answer.headers["access-control-allow-origin"] == "*"
    id = answer.json()["storageId"]
    known = server.value("query", "pictures:metadata", file=id)
    assert known == {
        "_id": id,
        "_creationTime": known["_creationTime"],
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
        "content_type": "image/png",
        "private": False,
    }
    file = server.http.get(url_of(server, id))
    assert file.content == CONTENT
    assert file.headers["content-type"] == "image/png"
    assert file.headers["content-length"] == str(len(CONTENT))
    assert file.headers["cache-control"] == "private, max-age=2592000"
    assert file.headers["digest"] == f"sha-256={digest}"
    assert file.headers["accept-ranges"] == "bytes"
    assert file.headers["content-disposition"] == "inline"
    assert server.value("mutation", "pictures:add", title="a", file=id)


def test_an_upload_address_takes_one_file(server: Running) -> None:
    url = server.value("mutation", "pictures:upload_url")
    assert server.http.post(url, content=b"one").status_code == 200
    again = server.http.post(url, content=b"two")
    assert (again.status_code, again.json()["code"]) == (409, "UploadUsed")


def test_a_failed_upload_may_be_sent_again(server: Running) -> None:
    before = len(files_on_disk(server))
    url = server.value("mutation", "pictures:upload_url")
    wrong = base64.b64encode(bytes(32)).decode()
    refused = server.http.post(url, content=b"one", headers={"digest": f"sha-256={wrong}"})
    assert (refused.status_code, refused.json()["code"]) == (400, "BadDigest")
    assert server.http.post(url, content=b"one").status_code == 200
    run_keeper(server, "deleted")
    assert len(files_on_disk(server)) == before + 1


@pytest.mark.parametrize("token", ["", "x", "e30.x", "a.b.c"])
def test_a_forged_address_is_refused(server: Running, token: str) -> None:
    assert server.http.post(f"/api/storage/upload?token={token}", content=b"x").status_code == 403


def test_limits_of_an_address_are_kept(server: Running) -> None:
    assert upload(server, b"x" * 11, most_bytes=10).status_code == 413
    assert upload(server, iter([b"x" * 6] * 2), most_bytes=10).status_code == 413
    assert upload(server, b"x" * 10, most_bytes=10).status_code == 200
    assert upload(server, b"x", {"content-type": "text/html"}, types=["image/*"]).status_code == 415
    assert upload(server, b"x", {"content-type": "image/png"}, types=["image/*"]).status_code == 200
    assert upload(server, b"x", types=["image/*"]).status_code == 415


def test_an_empty_file_is_a_file(server: Running) -> None:
    id = store(server, b"")
    file = server.http.get(url_of(server, id))
    assert file.status_code == 200 and file.content == b""
    assert server.http.get(url_of(server, id), headers={"range": "bytes=0-0"}).status_code == 416


@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-65535", 0, 65_536),
        ("bytes=65535-65536", 65_535, 65_537),
        ("bytes=1000000-", 1_000_000, len(CONTENT)),
        ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
        ("bytes=-99999999", 0, len(CONTENT)),
        ("bytes=5-99999999", 5, len(CONTENT)),
    ],
)
def test_a_part_of_a_file_is_served(server: Running, value: str, start: int, stop: int) -> None:
    url = url_of(server, store(server, CONTENT))
    part = server.http.get(url, headers={"range": value})
    assert part.status_code == 206 and part.content == CONTENT[start:stop]
    assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    head = server.http.head(url, headers={"range": value})
    assert head.status_code == 206 and head.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize(
    "value", ["bytes=9999999-", "bytes=5-4", "bytes=0-1,4-5", "bytes=-", "bytes=-0", "bytes=x"]
)
def test_what_is_no_part_is_416(server: Running, value: str) -> None:
    answer = server.http.get(url_of(server, store(server, CONTENT)), headers={"range": value})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


def test_an_unchanged_file_is_not_sent_again(server: Running) -> None:
    url = url_of(server, store(server, CONTENT))
    first = server.http.get(url)
    for headers in (
        {"if-none-match": first.headers["etag"]},
        {"if-none-match": f'"x", W/{first.headers["etag"]}'},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        again = server.http.get(url, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
    assert server.http.get(url, headers={"if-none-match": '"x"'}).status_code == 200
    resumed = {"range": "bytes=5-", "if-range": first.headers["etag"]}
    assert server.http.get(url, headers=resumed).status_code == 206
    assert server.http.get(url, headers=resumed | {"if-range": '"x"'}).status_code == 200
    head = server.http.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(CONTENT)))


@pytest.mark.parametrize(
    "kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/pdf", ""]
)
def test_what_could_hold_a_script_is_saved_and_not_shown(server: Running, kind: str) -> None:
    id = store(server, b"<script>alert(1)</script>", kind or "application/octet-stream")
    file = server.http.get(url_of(server, id))
    assert file.headers["content-disposition"] == "attachment"
    assert file.headers["x-content-type-options"] == "nosniff"
    policy = file.headers["content-security-policy"]
    assert "default-src 'none'" in policy and policy.endswith("sandbox") and "script" not in policy


def test_a_download_has_the_name_that_was_asked_for(server: Running) -> None:
    url = url_of(server, store(server, b"x"))
    header = server.http.get(url, params={"download": 'a"b/ü.txt'}).headers["content-disposition"]
    assert header == "attachment; filename=\"a_b__.txt\"; filename*=UTF-8''a%22b%2F%C3%BC.txt"


def test_private_files_need_a_signed_link_that_ends(server: Running) -> None:
    id = store(server, b"secret", private=True)
    url = url_of(server, id, expires_in=60)
    file = server.http.get(url)
    assert file.text == "secret" and int(file.headers["cache-control"].rpartition("=")[2]) <= 120
    bare = urlsplit(url).path
    assert (server.http.get(bare).status_code, server.http.get(bare).json()["code"]) == (403, "PrivateFile")
    assert server.http.get(url[:-1] + ("A" if url[-1] != "A" else "B")).status_code == 403
    later = url.replace("expires=", "expires=9")
    assert server.http.get(later).status_code == 403
    assert url_of(server, id).startswith(bare + "?expires=")


def test_deletion_is_a_part_of_the_transaction(server: Running) -> None:
    id = store(server, b"short life")
    url, before = url_of(server, id), len(files_on_disk(server))
    failed = server.post("mutation", path="pictures:delete", args={"file": id, "fail": True})
    assert failed["status"] == "error" and server.http.get(url).text == "short life"
    server.value("mutation", "pictures:delete", file=id)
    assert server.http.get(url).status_code == 404
    assert server.value("query", "pictures:url", file=id) is None
    run_keeper(server, "deleted")
    assert len(files_on_disk(server)) < before
    again = server.post("mutation", path="pictures:delete", args={"file": id})
    assert again["status"] == "error" and "there is no stored file" in again["errorMessage"]


def test_actions_store_and_read(server: Running) -> None:
    encoded = {"$bytes": base64.b64encode(b"hello").decode()}
    id = server.value("action", "pictures:store", content=encoded, content_type="text/plain")
    assert server.http.get(url_of(server, id)).text == "hello"
    assert base64.b64decode(server.value("action", "pictures:get", file=id)) == b"hello"
    streamed = server.value("action", "pictures:store_stream", pieces=400)
    measured = server.value("action", "pictures:measure", file=streamed)
    assert measured["size"] == 2_400_000 and measured["pieces"] > 5 and measured["type"] == "text/plain"
    assert server.value("action", "pictures:get", file="nonsense") is None
    size, url, other, gone = server.value("action", "pictures:everything", file=id)
    assert (size, gone) == (5, None) and url.startswith("/api/storage/") and "token=" in other
    read, sha, url, other, whole, gone = server.value("action", "pictures:sync_everything", content=encoded)
    assert base64.b64decode(read) == base64.b64decode(whole) == b"hello" and gone is None
    assert sha == hashlib.sha256(b"hello").hexdigest()


def test_an_action_in_a_process_of_its_own_stores_and_reads(server: Running) -> None:
    id = server.value("action", "pictures:in_process", file=store(server, b"abc"))
    assert server.http.get(url_of(server, id)).text == "cba"


def test_a_stream_that_breaks_stores_nothing(server: Running) -> None:
    run_keeper(server, "deleted")
    before = len(files_on_disk(server))
    answer = server.post("action", path="pictures:store_stream", args={"pieces": 300, "fail": True})
    assert answer["status"] == "error" and "broken stream" in answer["errorMessage"]
    for _ in range(1000):
        if len(files_on_disk(server)) == before:
            break
        server.http.get("/version")
    assert len(files_on_disk(server)) == before


def test_an_upload_is_resumed_where_it_broke_off(server: Running) -> None:
    content = os.urandom(700_000)
    token = server.value("mutation", "pictures:upload_url").partition("token=")[2]
    begun = server.http.post(
        f"/api/storage/uploads?token={token}",
        headers={"upload-length": str(len(content)), "content-type": "video/mp4"},
    )
    assert begun.status_code == 201
    place = begun.headers["location"]
    assert server.http.head(place).headers["upload-offset"] == "0"
    offset, turns = 0, 0
    answer = begun
    while offset < len(content):
        turns += 1
        piece = content[offset : offset + 250_000]
        answer = server.http.patch(place, content=piece, headers={"upload-offset": str(offset)})
        if answer.status_code == 200:
            break
        assert answer.status_code == 204, answer.text
        offset = int(server.http.head(place).headers["upload-offset"])
        assert offset == int(answer.headers["upload-offset"]) and offset > 0
    assert turns >= 3
    id = answer.json()["storageId"]
    file = server.http.get(url_of(server, id))
    assert file.content == content and file.headers["content-type"] == "video/mp4"
    assert (
        server.value("query", "pictures:metadata", file=id)["sha256"] == hashlib.sha256(content).hexdigest()
    )
    assert server.http.patch(place, content=b"x", headers={"upload-offset": "0"}).status_code == 409


def test_a_resumed_upload_must_go_on_where_it_is(server: Running) -> None:
    token = server.value("mutation", "pictures:upload_url", most_bytes=1000).partition("token=")[2]
    too_long = server.http.post(f"/api/storage/uploads?token={token}", headers={"upload-length": "1001"})
    assert too_long.status_code == 413
    assert server.http.post(f"/api/storage/uploads?token={token}").status_code == 400
    place = server.http.post(f"/api/storage/uploads?token={token}", headers={"upload-length": "10"}).headers[
        "location"
    ]
    wrong = server.http.patch(place, content=b"x", headers={"upload-offset": "5"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "WrongOffset")
    assert server.http.patch(place, content=b"x" * 11, headers={"upload-offset": "0"}).status_code == 400
    assert server.http.delete(place).status_code == 204
    assert server.http.head(place).headers["upload-offset"] == "0"


def test_a_connection_that_breaks_leaves_nothing_of_an_upload(server: Running) -> None:
    run_keeper(server, "deleted")
    before = len(files_on_disk(server))
    url = server.value("mutation", "pictures:upload_url")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        head = f"POST {url} HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n"
        client.sendall(head.encode() + os.urandom(2_000_000))
        for _ in range(1000):
            if len(files_on_disk(server)) > before:
                break
            server.http.get("/version")
    for _ in range(1000):
        if len(files_on_disk(server)) == before:
            break
        server.http.get("/version")
    assert len(files_on_disk(server)) == before
    assert server.http.post(url, content=b"second try").status_code == 200


def test_what_a_crash_left_behind_is_removed_in_time(server: Running) -> None:
    files = server.deployment.settings.data / "files"
    id = store(server, b"kept")
    orphan, young = files / "ab" / ("ab" + "0" * 30), files / "cd" / ("cd" + "0" * 30)
    partial = files / "partial" / ("ef" + "0" * 30)
    for file in (orphan, young, partial):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"left")
    for file in (orphan, partial):
        os.utime(file, (0, 0))
    assert run_keeper(server, "left over") == 2
    assert (orphan.exists(), young.exists(), partial.exists()) == (False, True, False)
    assert server.http.get(url_of(server, id)).text == "kept"


def test_other_addresses_and_methods_are_refused(server: Running) -> None:
    assert server.http.get("/api/storage/nothing").json()["code"] == "InvalidStoragePath"
    missing = "00000000-0000-4000-a000-000000000000"
    assert server.http.get(f"/api/storage/{missing}").status_code == 404
    assert server.http.put(f"/api/storage/{missing}").headers["allow"] == "GET, HEAD"
    assert server.http.get("/api/storage/upload").status_code == 405
    allowed = server.http.options(
        "/api/storage/upload",
        headers={"origin": "https://a.example", "access-control-request-headers": "digest,content-type"},
    )
    assert allowed.headers["access-control-allow-headers"] == "digest,content-type"
    assert allowed.headers["access-control-allow-origin"] == "*"


def test_a_live_query_hears_of_a_deletion(server: Running) -> None:
    id = store(server, b"watched")
    request = f"GET /api/watch/pictures:url?args=%7B%22file%22:%22{id}%22%7D HTTP/1.1\r\nhost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(request.encode())
        text = b""
        while b'data: "/api/storage/' not in text:
            text += client.recv(65_536)
        server.value("mutation", "pictures:delete", file=id)
        while b"data: null" not in text:
            text += client.recv(65_536)


def test_too_many_uploads_are_told_to_come_back(tmp_path: Path) -> None:
    with running(tmp_path, FILES, limits={"uploads_running": 1}) as server:
        first = server.value("mutation", "pictures:upload_url")
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            head = "host: x\r\nconnection: close\r\ncontent-length: 3\r\nexpect: 100-continue"
            client.sendall(f"POST {first} HTTP/1.1\r\n{head}\r\n\r\n".encode())
            assert client.recv(65_536).startswith(b"HTTP/1.1 100")  # it is under way
            answer = upload(server, b"second")
            assert answer.status_code == 503 and "uploads running" in answer.json()["message"]
            client.sendall(b"abc")
            assert b"storageId" in read_to_end(client)
        assert upload(server, b"third").status_code == 200


def test_a_slow_upload_goes_on_and_a_stalled_one_ends(tmp_path: Path) -> None:
    with running(tmp_path, FILES) as server:
        gateway = server.deployment.gateway
        now = server.call(lambda: gateway.wheel.now)
        slow, stalled = (server.value("mutation", "pictures:upload_url") for _ in range(2))
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(
                f"POST {slow} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 400000\r\n\r\n".encode()
            )
            for turn in range(4):
                server.turn_wheel(now + 50 * turn)
                client.sendall(b"x" * 100_000)
                server.http.get("/version")  # Answered behind what came before it on the loop.
            assert b"storageId" in read_to_end(client)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(f"POST {stalled} HTTP/1.1\r\nhost: x\r\ncontent-length: 400000\r\n\r\nx".encode())
            server.http.get("/version")
            server.turn_wheel(now + 500)
            assert read_to_end(client) == b""
        assert server.http.post(stalled, content=b"again").status_code == 200
