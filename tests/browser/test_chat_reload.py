"""`syncline dev` with a window open: saved code shows in the window, and its socket stays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.browser import REPOSITORY, OpenWindow, Server
from support.chat_page import ChatPage

pytestmark = pytest.mark.browser


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Server]:
    """A copy of the chat, for a test to change."""
    ignored = shutil.ignore_patterns("__pycache__", ".syncline", "tests")
    copy = shutil.copytree(REPOSITORY / "examples" / "chat", tmp_path / "chat", ignore=ignored)
    server = Server(copy, tmp_path / "data", command="dev")
    server.start()
    yield server
    server.kill()


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_saved_code_reaches_an_open_window_over_the_same_socket(dev: Server, open_window: OpenWindow) -> None:
    sockets: list[str] = []

    def listen(page: Page) -> None:
        page.on("websocket", lambda opened: sockets.append(opened.url))

    ada = ChatPage(open_window(dev.url, before=listen))
    ada.introduce("Ada")
    ada.write("before the change")
    expect(ada.sending).to_have_count(0)

    messages = dev.application / "backend" / "messages.py"
    change(messages, '"author": author.name,', '"author": author.name.upper(),')
    expect(ada.page.locator(".author")).to_have_text("ADA")

    # Code that does not load changes nothing: the version before goes on serving.
    change(messages, "author.name.upper()", "author.name.upper(")
    ada.write("while the code is broken")
    ada.expect_bodies(["before the change", "while the code is broken"])
    expect(ada.sending).to_have_count(0)
    change(messages, "author.name.upper(", "author.name.title()")
    expect(ada.page.locator(".author").first).to_have_text("Ada")
    assert len(sockets) == 1


def test_a_new_field_with_a_default_is_there_at_once(dev: Server, open_window: OpenWindow) -> None:
    ada = ChatPage(open_window(dev.url))
    ada.introduce("Ada")
    ada.write("written before the field")
    expect(ada.sending).to_have_count(0)

    backend = dev.application / "backend"
    change(backend / "schema.py", "    body: str\n", '    body: str\n    mood: str = "calm"\n')
    change(backend / "messages.py", '"body": message.body,', '"body": f"{message.body} ({message.mood})",')
    ada.expect_bodies(["written before the field (calm)"])
