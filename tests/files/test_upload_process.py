"""Uploads to a real process: constant memory, a full disk, a kill in the middle."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.applications import write_application
from support.browser import free_port
from support.files_app import FILES

MiB = 1024 * 1024
BLOCK = hashlib.sha256(b"seed").digest() * (MiB // 32)


class Server:
    """`syncline start` on a folder."""

    def __init__(self, folder: Path, *, file_limit: int | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [str(Path(sys.executable).with_name("syncline")), "start", "--port", str(self.port)]
        with (folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=None if file_limit is None else lambda: limit_files(file_limit),
            )
        deadline = time.monotonic() + 40
        while not self._is_ready():
            assert time.monotonic() < deadline and self.process.poll() is None, (
                folder / "server.log"
            ).read_text()
            time.sleep(0.05)
        self.http = httpx.Client(base_url=self.url, timeout=600)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def call(self, kind: str, path: str, **args: object) -> str:
        answer = self.http.post(f"/api/{kind}", json={"path": path, "args": args}).json()
        assert answer["status"] == "success", answer
        value: str = answer["value"]
        return value

    def serving_process(self) -> int:
        """The child of the supervisor."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[-1])

    def peak_memory(self) -> int:
        """The most memory (bytes) that the serving process has had."""
        status = Path(f"/proc/{self.serving_process()}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def files(self) -> list[Path]:
        return [file for file in (self.folder / ".syncline" / "files").rglob("*") if file.is_file()]

    def wait_for_files(self, count: int) -> None:
        """Until there are so many: what did not become a file is removed after its sender was told."""
        end = time.monotonic() + 30
        while len(self.files()) != count:
            assert time.monotonic() < end, self.files()

    def stop(self, number: int = signal.SIGINT) -> None:
        self.http.close()
        self.process.send_signal(number)
        self.process.wait(60)


def limit_files(size: int) -> None:
    """A disk that is full once a file has this size: the kernel refuses to let files grow beyond it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@contextmanager
def serving(folder: Path, *, file_limit: int | None = None) -> Generator[Server]:
    write_application(folder, **FILES)
    (folder / "pyproject.toml").write_text("[tool.syncline]\n")
    server = Server(folder, file_limit=file_limit)
    try:
        yield server
    finally:
        server.stop()


def check_memory(server: Server, megabytes: int) -> None:
    warm = server.call("mutation", "pictures:upload_url")
    server.http.post(warm, content=(BLOCK for _ in range(4)))
    before = server.peak_memory()
    hasher = hashlib.sha256()
    for _ in range(megabytes):
        hasher.update(BLOCK)
    url = server.call("mutation", "pictures:upload_url")
    id = server.http.post(url, content=(BLOCK for _ in range(megabytes))).json()["storageId"]
    digest, size = hashlib.sha256(), 0
    with server.http.stream("GET", server.call("query", "pictures:url", file=id)) as answer:
        for piece in answer.iter_raw():
            digest.update(piece)
            size += len(piece)
    assert size == megabytes * MiB and digest.digest() == hasher.digest()
    assert server.peak_memory() - before < 24 * MiB


def test_an_upload_takes_the_same_memory_whatever_its_length(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        check_memory(server, 64)


@pytest.mark.long
def test_an_upload_of_five_gigabytes_takes_no_more(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        check_memory(server, 5 * 1024)


def test_a_full_disk_refuses_the_upload_and_nothing_else(tmp_path: Path) -> None:
    with serving(tmp_path, file_limit=48 * MiB) as server:
        url = server.call("mutation", "pictures:upload_url")
        answer = server.http.post(url, content=(BLOCK for _ in range(64)))
        assert answer.status_code == 500 and "the file cannot be written to" in answer.json()["message"]
        assert server.http.post(url, content=b"small").status_code == 200
        server.wait_for_files(1)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Generator[bool]:
    """A file system of its own with so much room; False where only the administrator may mount one."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(place)], check=True)


def test_a_file_system_without_room_says_so_and_serves_on(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / ".syncline" / "files", 8) as mounted,
        serving(tmp_path, file_limit=None if mounted else 8 * MiB) as server,
    ):
        message = "there is no room for the file" if mounted else "the file cannot be written to"
        before = server.http.post(server.call("mutation", "pictures:upload_url"), content=BLOCK)
        assert before.status_code == 200
        url = server.call("mutation", "pictures:upload_url")
        refused = server.http.post(url, content=(BLOCK for _ in range(16)))
        assert refused.status_code == (503 if mounted else 500) and message in refused.json()["message"]
        assert refused.headers.get("retry-after") == ("60" if mounted else None)
        server.wait_for_files(1)  # nothing is left of what did not fit
        assert server.http.post(url, content=b"small").status_code == 200
        token = server.call("mutation", "pictures:upload_url").partition("token=")[2]
        content = BLOCK * 16
        begun = server.http.post(
            f"/api/storage/uploads?token={token}", headers={"upload-length": str(len(content))}
        )
        place = begun.headers["location"].removeprefix(server.url)
        part = server.http.patch(place, headers={"upload-offset": "0"}, content=content)
        assert part.status_code == refused.status_code and message in part.json()["message"]
        assert server.http.delete(place).status_code == 204
        server.wait_for_files(2)
        kept = server.call("query", "pictures:url", file=before.json()["storageId"])
        assert server.http.get(kept).content == BLOCK


def test_a_kill_in_the_middle_leaves_an_upload_that_goes_on(tmp_path: Path) -> None:
    content = BLOCK * 12
    with serving(tmp_path) as server:
        token = server.call("mutation", "pictures:upload_url").partition("token=")[2]
        begun = server.http.post(
            f"/api/storage/uploads?token={token}", headers={"upload-length": str(len(content))}
        )
        place = begun.headers["location"].removeprefix(server.url)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            head = f"PATCH {place} HTTP/1.1\r\nhost: x\r\nupload-offset: 0\r\ncontent-length: {len(content)}\r\n\r\n"
            client.sendall(head.encode() + content[: 8 * MiB])
            deadline = time.monotonic() + 30
            while not any(file.stat().st_size >= 4 * MiB for file in server.files()):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.kill(server.serving_process(), signal.SIGKILL)
        deadline = time.monotonic() + 40
        offset = -1
        while offset < 0:  # The supervisor starts another one.
            try:
                offset = int(server.http.head(place).headers["upload-offset"])
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert 4 * MiB <= offset <= 8 * MiB
        done = server.http.patch(place, content=content[offset:], headers={"upload-offset": str(offset)})
        id = json.loads(done.text)["storageId"]
        assert server.http.get(server.call("query", "pictures:url", file=id)).content == content


def test_a_kill_in_the_middle_of_a_whole_upload_leaves_no_file(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        url = server.call("mutation", "pictures:upload_url").removeprefix(server.url)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                f"POST {url} HTTP/1.1\r\nhost: x\r\ncontent-length: {20 * MiB}\r\n\r\n".encode() + BLOCK * 4
            )
            deadline = time.monotonic() + 30
            while not any(file.stat().st_size >= MiB for file in server.files()):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.kill(server.serving_process(), signal.SIGKILL)
        deadline = time.monotonic() + 40
        while True:
            try:
                if server.http.post(url, content=b"again").status_code == 200:
                    break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        # What is left is a part of an upload, which is removed after a day.
        assert [file.parent.name for file in server.files() if file.stat().st_size > 5] == ["partial"]
