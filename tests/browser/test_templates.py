"""The page of the templates at different sizes and in different lights, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from support.browser import OpenWindow, Server
from support.processes import syncline

pytestmark = pytest.mark.browser

TITLES = (
    "Water the plants",
    "Call Ada about the workshop, and ask whether the room with the large table is free on Thursday",
    "Buy oat milk",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("projects")
    assert syncline("new", "my-shop", "--template", "html", folder=folder).returncode == 0
    server = Server(folder / "my-shop", tmp_path_factory.mktemp("data"))
    server.start()
    for title in TITLES:
        task = server.call("mutation", "tasks:add", title=title)
        server.call("mutation", "tasks:set_done", task=task, done=title == TITLES[1])
    yield server
    server.kill()


@pytest.mark.parametrize("size", [(1180, 760), (360, 740)], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_fits_any_window(
    shop: Server, open_window: OpenWindow, size: tuple[int, int], dark: bool
) -> None:
    window = open_window(shop.url, size=size, dark=dark, touch=size[0] < 500)
    page = window.page
    expect(page.get_by_role("status")).to_have_text("Live")
    expect(page.get_by_role("checkbox")).to_have_count(len(TITLES))
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    window.picture(f"template-{'phone' if size[0] < 500 else 'desktop'}-{'dark' if dark else 'light'}")


def test_a_page_is_used_by_keyboard_alone(shop: Server, open_window: OpenWindow) -> None:
    page = open_window(shop.url).page
    expect(page.get_by_role("checkbox")).to_have_count(len(TITLES))
    page.keyboard.press("Tab")
    page.keyboard.type("From the keyboard")
    page.keyboard.press("Enter")
    box = page.get_by_role("checkbox", name="From the keyboard")
    expect(box).not_to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_text("2 open, 2 done")).to_be_visible()
    expect(box).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(box).to_have_count(0)
    expect(page.get_by_label("New task")).to_be_focused()


def test_without_the_client_the_page_says_how_to_get_it(shop: Server, open_window: OpenWindow) -> None:
    def withhold(page: Page) -> None:
        page.route("**/_syncline/convex.js", lambda route: route.fulfill(status=404, body=""))

    window = open_window(shop.url, before=withhold)
    expect(window.page.get_by_role("alert")).to_contain_text("fetch it once with make bundle")
    expect(window.page.get_by_role("status")).to_have_text("Not connected")
    window.picture("template-without-client")
    window.excuse("404|convex")
