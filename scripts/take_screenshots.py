"""Take the screenshots of README and documentation: two windows of the chat.

Needs what the tests need (`make test` installs it): Playwright, /usr/bin/chromium and the browser client.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The tests' own helpers: what drives the pages there shows them here.
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import Browser, expect, sync_playwright  # noqa: E402 - behind the line above

from support.browser import CHROMIUM, Server  # noqa: E402 - as above
from support.chat_page import ChatPage  # noqa: E402 - as above

IMAGES = ROOT / "docs" / "images"
SIZE = 1000, 620
TALK = [
    ("Ada", "The list of open questions is in the channel description."),
    ("Grace", "I see it. Does everybody see it change at the same moment?"),
    ("Ada", "Yes: one transaction, one timestamp, every window."),
]


class _Window:
    """A page as ChatPage wants it."""

    def __init__(self, browser: Browser, url: str) -> None:
        context = browser.new_context(
            viewport={"width": SIZE[0], "height": SIZE[1]}, device_scale_factor=1, color_scheme="light"
        )
        self.page = context.new_page()
        self.page.goto(url)


def chat(browser: Browser) -> None:
    folder = Path(tempfile.mkdtemp())
    server = Server(ROOT / "examples" / "chat", folder)
    server.start()
    try:
        pages: dict[str, ChatPage] = {}
        for name in ("Ada", "Grace"):
            page = ChatPage(_Window(browser, server.url))  # type: ignore[arg-type]  # it uses `page` alone
            page.wait_for("live")
            page.introduce(name)
            pages[name] = page
        for number, (name, body) in enumerate(TALK, 1):
            pages[name].write(body)
            for page in pages.values():
                page.expect_bodies([said for _, said in TALK[:number]])
        for name, page in pages.items():
            expect(page.sending).to_have_count(0)
            page.page.screenshot(path=IMAGES / f"chat-{name.lower()}.png")
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        chat(browser)
        browser.close()


if __name__ == "__main__":
    main()
