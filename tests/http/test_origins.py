"""Which pages may use the server from a browser."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from support.notes import MODULES
from support.serving import Running, running
from support.sockets import SyncSocket
from syncline.http import Origins

SITE = "https://app.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(tmp_path_factory.mktemp("app"), MODULES) as server:
        yield server


@pytest.fixture
def limited(server: Running) -> Generator[Running]:
    """The same, for one site."""
    server.deployment.gateway.origins = Origins([SITE])
    yield server
    server.deployment.gateway.origins = Origins()


def test_without_a_list_every_page_may_connect(server: Running) -> None:
    with SyncSocket(server.port, origin="https://anybody.example.org") as socket:
        assert socket.opened.startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("origin", [SITE, SITE.upper(), "", "http://test", "https://test"])
def test_pages_of_the_site_those_of_the_server_and_programs_may_connect(
    limited: Running, origin: str
) -> None:
    with SyncSocket(limited.port, origin=origin) as socket:
        assert socket.opened.startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "https://eviltest",
        "https://test.evil.example.com",
        "https://test:444",
        f"{SITE}.evil.com",
        "null",
        "http://app.example.com",
        "https://app.example.com:444",
    ],
)
def test_other_pages_may_not(limited: Running, origin: str) -> None:
    with SyncSocket(limited.port, origin=origin) as socket:
        assert socket.opened.startswith(b"HTTP/1.1 403")


def test_answers_are_readable_for_the_pages_of_the_site_only(limited: Running) -> None:
    for origin, readable in ((SITE, True), ("https://evil.example.com", False)):
        for response in (
            limited.http.get("/version", headers={"Origin": origin}),
            limited.http.options("/api/query", headers={"Origin": origin}),
            limited.http.post("/api/nowhere", headers={"Origin": origin}),
            limited.http.get("/", headers={"Origin": origin}),
            limited.http.get("/openapi.json", headers={"Origin": origin}),
        ):
            assert response.headers.get("access-control-allow-origin") == (origin if readable else None)
            assert "access-control-allow-credentials" not in response.headers


def test_preflights_of_the_sign_in_are_not_answered_for_it(server: Running) -> None:
    headers = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" in server.http.options("/api/query", headers=headers).headers
    for path in ("/auth/token", "/auth/"):
        assert not server.http.options(path, headers=headers).is_success
