"""The connection is lost and comes back: the page says so, and nothing is lost or doubled."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from support.browser import Gate, OpenWindow, Server, free_port
from support.chat_page import ChatPage, fill_channel

pytestmark = pytest.mark.browser

LOST = r"WebSocket connection to .* failed"


def test_the_page_says_connecting_until_it_is_live(chat: Server, open_window: OpenWindow) -> None:
    def astray(page: Page) -> None:
        # Until `arrive` is set, sockets are opened to a port where nobody listens.
        page.add_init_script(
            "const Real = WebSocket;"
            "globalThis.WebSocket = class extends Real {"
            f"  constructor(url) {{ super(globalThis.arrive ? url : 'ws://127.0.0.1:{free_port()}') }}"
            "}"
        )

    ada = ChatPage(open_window(f"{chat.url}/#state", before=astray))
    ada.wait_for("connecting")
    expect(ada.connection).to_have_text("Connecting")
    ada.window.picture("connecting")
    ada.page.evaluate("globalThis.arrive = true")
    ada.wait_for("live")
    expect(ada.connection).to_have_text("Live")
    ada.window.excuse(LOST)


def test_after_the_server_is_killed_and_restarted_all_is_as_before_and_what_was_written_is_sent_once(
    own_chat: Server, open_window: OpenWindow
) -> None:
    said = fill_channel(own_chat, "general", 3)
    ada = ChatPage(open_window(own_chat.url))
    grace = ChatPage(open_window(own_chat.url))
    ada.introduce("Ada")
    grace.introduce("Grace")
    ada.write("Before the fall")
    grace.expect_bodies([*said, "Before the fall"])

    own_chat.kill()
    for window in (ada, grace):
        window.wait_for("reconnecting")
    ada.write("Written while away")
    expect(ada.sending).to_have_count(1)
    expect(ada.page.locator("#lost")).to_contain_text("1 message is sent when it is back.")
    ada.window.picture("reconnecting")

    own_chat.start()
    for window in (ada, grace):
        window.wait_for("live")
        window.expect_bodies([*said, "Before the fall", "Written while away"])
        expect(window.page.locator("#lost")).to_be_hidden()
    expect(ada.sending).to_have_count(0)
    ada.window.picture("live-again")

    grace.write("Still here")
    ada.expect_bodies([*said, "Before the fall", "Written while away", "Still here"])
    for window in (ada, grace):
        window.window.excuse(LOST)


def test_a_process_that_dies_is_replaced_and_windows_go_on(own_chat: Server, open_window: OpenWindow) -> None:
    ada = ChatPage(open_window(own_chat.url))
    ada.introduce("Ada")
    ada.write("Before the crash")
    expect(ada.sending).to_have_count(0)
    own_chat.crash()
    ada.wait_for("reconnecting")
    ada.write("During it")
    ada.wait_for("live")
    expect(ada.sending).to_have_count(0)
    ada.expect_bodies(["Before the crash", "During it"])
    ada.window.excuse(LOST)


def test_a_message_whose_answer_was_lost_with_the_server_is_stored_once(
    own_chat: Server, open_window: OpenWindow
) -> None:
    gate = Gate()
    ada = ChatPage(open_window(own_chat.url, before=gate.watch))
    grace = ChatPage(open_window(own_chat.url))
    ada.introduce("Ada")
    ada.wait_until_loaded()

    gate.shut()
    ada.write("Committed, but never acknowledged")
    grace.expect_bodies(["Committed, but never acknowledged"])
    own_chat.kill()
    grace.wait_for("reconnecting")
    ada.wait_for("reconnecting")
    expect(ada.sending).to_have_count(1)
    gate.forget()
    own_chat.start()

    for window in (ada, grace):
        window.wait_for("live")
        window.expect_bodies(["Committed, but never acknowledged"])
    expect(ada.sending).to_have_count(0)
    for window in (ada, grace):
        window.window.excuse(LOST)
