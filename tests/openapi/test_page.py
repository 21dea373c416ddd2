"""The page of `/docs` in a browser: it shows the functions and calls them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from support.browser import CHROMIUM, PATIENCE
from support.gallery import GALLERY
from support.serving import running


@pytest.mark.browser
def test_functions_are_found_shown_and_called(tmp_path: Path) -> None:
    problems: list[str] = []
    with running(tmp_path, GALLERY) as server, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM).new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{server.url}/docs")
        page.get_by_placeholder("Find a function").fill("gallery:add")
        card = page.locator("details", has_text="gallery:add")
        card.locator("summary").click()
        expect(card.locator("pre").first).to_contain_text("tags?: string[];  // [] unless said")
        card.locator("textarea").fill('{"title": "<b>bold</b>"}')
        card.get_by_role("button").click()
        expect(card.locator("pre").last).to_contain_text('"status": "success"')
        assert server.value("query", "gallery:list")[0]["title"] == "<b>bold</b>"
        expect(page.locator("details:visible")).to_have_count(1)
        page.context.browser.close()  # type: ignore[union-attr]  # it was launched above
    assert not problems
