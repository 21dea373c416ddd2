"""Routes and mounted applications opened in a browser: by the session cookie, or by way of the sign-in and back."""

from __future__ import annotations

import html
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx
import pytest

from support.people import Person
from support.serving import Running, running

MODULES = {
    "app": """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route

        from syncline import App, context
        from syncline.auth import Accounts, EmailCode, Password


        async def whoami(request):
            return PlainTextResponse(context(request).auth.require().email)


        app = App(
            auth=[Password(memory_kib=8192, passes=1), EmailCode(), Accounts(name="Orchard")],
            mounts={"/old": Starlette(routes=[Route("/who", whoami)])},
        )
    """,
    "pages": """
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, Response

        from syncline import ActionCtx, route


        @route("/report", methods=["GET", "POST"])
        async def report(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse(f"the report of {ctx.auth.require().email}")


        @route("/open", anonymous=True)
        async def open_to_all(ctx: ActionCtx, request: Request) -> Response:
            identity = ctx.auth.identity
            return PlainTextResponse("nobody" if identity is None else identity.email)


        @route("/never", anonymous=True)
        async def never(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse("not for you", 401)
    """,
}
OPENED = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("pages"), MODULES) as server:
        yield server


@contextmanager
def somebody(server: Running, email: str) -> Generator[Person]:
    """With a browser of his own."""
    person = Person(server, email)
    with httpx.Client(base_url=server.url, headers={"accept": "text/html"}) as person.http:
        yield person


@pytest.fixture(scope="module")
def ann(server: Running) -> Iterator[Person]:
    with somebody(server, "ann@example.com") as person:
        person.sign_up()
        yield person


@pytest.fixture
def stranger(server: Running) -> Iterator[Person]:
    with somebody(server, "stranger@example.com") as person:
        yield person


@pytest.mark.parametrize("path", ["/report", "/old/who"])
def test_who_is_signed_in_sees_the_page_by_the_cookie_alone(ann: Person, path: str) -> None:
    answer = ann.http.get(path, headers=OPENED)
    assert answer.status_code == 200 and answer.text.endswith("ann@example.com")
    assert answer.headers["vary"] == "cookie" and answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/report?month=5&by=a%26b", "/old/who"])
def test_who_is_not_goes_to_the_sign_in_and_comes_back(stranger: Person, path: str) -> None:
    answer = stranger.http.get(path, headers=OPENED)
    assert answer.status_code == 303 and answer.text == ""
    assert answer.headers["cache-control"] == "no-store"
    page = stranger.http.get(answer.headers["location"])
    assert page.status_code == 200 and page.url.params["redirect"] == path
    assert f'name="redirect" value="{html.escape(path)}"' in page.text


def test_scripts_are_told_instead(stranger: Person) -> None:
    for headers in ({"accept": "*/*"}, {"accept": "application/json"}, {**OPENED, "sec-fetch-mode": "cors"}):
        answer = stranger.http.get("/report", headers=headers)
        assert answer.status_code == 401 and answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example.com"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_a_page_of_another_site_reads_nothing_with_it(ann: Person, headers: dict[str, str]) -> None:
    assert ann.http.get("/report", headers=headers).status_code == 401
    assert ann.http.get("/open", headers=headers).text == "nobody"


def test_the_cookie_changes_nothing(ann: Person) -> None:
    assert ann.http.post("/report", headers=OPENED).status_code == 401


def test_what_is_open_knows_who_looks_and_says_its_own_401_to_whoever_is_signed_in(
    ann: Person, stranger: Person
) -> None:
    assert ann.http.get("/open", headers=OPENED).text == "ann@example.com"
    assert stranger.http.get("/open", headers=OPENED).text == "nobody"
    assert ann.http.get("/never", headers=OPENED).text == "not for you"


def test_an_ended_session_opens_nothing_more(server: Running) -> None:
    with somebody(server, "eve@example.com") as eve:
        eve.sign_up()
        assert eve.http.get("/report", headers=OPENED).status_code == 200
        cookies = dict(eve.http.cookies)
        page = eve.http.get("/auth/devices")
        eve.submit("/auth/devices", page, action="everywhere")
        eve.http.cookies.update(cookies)
        assert eve.http.get("/report", headers=OPENED).status_code == 303


def test_a_page_is_opened_with_the_role_of_now(server: Running) -> None:
    admin = {"authorization": f"Convex {server.admin_key}"}
    with somebody(server, "fay@example.com") as fay:
        fay.sign_up()
        made = {"name": "Acme", "user": "fay@example.com"}
        acme = httpx.post(f"{server.url}/auth/v1/organizations", json=made, headers=admin).json()["id"]
        members = f"{server.url}/auth/v1/organizations/{acme}/members"
        httpx.post(f"{server.url}/auth/v1/users", json={"email": "gus@example.com"}, headers=admin)
        httpx.post(members, json={"user": "gus@example.com", "role": "admin"}, headers=admin)
        chosen = fay.http.post("/auth/organizations/active", json={"organization": acme}, headers=fay.origin)
        assert chosen.is_success
        for change in ({}, {"role": "editor"}, {"role": "admin"}):
            if change:
                assert httpx.patch(f"{members}/fay@example.com", json=change, headers=admin).is_success
            assert fay.http.get("/report", headers=OPENED).text == "the report of fay@example.com"
        assert httpx.delete(f"{members}/fay@example.com", headers=admin).is_success
        assert fay.http.get("/report", headers=OPENED).text == "the report of fay@example.com"
