"""examples/ask in a real browser: documents are added, questions are answered while they are typed, in every window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.browser import REPOSITORY, SCREENSHOTS, OpenWindow, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(REPOSITORY / "examples" / "ask", tmp_path / "data")
    server.start()
    yield server
    server.kill()


def test_answers_appear_as_documents_come_and_go(
    server: Server, open_window: OpenWindow, tmp_path: Path
) -> None:
    (tmp_path / "garden.txt").write_text("Apple trees are pruned in winter.\n\nTomatoes need sun.")
    (tmp_path / "cars.txt").write_text("The engine turns the wheels.")
    asking, adding = open_window(server.url).page, open_window(server.url).page
    asking.fill("#question", "when are apple trees prun")
    expect(asking.locator("#nothing")).to_be_visible()
    adding.set_input_files("#files", [tmp_path / "garden.txt", tmp_path / "cars.txt"])
    expect(adding.locator("#sources li")).to_have_count(2)
    expect(asking.locator("#answers li").first).to_contain_text("Apple trees are pruned in winter.")
    expect(asking.locator("#answers mark").first).to_have_text("Apple")
    asking.screenshot(path=SCREENSHOTS / "ask.png", full_page=True)
    adding.get_by_role("button", name="Remove garden.txt").click()
    expect(asking.locator("#nothing")).to_be_visible()
