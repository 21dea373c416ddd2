"""The built page in a real browser, in front of `syncline dev`. Build it first: `npm run build` in web/.

Clerk itself is not asked: people are signed in by session cookies like Clerk's, which these tests sign with a key of their own.
So the server side is tested for real (private pages, preloaded queries, server actions, the backend's own check); Clerk's
script, which does not load here, is not: its buttons, and live queries in the browser.
"""

import base64
import hashlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, BrowserContext, Page, expect

WEB = Path(__file__).resolve().parents[1] / "web"


def publishable_key() -> str:
    """Clerk's, of the built page."""
    name = "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY"
    settings = WEB / ".env.local"
    found = re.search(rf"^{name}=(\S+)", settings.read_text(), re.MULTILINE) if settings.exists() else None
    return os.environ[name] if found is None else found[1]


#: Clerk's cookies end in this: several of its applications may share a host.
SUFFIX = base64.urlsafe_b64encode(hashlib.sha1(publishable_key().encode()).digest()).decode()[:8]
KEY = RSAKey.generate_key(2048, {"kid": "ins_test", "use": "sig", "alg": "RS256"})


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """Publishes the key as Clerk's Frontend API does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys = f"{address}/.well-known/jwks.json"
            discovery = {"issuer": address, "jwks_uri": keys}
            answer = {"keys": [KEY.as_dict(private=False)]} if keys.endswith(self.path) else discovery
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def url(syncline_dev: Callable[..., str], start: Callable[..., str], issuer: str) -> str:
    assert (WEB / ".next" / "BUILD_ID").exists(), "there is no built page: run `npm run build` in web/ first"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    backend = syncline_dev(CLERK_DOMAIN=issuer)
    next_start = f"node node_modules/next/dist/bin/next start --hostname localhost --port {port}"
    public_key = KEY.as_pem(private=False).decode()
    start(
        next_start.split(),
        "web",
        SYNCLINE_URL=backend,
        CLERK_SECRET_KEY="sk_test_e2e",
        CLERK_JWT_KEY=public_key,
    )
    return f"http://localhost:{port}"


@pytest.fixture
def open_as(browser: Browser, url: str, issuer: str) -> Iterator[Callable[..., Page]]:
    """Opens a page as somebody whom Clerk has signed in, or with None as a stranger."""
    contexts = list[BrowserContext]()

    def open_page(name: str | None, path: str = "/") -> Page:
        context = browser.new_context()
        contexts.append(context)
        cookies = {
            "__clerk_db_jwt": "development",
            f"__clerk_db_jwt_{SUFFIX}": "development",
            "__client_uat": "0",
        }
        if name is not None:
            now = int(time.time())
            claims = {
                "iss": issuer,
                "aud": "convex",
                "sub": f"user_{name}",
                "name": name,
                "sid": "sess_1",
                "v": 2,
            }
            claims |= {
                "azp": url,
                "iat": now,
                "nbf": now - 10,
                "exp": now + 3600,
                "sts": "active",
                "fva": [0, -1],
            }
            session = jwt.encode({"alg": "RS256", "kid": "ins_test", "typ": "JWT"}, claims, KEY)
            cookies |= {f"__session_{SUFFIX}": session, f"__client_uat_{SUFFIX}": str(now - 1)}
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
        page = context.new_page()
        page.goto(f"{url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_strangers_see_the_sign_in_and_no_private_page(open_as: Callable[..., Page], url: str) -> None:
    page = open_as(None)
    expect(page.get_by_role("heading", name="my-app")).to_be_visible()
    for path in ("tasks", "account"):
        answer = page.request.get(f"{url}/{path}", max_redirects=0)
        assert answer.status != 200


def test_the_page_comes_with_its_data_and_server_actions_answer(open_as: Callable[..., Page]) -> None:
    page = open_as("Joan")
    expect(page).to_have_url(re.compile("/tasks$"))
    page.get_by_label("New task").fill("Preloaded")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_label("New task")).to_have_value("")
    expect(open_as("Kay", "/tasks").get_by_role("checkbox", name="Preloaded")).to_be_visible()

    page.get_by_role("button", name="Summarize").click()
    expect(page.get_by_text("1 open, 0 done. The newest open one: Preloaded")).to_be_visible()


def test_the_backend_knows_who_calls(open_as: Callable[..., Page]) -> None:
    expect(open_as("Kay", "/account").get_by_text("You are signed in as Kay.")).to_be_visible()
