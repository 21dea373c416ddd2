"""The page in a real browser, served by `syncline dev`."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[[str], Page]


@pytest.fixture(scope="session")
def url(syncline_dev: Callable[..., str]) -> str:
    return syncline_dev()


def introduce(page: Page, name: str) -> None:
    page.get_by_role("button", name="Choose a name").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Use this name").click()


def write(page: Page, body: str) -> None:
    page.get_by_label("Message", exact=True).fill(body)
    page.get_by_role("button", name="Send").click()


def test_two_people_talk(url: str, open_page: OpenPage) -> None:
    ada, grace = open_page(url), open_page(url)
    expect(grace.get_by_role("status")).to_have_text("Live")
    introduce(ada, "Ada")
    introduce(grace, "Grace")

    write(ada, "are you there?")
    expect(grace.get_by_role("region", name="Messages")).to_contain_text("are you there?")
    write(grace, "always")
    expect(ada.get_by_role("region", name="Messages")).to_contain_text("always")


def test_a_channel_that_one_makes_the_other_one_has(url: str, open_page: OpenPage) -> None:
    ada, grace = open_page(url), open_page(url)
    ada.get_by_role("button", name="New channel").click()
    ada.get_by_label("Name of the new channel").fill("Field Notes")
    ada.get_by_label("Name of the new channel").press("Enter")
    expect(grace.get_by_role("navigation", name="Channels")).to_contain_text("field-notes")
