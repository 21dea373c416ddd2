"""What browser tests stand on: a server process, windows that remember every complaint, a gate in the socket."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    WebSocketRoute,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENSHOTS = REPOSITORY / "test-results"
CHROMIUM = "/usr/bin/chromium"
COMMAND = str(Path(sys.executable).with_name("syncline"))

#: How long (seconds) anything that must happen may take before the test fails.
PATIENCE = 20.0


def wait_until(holds: Callable[[], bool], complaint: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(complaint())
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """`syncline start` (or `dev`) for one application: its supervisor and the process that serves."""

    def __init__(self, application: Path, data: Path, *, command: str = "start") -> None:
        self.application = application
        self.data = data
        self.command = command
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts and waits until the server says that it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self._log().open("ab") as log:
            self._process = subprocess.Popen(
                [COMMAND, self.command, "--port", str(self.port), "--data", str(self.data / "db")],
                cwd=self.application,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._is_ready, lambda: f"the server did not become ready:\n{self._log().read_text()}")

    def kill(self) -> None:
        """Ends the supervisor and the process that serves, at once, as a power cut would."""
        if self._process is not None:
            for process in (self._process.pid, *self._serving()):
                os.kill(process, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def crash(self) -> None:
        """Ends the process that serves. Its supervisor lives, and starts another."""
        [serving] = self._serving()
        os.kill(serving, signal.SIGKILL)

    def _serving(self) -> list[int]:
        """The processes that the supervisor has started."""
        assert self._process is not None
        found: list[int] = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = status.read_text().rpartition(")")[2].split()[1]
            except OSError:  # It has ended since.
                continue
            if int(parent) == self._process.pid:
                found.append(int(status.parent.name))
        return found

    def call(self, kind: str, function: str, **arguments: object) -> object:
        """Calls a function over HTTP: `call("mutation", "messages:send", channel="general", ...)`."""
        body = json.dumps({"path": function, "args": arguments, "format": "json"}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/{kind}", body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            answer = json.load(response)
        assert answer["status"] == "success", answer
        result: object = answer["value"]
        return result

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended:\n{self._log().read_text()}"
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _log(self) -> Path:
        return self.data / "server.log"


@dataclass
class Window:
    """A page, and everything that it or its browser complained about."""

    page: Page
    problems: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (event) => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))"
        )

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def excuse(self, pattern: str) -> None:
        """Forgets complaints that a test brought about on purpose."""
        self.problems[:] = [text for text in self.problems if not re.search(pattern, text)]

    def picture(self, name: str) -> None:
        """Saves what the window shows, once it has loaded and its transitions have ended, for people to look at.

        Chromium cannot take a picture while it moves to another page: a test that clicked a link or sent a form
        expects something of the next page first.
        """
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.wait_for_load_state()
        path = SCREENSHOTS / f"{name}.png"
        try:
            self.page.screenshot(path=path, animations="disabled")
        except Error as error:
            # Chromium without a graphics card fails now and then, on a busy machine, and not again.
            if "Unable to capture screenshot" not in str(error):
                raise
            self.page.screenshot(path=path, animations="disabled")


class OpenWindow(Protocol):
    """Opens a window of its own (or, given a context, another tab of that one)."""

    def __call__(
        self,
        url: str,
        *,
        size: tuple[int, int] = (1180, 760),
        dark: bool = False,
        touch: bool = False,
        context: BrowserContext | None = None,
        before: Callable[[Page], object] | None = None,
    ) -> Window: ...


class Windows:
    """Opens windows, and at the end closes them and fails the test if any of them complained."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._windows: list[Window] = []

    def open(
        self,
        url: str,
        *,
        size: tuple[int, int] = (1180, 760),
        dark: bool = False,
        touch: bool = False,
        context: BrowserContext | None = None,
        before: Callable[[Page], object] | None = None,
    ) -> Window:
        if context is None:
            context = self._browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
                has_touch=touch,
                is_mobile=touch,
                device_scale_factor=2 if touch else 1,
                locale="en-GB",
            )
            context.set_default_timeout(PATIENCE * 1000)
            self._contexts.append(context)
        window = Window(context.new_page())
        self._windows.append(window)
        if before is not None:
            before(window.page)
        window.page.goto(url)
        return window

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        complaints = [problem for window in self._windows for problem in window.problems]
        assert complaints == [], f"a page complained: {complaints}"


class Gate:
    """Stands in a page's socket. While shut it keeps back what the server says; the page can still speak.

    Give `watch` to `open_window(before=...)`.
    """

    def __init__(self) -> None:
        self._shut = False
        self._kept: list[str | bytes] = []
        self._page_side: WebSocketRoute | None = None

    def watch(self, page: Page) -> None:
        page.route_web_socket(re.compile(r"/sync$"), self._connected)

    def shut(self) -> None:
        self._shut = True

    def open(self) -> None:
        """Lets everything through that was kept back, in order."""
        self._shut = False
        kept, self._kept = self._kept, []
        for message in kept:
            self._deliver(message)

    def forget(self) -> None:
        """Opens without letting through what was kept back: it died with its connection."""
        self._kept.clear()
        self._shut = False

    def _connected(self, page_side: WebSocketRoute) -> None:
        self._page_side = page_side
        page_side.connect_to_server().on_message(self._deliver)

    def _deliver(self, message: str | bytes) -> None:
        assert self._page_side is not None
        if self._shut:
            self._kept.append(message)
        else:
            self._page_side.send(message)
