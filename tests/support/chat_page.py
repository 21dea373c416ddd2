"""The page of examples/chat as a person uses it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from support.browser import Server, Window


class ChatPage:
    """What one can do and see in a window of the chat."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.page: Page = window.page
        self.rows = self.page.locator("#messages > li")
        self.sending = self.page.locator("#messages > li.sending")
        self.connection = self.page.locator("#link")

    def wait_for(self, state: str) -> None:
        """Waits for a state of the connection: connecting, live or reconnecting."""
        expect(self.connection).to_have_attribute("data-state", state)

    def wait_until_loaded(self) -> None:
        """Waits for the channel's first page, empty or not."""
        expect(self.page.locator("#skeleton")).to_be_hidden()

    def introduce(self, name: str) -> None:
        self.page.click("#you")
        self.page.fill("#name", name)
        self.page.press("#name", "Enter")
        expect(self.page.locator("#you-name")).to_have_text(name)

    def write(self, body: str) -> None:
        self.page.fill("#text", body)
        self.page.press("#text", "Enter")

    def bodies(self) -> list[str]:
        return self.page.locator("#messages .body").all_inner_texts()

    def expect_bodies(self, bodies: list[str]) -> None:
        """Waits until exactly these messages are shown, in this order."""
        expect(self.page.locator("#messages .body")).to_have_text(bodies)

    def to_the_beginning(self) -> None:
        """Scrolls up, as often as older messages come, until the channel begins."""
        self.page.hover("#scroller")
        edge = self.page.locator("#older")
        for _ in range(400):
            if edge.inner_text() == "This is where the channel begins.":
                return
            self.page.mouse.wheel(0, -900)
            self.page.evaluate("() => new Promise(requestAnimationFrame)")
        raise AssertionError(f"the beginning was not reached: {edge.inner_text()!r}")


def fill_channel(server: Server, channel: str, count: int, first: int = 0) -> list[str]:
    """Sends numbered messages, and returns their bodies."""
    bodies = [f"message {number}" for number in range(first, first + count)]
    for body in bodies:
        server.call("mutation", "messages:send", channel=channel, author="Grace", body=body)
    return bodies
