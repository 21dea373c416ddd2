"""examples/todo with the built-in sign-in: its server, and people with accounts in browsers of their own."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from support.browser import PATIENCE, REPOSITORY, Server, Window

EXAMPLE = REPOSITORY / "examples" / "todo"
PACKAGE = REPOSITORY / "packages" / "auth"
PASSWORD = "correct horse battery staple"


def npm(folder: Path, script: str) -> None:
    done = subprocess.run(
        ["npm", "run", "--silent", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"npm run {script} failed (npm ci first?):\n{done.stdout}{done.stderr}"


class TodoServer(Server):
    """The example as a developer runs it, under the name that its cookies are for."""

    def __init__(self, data: Path, application: Path = EXAMPLE) -> None:
        super().__init__(application, data, command="dev")
        self.site = f"http://localhost:{self.port}"


def call(todo: TodoServer, kind: str, path: str, token: str | None, **args: object) -> dict[str, Any]:
    """A function over HTTP: the answer, whatever it is."""
    body = json.dumps({"path": path, "args": args, "format": "json"}).encode()
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{todo.url}/api/{kind}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error) | {"status": error.code}
    return answer


@dataclass
class Person:
    """Somebody with a browser of his own. `page` shows the todos."""

    server: TodoServer
    window: Window
    email: str

    @property
    def page(self) -> Page:
        return self.window.page

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def sign_up(self) -> None:
        """Through the hosted pages, with the code from the inbox."""
        self.page.get_by_role("button", name="Create an account").click()
        self.register()
        self.sees_todos()

    def register(self) -> None:
        """Fill in the page for signing up, and the one for the code."""
        page = self.page
        page.get_by_label("Name").fill(self.email.partition("@")[0].title())
        page.get_by_label("Email address").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        page.wait_for_url("**/auth/verify*")
        page.locator("input[name=code]").fill(self.code())
        page.locator("main form button.primary").click()

    def sign_in(self) -> None:
        """Through the hosted pages, with the password."""
        page = self.page
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Email address").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        self.sees_todos()

    def sees_todos(self) -> None:
        expect(self.page.get_by_label("What is to be done")).to_be_visible()

    def code(self) -> str:
        """The code of the newest mail to this address."""
        inbox = self.context.new_page()
        inbox.goto(f"{self.server.site}/auth/inbox")
        mail = inbox.locator(f"article[data-to='{self.email}'] pre").first
        found = re.search(r"\b\d{6}\b", mail.inner_text())
        inbox.close()
        assert found is not None
        return found.group()

    def add(self, text: str) -> None:
        self.page.get_by_label("What is to be done").fill(text)
        self.page.get_by_role("button", name="Add").click()
        expect(self.page.get_by_role("listitem").filter(has_text=text)).to_have_count(1)

    def token(self) -> str:
        """An access token of this browser, as the page gets it."""
        answer = self.context.request.post(
            f"{self.server.site}/auth/token", data="{}", headers={"content-type": "application/json"}
        )
        token: str = answer.json()["token"]
        return token
