"""What the tests of this folder stand on: programs that serve, and windows of a real browser.

They need `pip install playwright && playwright install chromium`, and run with `pytest e2e`.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PROJECT = Path(__file__).resolve().parents[1]
SYNCLINE = str(Path(sys.executable).with_name("syncline"))
SECONDS = 60

#: Starts a program that serves, in a folder of the project, and returns the address that it prints.
Start = Callable[..., str]
#: Opens an address in a window of its own: two windows are two people.
OpenPage = Callable[[str], Page]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    running = list[subprocess.Popen[bytes]]()

    def start_program(command: Sequence[str], folder: str = ".", **variables: str) -> str:
        log = tmp_path_factory.mktemp("log") / "output.txt"
        with log.open("wb") as output:
            program = subprocess.Popen(
                command,
                cwd=PROJECT / folder,
                env={**os.environ, **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        running.append(program)
        return address_in(log, program)

    yield start_program
    for program in reversed(running):
        program.terminate()
        program.wait(SECONDS)


@pytest.fixture(scope="session")
def syncline_dev(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Starts `syncline dev` on a free port, with an empty database that is thrown away afterwards."""

    def start_server(*options: str, **variables: str) -> str:
        data = tmp_path_factory.mktemp("data")
        return start([SYNCLINE, "dev", "--port", "0", "--data", str(data), *options], **variables)

    return start_server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # A Chromium or Chrome of this machine, or else the one of `playwright install chromium`.
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    expect.set_options(timeout=20_000)  # a busy machine takes its time
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=installed)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """A page with an error that nobody caught fails its test."""
    contexts = list[BrowserContext]()
    uncaught = list[str]()

    def open_address(url: str) -> Page:
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: uncaught.append(str(error)))
        page.goto(url)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert uncaught == []


def address_in(log: Path, program: subprocess.Popen[bytes]) -> str:
    """The first address that a program prints, once it answers there."""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        found = re.search(r"http://(127\.0\.0\.1|localhost):(\d+)", log.read_text())
        if found and accepts_connections(found[1], int(found[2])):
            return found[0]
        assert program.poll() is None, f"it ended:\n{log.read_text()}"
        time.sleep(0.05)
    raise AssertionError(f"no address within {SECONDS} s:\n{log.read_text()}")


def accepts_connections(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
