"""The package and examples/todo, built; a server and a browser per file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from support.browser import CHROMIUM, PATIENCE, Windows
from support.node import node_modules
from support.todo import EXAMPLE, PACKAGE, TodoServer, npm

__all__ = ["node_modules"]


@pytest.fixture(scope="session")
def package() -> Path:
    """packages/auth, built from its sources."""
    npm(PACKAGE, "build")
    return PACKAGE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def todo(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TodoServer]:
    npm(EXAMPLE, "build")
    server = TodoServer(tmp_path_factory.mktemp("todo"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def windows(browser: Browser) -> Iterator[Windows]:
    opened = Windows(browser)
    yield opened
    opened.close()
