"""One browser and one server per file of tests; each test uses channels of its own.

Not for longer than a file: while Playwright runs, its event loop keeps others in the process from running theirs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from support.browser import CHROMIUM, PATIENCE, REPOSITORY, OpenWindow, Server, Windows

CHAT = REPOSITORY / "examples" / "chat"
CHAT_REACT = REPOSITORY / "examples" / "chat-react"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture
def open_window(browser: Browser) -> Iterator[OpenWindow]:
    windows = Windows(browser)
    yield windows.open
    windows.close()


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(CHAT, tmp_path_factory.mktemp("chat"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_chat(tmp_path: Path) -> Iterator[Server]:
    """A server for one test alone, which may kill it."""
    server = Server(CHAT, tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def chat_react(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The React example, built and served by Syncline itself."""
    build = ["npm", "run", "--silent", "build"]
    done = subprocess.run(build, cwd=CHAT_REACT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"npm run build failed (npm ci first?):\n{done.stdout}{done.stderr}"
    server = Server(CHAT_REACT, tmp_path_factory.mktemp("chat-react"))
    server.start()
    yield server
    server.kill()
