"""Pages of other origins: those that the application names may use the sign-in API, no others."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from support.serving import Running, running

APP = """
    from syncline import App
    from syncline.auth import Accounts, EmailCode
    app = App(auth=[EmailCode(), Accounts(redirects=["https://app.example.com"])])
"""
ALLOWED = ("https://app.example.com", "http://localhost:5173", "http://127.0.0.1:3000")
FOREIGN = (
    "https://evil.example.com",
    "https://app.example.com.evil.com",
    "null",
    "http://localhost.evil.com",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    folder: Path = tmp_path_factory.mktemp("app")
    with running(folder, {"app": APP}) as server:
        yield server


@pytest.mark.parametrize(
    "path", ["token", "session", "sessions/revoke", "sign-out", "organizations/active", "exchange", "revoke"]
)
def test_named_origins_may_call_with_cookies(server: Running, path: str) -> None:
    for origin in ALLOWED:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = server.http.options(f"/auth/{path}", headers=headers)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-headers"] == "content-type"
        answer = server.http.post(f"/auth/{path}", json={}, headers={"Origin": origin})
        for response in (preflight, answer):
            assert response.headers["access-control-allow-origin"] == origin
            assert response.headers["access-control-allow-credentials"] == "true"
            assert "origin" in response.headers["vary"].lower()


@pytest.mark.parametrize("origin", FOREIGN)
def test_other_origins_may_not_read_anything(server: Running, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert server.http.options("/auth/token", headers=headers).status_code == 403
    for path in ("token", "session", "sign-in", "account", "nowhere"):
        for response in (
            server.http.options(f"/auth/{path}", headers=headers),
            server.http.get(f"/auth/{path}", headers=headers),
            server.http.post(f"/auth/{path}", json={}, headers=headers),
        ):
            assert "access-control-allow-origin" not in response.headers
