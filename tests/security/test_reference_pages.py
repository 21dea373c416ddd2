"""In production the description of the functions is for those who may call them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from support.gated_app import MODULES
from support.houses import PASSWORD
from support.serving import Running, running
from syncline.accounts.importing import import_users
from syncline.http.reference_pages import GUARDED
from syncline.server.settings import Mode

ADDRESS = "http://localhost:3999"
APP = """
    from syncline import App
    from syncline.auth import Password

    app = App(auth=[Password(memory_kib=8192, passes=1)])
"""
#: Nobody is written to.
MAILS = {"SYNCLINE_MAIL_URL": "none"}
OPENED = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
NAMES = re.compile(r"things|Thing")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    modules = {"app": APP, "things": MODULES["things"]}
    with running(
        tmp_path_factory.mktemp("app"), modules, mode=Mode.START, url=ADDRESS, environment=MAILS
    ) as server:
        yield server


@pytest.fixture(scope="module")
def ann(server: Running) -> Iterator[httpx.Client]:
    """The browser of somebody who is signed in."""
    hashed = PasswordHasher(memory_cost=8192, time_cost=1).hash(PASSWORD)
    email = "ann@example.com"
    account = {"id": "1", "primary_email_address": email, "verified_email_addresses": email}
    provider = server.deployment.accounts.provider
    assert provider is not None
    work = provider.workers.run(import_users, provider.core, [{**account, "password_digest": hashed}])
    assert asyncio.run_coroutine_threadsafe(work, server.loop).result(30)["imported"] == 1
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}) as http:
        page = http.get("/auth/sign-in")
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        fields = {**hidden, "email": email, "password": PASSWORD}
        signed_in = http.post("/auth/sign-in", data=fields, headers={"origin": ADDRESS})
        assert signed_in.status_code == 303, signed_in.text
        yield http


def strangers(server: Running) -> dict[str, dict[str, str]]:
    return {
        "without anything": {},
        "with a password": {"authorization": "Basic YWRhOmFkYQ=="},
        "with a token that is none": {"authorization": "Bearer a.b.c"},
        "with a wrong admin key": {"authorization": f"Convex {server.admin_key[:-1]}x"},
        "with a session that is none": {"cookie": f"syncline_session={'a' * 43}"},
        "who knows what it is": {"if-none-match": "*"},
    }


@pytest.mark.parametrize("path", sorted(GUARDED))
@pytest.mark.parametrize("written", ["{}", "{}?x=1", "/{}"])
def test_strangers_are_told_to_sign_in_and_nothing_else(server: Running, path: str, written: str) -> None:
    for name, headers in strangers(server).items():
        for method in ("GET", "HEAD"):
            answer = httpx.request(method, server.url + written.format(path), headers=headers)
            assert answer.status_code in (401, 404), (name, method)
            assert not NAMES.search(answer.text), name
    answer = server.http.get(path)
    assert answer.json() == {
        "code": "unauthenticated",
        "message": "sign in to see the description of the functions, or send an admin key: Authorization: Convex KEY",
    }
    assert answer.headers["cache-control"] == "no-store"


def test_all_other_pages_say_nothing_of_the_application(server: Running) -> None:
    pages = [each for each in server.call(server.deployment.surface) if each.kind == "page"]
    assert {each.path for each in pages} > GUARDED
    for each in pages:
        assert not NAMES.search(server.http.request(each.method, each.path).text), each


@pytest.mark.parametrize("path", sorted(GUARDED))
def test_browsers_are_led_to_the_sign_in_and_back(server: Running, ann: httpx.Client, path: str) -> None:
    answer = httpx.get(server.url + path, headers=OPENED)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/auth/sign-in?redirect=%2F{path[1:]}"
    for headers in (OPENED, {"accept": "*/*", "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}):
        answer = ann.get(path, headers=headers)
        assert answer.status_code == 200, (path, headers)
        assert answer.headers["cache-control"] == "private, no-cache"
        assert "cookie" in answer.headers["vary"].lower()
    foreign = {"accept": "*/*", "sec-fetch-mode": "cors", "sec-fetch-site": "cross-site"}
    assert ann.get(path, headers=foreign).status_code == 401


def test_tokens_and_admin_keys_see_the_description(server: Running, ann: httpx.Client) -> None:
    token = ann.post("/auth/token", json={}, headers={"origin": ADDRESS}).json()["token"]
    for credential in (f"Bearer {token}", f"Convex {server.admin_key}"):
        answer = httpx.get(f"{server.url}/openapi.json", headers={"authorization": credential})
        assert "/api/run/things/mine" in answer.json()["paths"]


def test_without_a_way_to_sign_in_they_are_as_open_as_the_functions(tmp_path: Path) -> None:
    functions = """
        from syncline import QueryCtx, query


        @query
        def now(ctx: QueryCtx) -> int:
            return 1
    """
    with running(tmp_path, {"functions": functions}, mode=Mode.START) as server:
        assert "/api/run/functions/now" in server.http.get("/openapi.json").json()["paths"]
        assert server.http.get("/docs").status_code == 200
