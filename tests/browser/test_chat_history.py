"""Paginated history stays whole: no gaps, no duplicates, and the reader's place, whatever is written meanwhile."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.browser import OpenWindow, Server
from support.chat_page import ChatPage, fill_channel

pytestmark = pytest.mark.browser


def test_scrolling_up_loads_the_whole_history_once(chat: Server, open_window: OpenWindow) -> None:
    said = fill_channel(chat, "history", 130)
    ada = ChatPage(open_window(f"{chat.url}/#history"))
    expect(ada.rows.last).to_contain_text("message 129")
    assert ada.rows.count() < 130
    ada.to_the_beginning()
    ada.expect_bodies(said)
    ada.window.picture("history-beginning")


def test_messages_written_while_scrolling_leave_no_gap(chat: Server, open_window: OpenWindow) -> None:
    said = fill_channel(chat, "moving-history", 90)
    ada = ChatPage(open_window(f"{chat.url}/#moving-history"))
    expect(ada.rows.last).to_contain_text("message 89")
    ada.page.hover("#scroller")
    for burst in range(8):
        said += fill_channel(chat, "moving-history", 4, first=90 + 4 * burst)
        ada.page.mouse.wheel(0, -1_000)
    ada.to_the_beginning()
    ada.expect_bodies(said)


def test_a_first_page_that_grows_far_beyond_its_size_stays_whole(
    chat: Server, open_window: OpenWindow
) -> None:
    """Beyond twice its size the client splits a page in two, at a cursor that the server names."""
    said = fill_channel(chat, "growing", 40)
    ada = ChatPage(open_window(f"{chat.url}/#growing"))
    expect(ada.rows.last).to_contain_text("message 39")
    ada.to_the_beginning()
    said += fill_channel(chat, "growing", 120, first=40)
    ada.expect_bodies(said)
    ada.introduce("Ada")
    ada.write("one more, on top of a split page")
    ada.expect_bodies([*said, "one more, on top of a split page"])
    expect(ada.sending).to_have_count(0)


def test_a_reader_of_old_messages_is_not_moved_by_new_ones(chat: Server, open_window: OpenWindow) -> None:
    fill_channel(chat, "place", 80)
    ada = ChatPage(open_window(f"{chat.url}/#place"))
    ada.to_the_beginning()
    reading = ada.page.get_by_text("message 7", exact=True)
    reading.scroll_into_view_if_needed()
    before = reading.bounding_box()
    fill_channel(chat, "place", 3, first=80)

    jump = ada.page.get_by_role("button", name="3 new messages")
    expect(jump).to_be_visible()
    assert reading.bounding_box() == before
    ada.window.picture("new-messages-below")
    jump.click()
    expect(ada.page.get_by_text("message 82", exact=True)).to_be_in_viewport()
    expect(jump).to_be_hidden()
