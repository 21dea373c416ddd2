"""What pages of other sites, scanners and attackers send. Checks S22, S23, S25, S26, S28, S31, S39, S48."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.houses import CHEAP, PASSWORD, House, house
from syncline.accounts import AccountSettings, Core, flows
from syncline.accounts.redirects import allows_origin, safe_redirect
from syncline.accounts.web.application import DEVELOPMENT, ENTRIES, Entry
from syncline.auth import Accounts, EmailCode

SETTINGS = AccountSettings(
    (Accounts(redirects=["https://app.example.com"]),), "https://site.example.com", True
)

#: Answered to anybody. What is not listed needs a session, a flow, or a secret of its own.
OPEN_PAGES = {
    "/sign-in", "/sign-up", "/reset", "/session", "/token", "/.well-known/jwks.json",
    "/.well-known/openid-configuration", "/passkeys/options", "/sign-out",
}  # fmt: skip


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/notes?x=1#y",
        "/a//b",
        "https://app.example.com/x",
        "https://site.example.com/",
        "https://APP.example.com/x",
    ],
)
def test_people_are_led_within_the_site_and_its_friends(target: str) -> None:
    assert safe_redirect(SETTINGS, target) == target


@given(st.text(max_size=80))
def test_a_redirect_never_leaves_for_an_origin_that_is_not_allowed(text: str) -> None:
    target = safe_redirect(SETTINGS, text)
    path = target.startswith("/") and not target.startswith(("//", "/\\"))
    assert path or target.startswith(("https://app.example.com", "https://site.example.com"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path)
def test_every_route_refuses_who_is_not_signed_in(house: House, entry: Entry) -> None:
    path = f"/auth{entry.path}"
    visitor = house.visitor()
    visitor.get("/auth/sign-in")
    if entry.get is not None and entry.path not in OPEN_PAGES:
        answer = visitor.request("GET", path)
        refused = answer.status_code in (400, 401, 403, 404, 410)
        assert refused or answer.headers.get("location", "").startswith("/auth/sign-in"), answer.status_code
    if entry.form is not None and entry.path not in OPEN_PAGES:
        visitor.get("/auth/sign-in")
        answer = visitor.submit(path, action="x")
        assert answer.status_code in (400, 401, 403, 404, 410) or "Sign in to" in answer.text
    if entry.json is not None and entry.path not in OPEN_PAGES:
        assert visitor.post(path, flow="x", credential={}).status_code in (400, 401, 403, 404)
    if entry.free is not None:
        assert visitor.post(path, grant_type="refresh_token", refresh_token="x").status_code in (
            200,
            401,
            404,
        )


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example:3210"])
def test_other_sites_can_send_nothing(house: House, origin: str) -> None:
    visitor = house.sign_up("ann@example.com")
    visitor.get("/auth/devices")
    form = visitor.request(
        "POST", "/auth/devices", data={**visitor.hidden, "action": "everywhere"}, headers={"origin": origin}
    )
    script = visitor.request("POST", "/auth/token", json={}, headers={"origin": origin})
    assert form.status_code == script.status_code == 403
    assert "access-control-allow-origin" not in script.headers
    read = visitor.request("GET", "/auth/session", headers={"origin": origin})
    assert read.json()["user"] is None
    assert "access-control-allow-origin" not in read.headers
    assert visitor.session() is not None


@pytest.mark.parametrize("signed_in", [True, False])
def test_get_changes_nothing(house: House, signed_in: bool) -> None:
    owner = house.sign_up("ann@example.com")
    visitor = owner if signed_in else house.visitor()
    visitor.get("/auth/sign-in")  # So that it has a flow cookie.
    before = contents(house)
    for entry in ENTRIES:
        if entry.get is not None:
            for method in ("GET", "HEAD"):
                visitor.request(method, f"/auth{entry.path}", headers={"accept": "text/html"})
    after = contents(house)
    assert {table for table in after if after[table] != before[table]} == set()
    assert owner.session() is not None


def contents(house: House) -> dict[str, list[tuple[Any, ...]]]:
    """All that the identity file holds, by table, but for how often things were tried."""

    def work(core: Core) -> dict[str, list[tuple[Any, ...]]]:
        tables = [name for (name,) in core.file.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        tables.remove("rates")
        return {name: core.file.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables}

    return house.do(work)


def test_a_friendly_origin_may_read_with_the_cookie(tmp_path: Path) -> None:
    with house(
        tmp_path,
        CHEAP,
        EmailCode(),
        Accounts(redirects=["https://app.example.com"]),
        url="https://example.com",
        production=True,
    ) as built:
        visitor = built.visitor()
        friend = visitor.request("GET", "/auth/session", headers={"origin": "https://app.example.com"})
        assert friend.headers["access-control-allow-origin"] == "https://app.example.com"
        assert friend.headers["access-control-allow-credentials"] == "true"
        stranger = visitor.request("GET", "/auth/session", headers={"origin": "http://localhost:5173"})
        assert "access-control-allow-origin" not in stranger.headers


def test_what_is_too_large_or_packed_is_refused(house: House) -> None:
    visitor = house.visitor()
    json, form = {"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded"}
    assert visitor.request("POST", "/auth/token", content=b"x" * 70_000, headers=json).status_code == 413
    assert (
        visitor.request("POST", "/auth/sign-in", content=b"a=" + b"x" * 70_000, headers=form).status_code
        == 413
    )
    packed = {**json, "content-encoding": "gzip"}
    assert visitor.request("POST", "/auth/token", content=b"x", headers=packed).status_code == 415
    assert visitor.request("POST", "/auth/token", content=b"[" * 60_000, headers=json).status_code == 400
    many = "&".join(f"a{number}=1" for number in range(100))
    assert visitor.request("POST", "/auth/sign-in", content=many, headers=form).status_code == 400
    assert visitor.request("POST", "/auth/sign-in", content=b"a=%ff%fe\xff", headers=form).status_code == 400


def test_development_helpers_are_not_there_in_production(tmp_path: Path) -> None:
    with house(tmp_path, CHEAP, url="https://example.com", production=True) as built:
        for entry in DEVELOPMENT:
            assert (
                built.visitor().request("GET", f"/auth{entry.path}".replace("{id:int}", "1")).status_code
                == 404
            )
        assert not allows_origin(built.settings, "http://localhost:5173")


def test_a_fault_of_a_page_is_logged_without_what_was_sent(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(flows, "get", broken)
    visitor = house.visitor()
    answer = visitor.request(
        "GET", "/auth/link?flow=planted-flow&token=planted-token", headers={"cookie": "x=planted-cookie"}
    )
    assert answer.status_code == 500 and "a fault" not in answer.text
    [logged] = [record for record in caplog.records if record.exc_info]
    assert logged.message == "GET /auth/link failed"
    assert "RuntimeError: a fault" in caplog.text and "planted" not in caplog.text


def test_nothing_secret_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    visitor = house.sign_up("ann@example.com", PASSWORD)
    secrets = [PASSWORD, house.code("ann@example.com"), visitor.token(), visitor.cookies["syncline_session"]]
    visitor.sign_in("ann@example.com", "another wrong one")
    assert not [each for each in [*secrets, "another wrong one"] if each in caplog.text]
