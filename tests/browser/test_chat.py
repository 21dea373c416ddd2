"""examples/chat in Chromium: two windows, optimistic sending, channels, names, and the page's own promises."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from support.browser import REPOSITORY, Gate, OpenWindow, Server
from support.chat_page import ChatPage, fill_channel

pytestmark = pytest.mark.browser

SITE = REPOSITORY / "examples" / "chat" / "site"


def test_two_windows_show_the_same_messages(chat: Server, open_window: OpenWindow) -> None:
    ada = ChatPage(open_window(f"{chat.url}/#two-windows"))
    grace = ChatPage(open_window(f"{chat.url}/#two-windows", dark=True))
    ada.introduce("Ada")
    grace.introduce("Grace Hopper")

    ada.write("Hello from the first window")
    grace.expect_bodies(["Hello from the first window"])
    grace.write("Hello from the second")
    ada.write("And back: https://example.com/notes")

    said = ["Hello from the first window", "Hello from the second", "And back: https://example.com/notes"]
    expect(ada.rows).to_have_count(3)
    expect(grace.rows).to_have_count(3)
    assert ada.bodies() == grace.bodies()
    assert sorted(ada.bodies()) == sorted(said)
    expect(grace.page.locator("#channel-count")).to_have_text("3 messages")
    expect(grace.page.get_by_role("link", name="https://example.com/notes")).to_be_visible()
    ada.window.picture("two-windows-light")
    grace.window.picture("two-windows-dark")


def test_a_message_is_shown_at_once_and_becomes_the_stored_one(chat: Server, open_window: OpenWindow) -> None:
    gate = Gate()
    ada = ChatPage(open_window(f"{chat.url}/#optimistic", before=gate.watch))
    ada.introduce("Ada")
    fill_channel(chat, "optimistic", 2)
    ada.expect_bodies(["message 0", "message 1"])

    gate.shut()
    ada.write("Shown before the server answers")
    ada.expect_bodies(["message 0", "message 1", "Shown before the server answers"])
    expect(ada.sending).to_have_count(1)
    ada.window.picture("optimistic-sending")
    ada.page.evaluate("() => { globalThis.row = document.querySelector('#messages > li.sending') }")

    gate.open()
    expect(ada.sending).to_have_count(0)
    ada.expect_bodies(["message 0", "message 1", "Shown before the server answers"])
    assert ada.page.evaluate("() => globalThis.row === document.querySelector('#messages').lastChild")
    assert ada.rows.last.get_attribute("data-id") not in (None, "sending-1")


def test_messages_sent_together_keep_their_order(chat: Server, open_window: OpenWindow) -> None:
    gate = Gate()
    ada = ChatPage(open_window(f"{chat.url}/#in-order", before=gate.watch))
    ada.introduce("Ada")
    ada.wait_until_loaded()

    gate.shut()
    said = [f"line {number}" for number in range(5)]
    for body in said:
        ada.write(body)
    ada.expect_bodies(said)
    gate.open()
    expect(ada.sending).to_have_count(0)
    ada.expect_bodies(said)


def test_a_refused_message_says_why_and_can_be_discarded(chat: Server, open_window: OpenWindow) -> None:
    # No channel can be called "!!!", so the server refuses what is written there.
    ada = ChatPage(open_window(f"{chat.url}/#!!!"))
    ada.introduce("Ada")
    ada.write("into the void")

    refused = ada.page.locator("li.refused")
    expect(refused).to_contain_text("Not sent. A channel's name has 1 to 40 letters, digits and dashes.")
    ada.window.picture("refused")
    refused.get_by_role("button", name="Send again").click()
    expect(refused).to_contain_text("Not sent.")
    refused.get_by_role("button", name="Discard").click()
    expect(ada.rows).to_have_count(0)
    ada.window.excuse(r"\[CONVEX M\(messages:send\)\]")


def test_a_name_is_asked_for_before_the_first_message(chat: Server, open_window: OpenWindow) -> None:
    ada = ChatPage(open_window(f"{chat.url}/#names"))
    ada.write("Who am I?")
    ada.window.picture("name-dialog")
    ada.page.press("#name", "Escape")
    expect(ada.page.locator("#text")).to_have_value("Who am I?")

    ada.page.press("#text", "Enter")
    ada.page.fill("#name", "Ada")
    ada.page.press("#name", "Enter")
    ada.expect_bodies(["Who am I?"])


def test_a_question_for_the_name_that_is_asked_anew_at_once_is_answered(
    chat: Server, open_window: OpenWindow
) -> None:
    ada = ChatPage(open_window(f"{chat.url}/#again"))
    ada.write("Me again")
    expect(ada.page.locator("#name-dialog")).to_be_visible()
    # The event of the first closing comes when the second question is open.
    ada.page.evaluate(
        "document.querySelector('#name-dialog').close(); document.querySelector('#composer').requestSubmit();"
    )
    ada.page.fill("#name", "Ada")
    ada.page.press("#name", "Enter")
    ada.expect_bodies(["Me again"])


def test_a_name_is_kept_and_a_second_tab_can_take_another(chat: Server, open_window: OpenWindow) -> None:
    first = ChatPage(open_window(f"{chat.url}/#tabs"))
    first.introduce("Ada")
    second = ChatPage(open_window(f"{chat.url}/#tabs", context=first.page.context))
    expect(second.page.locator("#you-name")).to_have_text("Ada")
    second.introduce("Grace")
    first.page.reload()
    expect(first.page.locator("#you-name")).to_have_text("Ada")
    second.page.reload()
    expect(second.page.locator("#you-name")).to_have_text("Grace")


def test_a_channel_made_in_one_window_appears_in_the_other(chat: Server, open_window: OpenWindow) -> None:
    ada = ChatPage(open_window(f"{chat.url}/#lobby"))
    grace = ChatPage(open_window(f"{chat.url}/#lobby"))
    ada.introduce("Ada")
    grace.introduce("Grace")

    ada.page.click("#add-channel")
    ada.page.fill("#channel-name", "Field Notes")
    ada.page.press("#channel-name", "Enter")
    expect(ada.page.locator("#channel-title")).to_have_text("field-notes")
    expect(ada.page.locator("#empty")).to_contain_text("Nothing in #field-notes yet")
    ada.window.picture("empty-channel")

    channels = grace.page.get_by_role("navigation", name="Channels")
    expect(channels.get_by_role("link", name="field-notes")).to_be_visible()
    ada.write("Found a fold in the limestone")
    ada.write("Photos tomorrow")
    expect(channels.get_by_role("link", name="field-notes 2 new")).to_be_visible()
    grace.window.picture("unread-badge")
    channels.get_by_role("link", name="field-notes").click()
    grace.expect_bodies(["Found a fold in the limestone", "Photos tomorrow"])
    expect(channels.get_by_role("link", name="field-notes", exact=True)).to_have_attribute(
        "aria-current", "page"
    )


def test_each_channel_keeps_its_own_draft(chat: Server, open_window: OpenWindow) -> None:
    ada = ChatPage(open_window(f"{chat.url}/#drafts-one"))
    ada.page.fill("#text", "half a thought")
    ada.page.evaluate("location.hash = '#drafts-two'")
    expect(ada.page.locator("#text")).to_have_value("")
    ada.page.evaluate("location.hash = '#drafts-one'")
    expect(ada.page.locator("#text")).to_have_value("half a thought")


def test_markup_in_a_message_is_shown_as_text(chat: Server, open_window: OpenWindow) -> None:
    body = "<img src=x onerror=alert(1)> & <b>bold</b>"
    chat.call("mutation", "messages:send", channel="markup", author="<i>Eve</i>", body=body)
    ada = ChatPage(open_window(f"{chat.url}/#markup"))
    ada.expect_bodies([body])
    expect(ada.page.locator(".author")).to_have_text("<i>Eve</i>")
    expect(ada.page.locator("#messages img, #messages b")).to_have_count(0)


def test_on_a_phone_the_page_fits_and_the_channels_are_in_a_drawer(
    chat: Server, open_window: OpenWindow
) -> None:
    said = fill_channel(chat, "phone", 12)
    ada = ChatPage(open_window(f"{chat.url}/#phone", size=(360, 740), touch=True))
    ada.expect_bodies(said)
    ada.window.picture("phone")
    assert ada.page.evaluate("document.documentElement.scrollWidth") <= 360

    side = ada.page.locator("#side")
    expect(side).not_to_be_in_viewport()
    ada.page.tap("#menu")
    expect(side).to_be_in_viewport()
    ada.window.picture("phone-drawer")
    ada.page.keyboard.press("Escape")
    expect(side).not_to_be_in_viewport()
    expect(ada.page.locator("#menu")).to_be_focused()

    ada.page.fill("#text", "From the train")
    ada.page.tap(".send")
    ada.page.fill("#name", "Ada")
    ada.page.get_by_role("button", name="Use this name").tap()
    ada.expect_bodies([*said, "From the train"])
    assert ada.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_the_bundle_the_page_says_how_to_get_it(chat: Server, open_window: OpenWindow) -> None:
    def withhold(page: Page) -> None:
        def refuse(route: Route) -> None:
            route.fulfill(status=404, body="")

        page.route("**/_syncline/convex.js", refuse)

    window = open_window(chat.url, before=withhold)
    notice = window.page.locator("#no-bundle")
    expect(notice).to_contain_text("One file is missing: the browser client")
    expect(notice.locator("pre code")).to_have_text("make bundle")
    expect(notice).to_contain_text("with pip install ., do so again")
    window.picture("without-bundle")
    window.excuse("404")


def test_the_page_holds_no_inline_script_or_style() -> None:
    markup = (SITE / "index.html").read_text()
    assert "Content-Security-Policy" in markup
    assert re.findall(r"<script(?![^>]*\bsrc=)", markup) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", markup) == []
    scripts = "".join(path.read_text() for path in sorted(SITE.glob("js/*.js")))
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function", scripts) == []
