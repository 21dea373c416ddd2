"""A page of another site than the server's, without React: it gets its tokens by a code, and no cookie."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.browser import Windows
from support.todo import PASSWORD, Person, TodoServer

pytestmark = pytest.mark.browser

PAGE = """<!doctype html>
<title>Elsewhere</title>
<link rel="icon" href="data:,">
<p id="who">unknown</p>
<button id="in">Sign in</button>
<button id="out">Sign out</button>
<script type="module">
  import { createAuthClient } from "/dist/index.js";
  const auth = (window.auth = createAuthClient({ url: "%s", mode: "code", storage: "%s" }));
  const show = () => {
    const { isLoaded, user } = auth.state;
    document.querySelector("#who").textContent = !isLoaded ? "unknown" : (user?.email ?? "nobody");
  };
  auth.subscribe(show);
  show();
  document.querySelector("#in").onclick = () => auth.redirectToSignIn();
  document.querySelector("#out").onclick = () => auth.signOut();
</script>
"""


@pytest.fixture(scope="module")
def site(todo: TodoServer, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of the other site. To a browser, localhost and 127.0.0.1 are two sites."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "dist").symlink_to(package / "dist")
    for keeping in ("memory", "local"):
        (folder / f"{keeping}.html").write_text(PAGE % (todo.site, keeping))

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def who(page: Page, expected: str) -> None:
    expect(page.locator("#who")).to_have_text(expected)


def whoami(page: Page, todo: TodoServer) -> Any:
    """What the server makes of the page's token."""
    return page.evaluate(
        """async (url) => {
            const token = await auth.getToken();
            const response = await fetch(`${url}/api/query`, {
                method: "POST",
                headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
                body: JSON.stringify({ path: "todos:list", args: {}, format: "json" }),
            });
            return await response.json();
        }""",
        todo.site,
    )


def test_a_page_of_another_site_signs_in_by_a_code_and_survives_a_reload(
    todo: TodoServer, site: str, windows: Windows
) -> None:
    someone = Person(todo, windows.open(todo.site), "barbara@example.com")
    someone.sign_up()
    someone.add("clean the kitchen")

    page = windows.open(f"{site}/local.html").page
    who(page, "nobody")
    page.locator("#in").click()
    page.get_by_label("Email address").fill(someone.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    who(page, someone.email)
    assert page.url == f"{site}/local.html"
    assert [each["text"] for each in whoami(page, todo)["value"]] == ["clean the kitchen"]
    assert page.context.cookies(site) == []

    first = page.evaluate("auth.getToken()")
    assert page.evaluate("auth.getToken({ skipCache: true })") != first
    page.reload()
    who(page, someone.email)
    again = page.context.new_page()
    again.goto(f"{site}/local.html")
    who(again, someone.email)
    tokens = [each.evaluate("auth.getToken({ skipCache: true })") for each in (page, again, page)]
    assert len(set(tokens)) == 3

    page.locator("#out").click()
    who(page, "nobody")
    who(again, "nobody")
    assert page.evaluate("JSON.stringify({ ...localStorage })") == json.dumps({})


def test_in_memory_a_reload_goes_by_the_server_which_knows_the_browser(
    todo: TodoServer, site: str, windows: Windows
) -> None:
    someone = Person(todo, windows.open(todo.site), "margaret@example.com")
    someone.sign_up()
    page = windows.open(f"{site}/memory.html", context=someone.context).page
    who(page, "nobody")
    page.locator("#in").click()
    who(page, someone.email)
    assert page.evaluate("JSON.stringify({ ...localStorage })") == json.dumps({})
    page.reload()
    who(page, "nobody")
    page.locator("#in").click()
    who(page, someone.email)


def test_an_answer_that_was_not_asked_for_signs_nobody_in(site: str, windows: Windows) -> None:
    page = windows.open(f"{site}/local.html?code=stolen&state=made-up&iss=https://evil.example.com/auth").page
    who(page, "nobody")
    assert page.evaluate("auth.getToken()") is None
