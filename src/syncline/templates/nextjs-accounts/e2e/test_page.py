"""The built page in a real browser, in front of `syncline dev`. Build it first: `npm run build` in web/."""

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[[str], Page]
WEB = Path(__file__).resolve().parents[1] / "web"


@pytest.fixture(scope="session")
def url(syncline_dev: Callable[..., str], start: Callable[..., str]) -> str:
    assert (WEB / ".next" / "BUILD_ID").exists(), "there is no built page: run `npm run build` in web/ first"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = f"http://localhost:{port}"
    backend = syncline_dev("--url", site)
    next_start = f"node node_modules/next/dist/bin/next start --hostname localhost --port {port}"
    start(next_start.split(), "web", SYNCLINE_URL=backend)
    return site


@pytest.fixture
def sign_up(url: str, open_page: OpenPage) -> Callable[[str], Page]:
    """Signs somebody up, by the pages of the backend, in a window of his own that then shows the tasks."""

    def sign_up_person(name: str) -> Page:
        page = open_page(url)
        page.get_by_role("link", name="Create an account").click()
        email = f"{name.lower()}@example.com"
        page.get_by_label("Name").fill(name)
        page.get_by_label("Email address").fill(email)
        page.get_by_label("Password").fill("correct horse battery staple")
        page.get_by_role("button", name="Create account").click()
        page.wait_for_url("**/auth/verify*")
        page.locator("input[name=code]").fill(code_for(email, page, url))
        page.locator("main form button.primary").click()
        page.wait_for_url(f"{url}/tasks")
        expect(page.get_by_role("status")).to_have_text("Live")
        return page

    return sign_up_person


def code_for(email: str, page: Page, url: str) -> str:
    """The code in the newest mail to this address, from the inbox that development has."""
    inbox = page.context.new_page()
    inbox.goto(f"{url}/auth/inbox")
    found = re.search(r"\b\d{6}\b", inbox.locator(f"article[data-to='{email}'] pre").first.inner_text())
    inbox.close()
    assert found is not None
    return found[0]


def test_what_one_does_the_other_one_sees(sign_up: Callable[[str], Page]) -> None:
    ada, grace = sign_up("Ada"), sign_up("Grace")

    ada.get_by_label("New task").fill("Write to Grace")
    ada.get_by_label("New task").press("Enter")
    box = grace.get_by_role("checkbox", name="Write to Grace")
    expect(box).not_to_be_checked()

    box.check()
    expect(ada.get_by_role("checkbox", name="Write to Grace")).to_be_checked()
    expect(ada.get_by_text("0 open, 1 done")).to_be_visible()

    ada.get_by_role("button", name="Remove Write to Grace").click()
    expect(grace.get_by_text("Nothing to do.")).to_be_visible()


def test_the_page_comes_with_its_data_and_server_actions_answer(
    sign_up: Callable[[str], Page], url: str
) -> None:
    page = sign_up("Joan")
    page.get_by_label("New task").fill("Preloaded")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("checkbox", name="Preloaded")).to_be_visible()
    assert "Preloaded" in page.request.get(f"{url}/tasks").text(), (
        "it is in the HTML, before any script has run"
    )

    page.get_by_role("button", name="Summarize").click()
    expect(page.get_by_text("1 open, 0 done. The newest open one: Preloaded")).to_be_visible()

    page.get_by_label("New task").fill("x" * 201)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("A title has 1 to 200 characters.")).to_be_visible()
    expect(page.get_by_label("New task")).to_have_value("x" * 201)


def test_private_pages_are_for_those_who_are_signed_in(
    sign_up: Callable[[str], Page], url: str, open_page: OpenPage
) -> None:
    for path in ("tasks", "account"):
        page = open_page(f"{url}/{path}")
        expect(page).to_have_url(re.compile(rf"/auth/sign-in\?redirect=%2F{path}$"))

    page = sign_up("Kay")
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_text("You are signed in as Kay.")).to_be_visible()
    other_tab = page.context.new_page()
    other_tab.goto(f"{url}/tasks")
    expect(other_tab.get_by_role("status")).to_have_text("Live")
    page.goto(f"{url}/auth/sign-out")
    page.locator("main form button.primary").click()
    expect(other_tab).to_have_url(re.compile(r"/auth/sign-in\?redirect=%2Ftasks$"))
    page.goto(f"{url}/tasks")
    expect(page).to_have_url(re.compile("/auth/sign-in"))
