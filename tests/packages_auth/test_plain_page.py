"""A page without React and without a bundler: `@syncline/auth` and the official client, and what would sign people out of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.browser import Window, Windows, wait_until
from support.todo import EXAMPLE, Person, TodoServer, call

pytestmark = pytest.mark.browser

#: `events` is what the official client says of who is signed in, `tokens` what it was given.
PAGE = """<!doctype html>
<title>Plain</title>
<link rel="icon" href="data:,">
<p id="who">unknown</p>
<ul></ul>
<button id="in">Sign in</button>
<button id="out">Sign out</button>
<script src="/_syncline/convex.js"></script>
<script type="module">
  import { createAuthClient } from "/auth/assets/auth.js";
  const auth = (window.auth = createAuthClient());
  const client = new convex.ConvexClient(location.origin);
  const events = (window.events = []);
  const tokens = (window.tokens = []);
  const getToken = auth.getToken.bind(auth);
  auth.getToken = async (options) => {
    const token = await getToken(options);
    tokens.push(token);
    return token;
  };
  auth.connect(client, (isAuthenticated) => events.push(isAuthenticated));
  const show = (todos) => document.querySelector("ul").replaceChildren(...todos.map(({ text }) => {
    return Object.assign(document.createElement("li"), { textContent: text });
  }));
  client.onUpdate("todos:list", {}, show, () => show([]));
  auth.subscribe(() => {
    document.querySelector("#who").textContent = auth.state.user?.email ?? "nobody";
  });
  document.querySelector("#in").onclick = () => auth.redirectToSignIn();
  document.querySelector("#out").onclick = () => auth.signOut();
</script>
"""

#: The tree of a page that used Clerk, whose provider is as it is: `useAuth` comes from elsewhere.
SWAPPED = """
import { ConvexReactClient, Authenticated, Unauthenticated, useQuery } from "convex/react";
import { ConvexProviderWithClerk } from "convex/react-clerk";
import { anyApi } from "convex/server";
import { createElement as h } from "react";
import { createRoot } from "react-dom/client";
import { RedirectToSignIn, SignInButton, SignOutButton, SynclineAuthProvider, useAuth } from "./dist/react.js";

const convex = new ConvexReactClient(location.origin);
const Todos = () => h("ul", null, useQuery(anyApi.todos.list)?.map(({ _id, text }) => h("li", { key: _id }, text)));

createRoot(document.body).render(
  h(SynclineAuthProvider, null,
    h(ConvexProviderWithClerk, { client: convex, useAuth },
      h(Authenticated, null, h(Todos), h(SignOutButton)),
      h(Unauthenticated, null, location.search === "?private" ? h(RedirectToSignIn) : h(SignInButton)),
    ),
  ),
);
"""


@pytest.fixture(scope="module")
def plain(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TodoServer]:
    """The backend of examples/todo with another page."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(EXAMPLE / "backend", folder / "backend")
    (folder / "pyproject.toml").write_text('[tool.syncline]\nsite = "site"\n')
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text(PAGE)
    (folder / "site" / "swapped.html").write_text(
        '<!doctype html><title>Swapped</title><link rel="icon" href="data:,"><body><script src="/swapped.js"></script>'
    )
    bundle = [
        "node_modules/.bin/esbuild",
        "--bundle",
        f"--outfile={folder / 'site' / 'swapped.js'}",
        "--log-level=error",
    ]
    subprocess.run(bundle, cwd=package, input=SWAPPED, text=True, check=True)
    server = TodoServer(tmp_path_factory.mktemp("data"), folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def cookies(plain: TodoServer, browser: Browser) -> dict[str, str]:
    """Of a browser in which Ada is signed in."""
    windows = Windows(browser)
    ada = Person(plain, windows.open(f"{plain.site}/auth/sign-up"), "ada@example.com")
    ada.register()
    who(ada.page, "ada@example.com")
    found = ada.context.cookies(plain.site)
    windows.close()
    return {each.get("name", ""): each.get("value", "") for each in found}


@pytest.fixture
def open_page(plain: TodoServer, windows: Windows, cookies: dict[str, str]) -> Callable[[], Window]:
    """Opens the page as Ada, once the server has confirmed the second token, which the client asks for at once."""

    def prepared(page: Page) -> None:
        page.clock.install()
        page.context.add_cookies(
            [{"name": name, "value": value, "url": plain.site} for name, value in cookies.items()]
        )

    def open_as_ada() -> Window:
        window = windows.open(plain.site, before=prepared)
        window.page.wait_for_function("tokens.length === 2 && events.length === 2")
        return window

    return open_as_ada


def who(page: Page, expected: str) -> None:
    expect(page.locator("#who")).to_have_text(expected)


def add(page: Page, plain: TodoServer, text: str) -> None:
    """By HTTP: the page hears of it over its socket, if that is still hers."""
    answer = page.context.request.post(
        f"{plain.url}/api/mutation",
        data={"path": "todos:add", "args": {"text": text}, "format": "json"},
        headers={"authorization": f"Bearer {page.evaluate('auth.getToken()')}"},
    )
    assert answer.json()["status"] == "success", answer.text()


def is_live(page: Page, plain: TodoServer, text: str) -> None:
    """The page shows what is added now, and was signed in all the time."""
    add(page, plain, text)
    expect(page.get_by_role("listitem").filter(has_text=text)).to_be_visible()
    assert False not in page.evaluate("events")
    assert None not in page.evaluate("tokens")


def test_a_forced_refresh_gives_another_token(plain: TodoServer, open_page: Callable[[], Window]) -> None:
    """Two tokens of one second: by the same one the client would think that there is none, and never ask again."""
    window = open_page()
    page = window.page
    first, second = page.evaluate("tokens")
    assert first != second
    page.clock.fast_forward("04:55")
    page.wait_for_function("tokens.length >= 3")
    is_live(page, plain, "refreshed")


def test_a_server_that_is_away_for_a_moment_signs_nobody_out(
    plain: TodoServer, open_page: Callable[[], Window]
) -> None:
    window = open_page()
    page = window.page
    answers = [503, 429, 0]

    def fail(route: Route) -> None:
        if not answers:
            route.continue_()
        elif status := answers.pop(0):
            route.fulfill(status=status, json={})
        else:
            route.abort()

    page.route("**/auth/token", fail)
    page.clock.fast_forward("04:55")
    page.wait_for_function("tokens.length >= 3")
    assert answers == []
    is_live(page, plain, "after the deploy")
    window.excuse("503|429|ERR_FAILED")


def test_a_page_that_slept_without_a_network_is_still_signed_in(
    plain: TodoServer, open_page: Callable[[], Window]
) -> None:
    window = open_page()
    page = window.page
    page.context.set_offline(True)
    page.clock.fast_forward("20:00")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('focus'))")
    page.wait_for_function("tokens.length >= 3")
    is_live(page, plain, "awake")
    window.excuse("ERR_INTERNET_DISCONNECTED")


def test_tabs_take_turns(plain: TodoServer, open_page: Callable[[], Window]) -> None:
    one = open_page().page
    two = one.context.new_page()
    two.goto(plain.site)
    two.wait_for_function("tokens.length === 2")
    asked: list[Route] = []

    def hold_the_first(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    one.context.route("**/auth/token", hold_the_first)
    for tab in (one, two):
        tab.evaluate("void (window.asked = auth.getToken({ skipCache: true }))")
    two.wait_for_function("navigator.locks.query().then(({ pending }) => pending.length === 1)")
    wait_until(lambda: two.evaluate("1") == 1 and len(asked) > 0, lambda: "no tab asks for a token")
    assert len(asked) == 1
    asked[0].continue_()
    got = [tab.evaluate("asked") for tab in (one, two)]
    assert all(got)
    is_live(one, plain, "by one")
    expect(two.get_by_role("listitem").filter(has_text="by one")).to_be_visible()


def test_a_page_follows_who_is_signed_in_in_another_tab(plain: TodoServer, windows: Windows) -> None:
    eve = Person(plain, windows.open(plain.site), "eve@example.com")
    who(eve.page, "nobody")
    tab = Person(plain, windows.open(f"{plain.site}/auth/sign-up", context=eve.context), eve.email)
    tab.register()
    for each in (tab, eve):
        who(each.page, "eve@example.com")
    add(tab.page, plain, "follow")
    expect(eve.page.get_by_role("listitem")).to_have_text(["follow"])
    tab.page.get_by_role("button", name="Sign out").click()
    for each in (tab, eve):
        who(each.page, "nobody")
        expect(each.page.get_by_role("listitem")).to_have_count(0)
        each.window.excuse("401")


def test_the_provider_of_clerk_takes_this_sign_in_too(plain: TodoServer, windows: Windows) -> None:
    """Who moves here from Clerk changes one import."""
    joan = Person(plain, windows.open(f"{plain.site}/swapped.html?private"), "joan@example.com")
    page = joan.page
    page.wait_for_url("**/auth/sign-in?redirect=%2Fswapped.html%3Fprivate")
    page.get_by_role("link", name="Sign up").click()
    joan.register()
    page.wait_for_url("**/swapped.html?private")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    answer = call(plain, "mutation", "todos:add", joan.token(), text="move")
    assert answer["status"] == "success", answer
    expect(page.get_by_role("listitem")).to_have_text(["move"])
    page.goto(f"{plain.site}/swapped.html")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/auth/sign-in?redirect=%2Fswapped.html")
    joan.window.excuse("401")
