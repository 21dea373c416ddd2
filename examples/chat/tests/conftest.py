"""The chat on a server of its own, in a folder that is thrown away, for the official Python client to reach."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CHAT = Path(__file__).parents[1]
SYNCLINE = str(Path(sys.executable).with_name("syncline"))


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    data = tmp_path_factory.mktemp("chat") / "data"
    command = [SYNCLINE, "start", "--port", str(port), "--data", str(data)]
    with subprocess.Popen(command, cwd=CHAT) as server:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, server)
        yield address
        server.terminate()


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        assert server.poll() is None, "the server ended; its output says why"
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not become ready in 20 s")
