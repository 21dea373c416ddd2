"""Somebody goes through the hosted pages in Chromium, and every page is looked at on the way."""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from playwright.sync_api import BrowserContext, Page, Route

from syncline.accounts.rendering import FOLDER
from syncline.accounts.texts import Texts
from syncline.server.admin_key import read_admin_key

from .accessibility import Axe
from .browser import PATIENCE, Server

#: A field gets the focus when the page is painted.
_SHOWN = """
async () => {
  await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
  const alerts = [...document.querySelectorAll("[role=alert]")].filter((each) => each.checkVisibility());
  const told = document.activeElement.ariaDescribedByElements ?? [];
  const tells = document.querySelector("#error") === null || told.some((each) => each.id === "error");
  return [document.title, document.documentElement.lang, alerts.map((each) => each.textContent).join(), tells,
    document.documentElement.scrollWidth - innerWidth];
}
"""


class _Shown(NamedTuple):
    title: str
    language: str
    alert: str
    #: Whether who comes to the page is told at once what is wrong, and with which field.
    tells: bool
    #: By how much the page is wider than its window.
    excess: int


@dataclass
class Walk:
    """`context` is the browser, whose language is `language`; `site` the origin of the pages of the application `name`."""

    server: Server
    site: str
    name: str
    context: BrowserContext
    axe: Axe
    language: str
    #: Templates of the pages that were looked at.
    seen: set[str] = field(default_factory=set[str])
    complaints: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self.email = f"{self.language}@example.com"

    def go(self, path: str) -> None:
        self.page.goto(f"{self.site}/auth/{path}")

    def send(self, button: str = "form button.primary", **fields: str) -> None:
        """Fill fields in and press a button, past what the browser itself would refuse."""
        self.page.evaluate("for (const form of document.forms) form.noValidate = true")
        for name, value in fields.items():
            self.page.locator(f"input[name={name}]:visible").last.fill(value)
        with self.page.expect_navigation():
            self.page.locator(f"{button}:visible").last.click()

    def sign_out(self) -> None:
        self.go("sign-out")
        self.send()

    def stay(self, path: str) -> None:
        """Do not let the page that answers a form go on by itself."""

        def answer(route: Route) -> None:
            response = route.fetch()
            route.fulfill(
                response=response, body=response.text().replace('http-equiv="refresh"', "data-refresh")
            )

        self.page.route(f"{self.site}/auth/{path}", answer)

    def unfold(self) -> None:
        """Show what is folded away."""
        self.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")

    def look(self, template: str, *, alert: bool = False) -> None:
        """The page that is shown is made of this template. With `alert` it says that something is wrong."""
        self.seen.add(template)
        where = f"{template} in {self.language}{', refused' if alert else ''}"
        shown = _Shown(*self.page.evaluate(_SHOWN))
        assert shown.title == self._title_of(template, shown.title) and bool(shown.alert) == alert, (
            f"{where}: {shown}"
        )
        found = self.axe.complaints(self.page)
        if not shown.tells:
            found.append("no field that is described by the error has the focus")
        if shown.excess > 0:
            found.append(f"it is wider than its window by {shown.excess}")
        if shown.language != self.language:
            found.append(f"it is in {shown.language}")
        self.complaints += [f"{where}: {each}" for each in found]

    def mail(self, email: str = "") -> str:
        """The text of the newest mail to an address: one's own, unless said."""
        inbox = self.context.new_page()
        inbox.goto(f"{self.site}/auth/inbox")
        text = inbox.locator(f"article[data-to='{email or self.email}'] pre").first.inner_text()
        inbox.close()
        return text

    def code(self, email: str = "") -> str:
        return _found(r"\b\d{6}\b", self.mail(email))

    def link(self, email: str = "") -> str:
        return _found(rf"{self.site}/auth/\S+", self.mail(email))

    def administer(self, path: str, **given: object) -> Any:
        """What an administrator does: `POST /auth/v1/...`."""
        key = read_admin_key(self.server.data / "db", {})
        headers = {"authorization": f"Convex {key}"}
        return self._post(f"/auth/v1/{path}", given, headers)

    def ask_as_a_program(self) -> str:
        """A program without a browser wants to be signed in: the code that it shows."""
        code: str = self._post("/auth/device", {"client_name": "A program"}, {})["user_code"]
        return code

    def _title_of(self, template: str, otherwise: str) -> str:
        """The title that pages of a template have, where it is always the same."""
        name = re.search(r'block title %}{{ t\("([\w.]+)"\)', (FOLDER / template).read_text("utf-8"))
        return Texts({}).get(self.language, name[1], app=self.name) if name else otherwise

    def _post(self, path: str, given: object, headers: dict[str, str]) -> Any:
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(f"{self.site}{path}", json.dumps(given).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[0]
