"""The built page in a real browser, served by `syncline dev`. Build it first: `npm run build` in web/."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[[str], Page]
SITE = Path(__file__).resolve().parents[1] / "web" / "dist"


@pytest.fixture(scope="session")
def url(syncline_dev: Callable[..., str]) -> str:
    assert (SITE / "index.html").exists(), "there is no built page: run `npm run build` in web/ first"
    return syncline_dev("--site", str(SITE))


def test_what_one_window_does_the_other_one_shows(url: str, open_page: OpenPage) -> None:
    ada, grace = open_page(url), open_page(url)
    expect(grace.get_by_role("status")).to_have_text("Live")

    ada.get_by_label("New task").fill("Write to Grace")
    ada.get_by_label("New task").press("Enter")
    box = grace.get_by_role("checkbox", name="Write to Grace")
    expect(box).not_to_be_checked()

    box.check()
    expect(ada.get_by_role("checkbox", name="Write to Grace")).to_be_checked()
    expect(ada.get_by_text("0 open, 1 done")).to_be_visible()

    ada.get_by_role("button", name="Remove Write to Grace").click()
    expect(grace.get_by_text("Nothing to do.")).to_be_visible()


def test_a_refusal_is_shown(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    page.get_by_label("New task").fill("x" * 201)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_have_text("A title has 1 to 200 characters.")
