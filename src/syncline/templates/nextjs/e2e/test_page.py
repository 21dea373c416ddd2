"""The built page in a real browser, in front of `syncline dev`. Build it first: `npm run build` in web/."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[[str], Page]
WEB = Path(__file__).resolve().parents[1] / "web"


@pytest.fixture(scope="session")
def url(syncline_dev: Callable[..., str], start: Callable[..., str]) -> str:
    assert (WEB / ".next" / "BUILD_ID").exists(), "there is no built page: run `npm run build` in web/ first"
    next_start = "node node_modules/next/dist/bin/next start --hostname 127.0.0.1 --port 0"
    return start(next_start.split(), "web", SYNCLINE_URL=syncline_dev())


def test_what_one_window_does_the_other_one_shows(url: str, open_page: OpenPage) -> None:
    ada, grace = open_page(url), open_page(url)
    for page in (ada, grace):
        expect(page.get_by_role("status")).to_have_text("Live")

    ada.get_by_label("New task").fill("Write to Grace")
    ada.get_by_label("New task").press("Enter")
    box = grace.get_by_role("checkbox", name="Write to Grace")
    expect(box).not_to_be_checked()

    box.check()
    expect(ada.get_by_role("checkbox", name="Write to Grace")).to_be_checked()
    expect(ada.get_by_text("0 open, 1 done")).to_be_visible()

    ada.get_by_role("button", name="Remove Write to Grace").click()
    expect(grace.get_by_text("Nothing to do.")).to_be_visible()


def test_a_page_comes_with_the_tasks_in_it(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    page.get_by_label("New task").fill("Preloaded")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("checkbox", name="Preloaded")).to_be_visible()
    answer = page.request.get(url)
    assert "Preloaded" in answer.text(), "it is in the HTML, before any script has run"
    page.get_by_role("button", name="Remove Preloaded").click()
    expect(page.get_by_text("Nothing to do.")).to_be_visible()


def test_a_refusal_is_shown(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    page.get_by_label("New task").fill("x" * 201)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert").filter(has_text="A title has 1 to 200 characters.")).to_be_visible()
    expect(page.get_by_label("New task")).to_have_value("x" * 201)


def test_a_server_action_asks_an_action_of_the_backend(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    page.get_by_role("button", name="Summarize").click()
    expect(page.get_by_text("Everything is done: 0 of 0.")).to_be_visible()


def test_the_account_needs_a_token_and_a_token_needs_a_backend_that_knows_it(
    url: str, open_page: OpenPage
) -> None:
    page = open_page(f"{url}/account")
    expect(page).to_have_url(f"{url}/sign-in?next=%2Faccount")
    page.get_by_label("Token").fill("made.up.token")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The backend does not accept this token.")).to_be_visible()

    page.context.add_cookies([{"name": "token", "value": "made.up.token", "url": url}])
    page.goto(f"{url}/account")
    expect(page.get_by_text("The backend does not accept your token")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{url}/")
