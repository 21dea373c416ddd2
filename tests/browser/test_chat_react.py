"""examples/chat-react, built by Vite and served by Syncline: the official hooks, unchanged."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from support.browser import Gate, OpenWindow, Server
from support.chat_page import fill_channel

pytestmark = pytest.mark.browser


def bodies(page: Page) -> Locator:
    return page.locator(".messages .body")


def open_channel(page: Page, name: str) -> None:
    page.get_by_label("Name of a new channel").fill(name)
    page.get_by_label("Name of a new channel").press("Enter")
    expect(page.get_by_role("button", name=f"#{name}")).to_have_attribute("aria-current", "true")


def write(page: Page, author: str, body: str) -> None:
    page.get_by_label("Your name").fill(author)
    page.get_by_label("Message", exact=True).fill(body)
    page.get_by_label("Message", exact=True).press("Enter")


def test_two_windows_converge_with_the_official_hooks(chat_react: Server, open_window: OpenWindow) -> None:
    ada = open_window(chat_react.url)
    grace = open_window(chat_react.url, dark=True, size=(360, 740))
    for window in (ada, grace):
        expect(window.page.get_by_role("status")).to_have_text("Live")
        open_channel(window.page, "react")

    write(ada.page, "Ada", "useMutation says hello")
    expect(bodies(grace.page)).to_have_text(["useMutation says hello"])
    write(grace.page, "Grace", "usePaginatedQuery heard it")
    newest_first = ["usePaginatedQuery heard it", "useMutation says hello"]
    expect(bodies(ada.page)).to_have_text(newest_first)
    expect(bodies(grace.page)).to_have_text(newest_first)
    assert grace.page.evaluate("document.documentElement.scrollWidth") <= 360
    ada.picture("react-light")
    grace.picture("react-phone-dark")


def test_an_optimistic_update_is_shown_and_replaced(chat_react: Server, open_window: OpenWindow) -> None:
    gate = Gate()
    window = open_window(chat_react.url, before=gate.watch)
    page = window.page
    open_channel(page, "react-optimistic")
    fill_channel(chat_react, "react-optimistic", 1)
    expect(bodies(page)).to_have_text(["message 0"])

    gate.shut()
    write(page, "Ada", "shown before the answer")
    expect(page.locator("li.sending .body")).to_have_text(["shown before the answer"])
    gate.open()
    expect(page.locator("li.sending")).to_have_count(0)
    expect(bodies(page)).to_have_text(["shown before the answer", "message 0"])


def test_load_more_reaches_the_first_message_across_inserts(
    chat_react: Server, open_window: OpenWindow
) -> None:
    said = fill_channel(chat_react, "react-history", 75)
    page = open_window(chat_react.url).page
    open_channel(page, "react-history")
    expect(bodies(page).first).to_have_text("message 74")
    said += fill_channel(chat_react, "react-history", 3, first=75)
    begins = page.get_by_text("This is where the channel begins.")
    more = page.get_by_role("button", name="Load older messages")
    while not begins.is_visible():
        page.locator(".messages").evaluate("(element) => element.scrollTo(0, -element.scrollHeight)")
        expect(begins.or_(more)).to_be_visible()
        said += fill_channel(chat_react, "react-history", 1, first=len(said))
    expect(bodies(page)).to_have_text(list(reversed(said)))
