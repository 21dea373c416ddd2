"""The headers of every answer below /auth, by the server's own list of what there is, and of every refusal. Check S26."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from support.holders import Holder
from support.houses import CHEAP, House, house
from syncline.accounts import rates
from syncline.auth import Accounts, EmailCode, OpenIDSignIn, Passkey
from syncline.kernel.limits import Limits

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "font-src": "'self'",
    "connect-src": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'",
}  # fmt: skip
FIXED = {
    "x-frame-options": "DENY", "x-content-type-options": "nosniff", "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
}  # fmt: skip
#: What everybody may keep for a while, because it is the same for all.
KEPT = ("/auth/assets/", "/auth/.well-known/")
#: Mails as mail programs show them: styles of their own, images from elsewhere, and no script.
MAILS = ("/auth/inbox/1", "/auth/inbox/samples/sign_up")
FILLING = {"provider": "acme", "kind": "sign_up", "name": "style.css"}
HTTPS = "https://example.com"


@pytest.fixture(scope="module", params=[True, False], ids=["production", "development"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    acme = OpenIDSignIn(name="acme", issuer="https://id.example", client_id="x", client_secret="y")
    ways = (
        CHEAP,
        EmailCode(),
        Passkey(),
        acme,
        Accounts(algorithm="ES256", redirects=["https://app.example.com"]),
    )
    more = {"url": HTTPS, "production": True} if request.param else {}
    with house(tmp_path_factory.mktemp("headers"), *ways, **more) as built:
        yield built


def check(house: House, answer: httpx.Response) -> None:
    """Everything that every answer says."""
    headers, path = answer.headers, answer.url.path
    assert headers["x-content-type-options"] == "nosniff", (path, answer.status_code)
    assert {name: headers[name] for name in FIXED} == FIXED, path
    parts = [part.strip().partition(" ") for part in headers["content-security-policy"].split(";")]
    policy = {name: value for name, _, value in parts}
    targets = policy.pop("form-action", "")
    if path in MAILS and answer.status_code == 200:
        assert policy == {
            "default-src": "'none'",
            "style-src": "'unsafe-inline'",
            "img-src": "'self' data: https:",
        }
    else:
        assert policy == POLICY, path
        assert targets.split()[0] == "'self'" and "*" not in targets.replace("localhost:*", "").replace(
            "0.0.1:*", ""
        )
    kept = "public, max-age=600" if "well-known" in path else "public, max-age=300"
    is_kept = answer.status_code == 200 and path.startswith(KEPT)
    assert headers["cache-control"] == (kept if is_kept else "no-store"), path
    assert ("strict-transport-security" in headers) is house.settings.secure
    if house.settings.secure:
        assert headers["strict-transport-security"] == "max-age=31536000"
    assert "origin" in headers["vary"].lower()


def test_every_answer_to_every_method_has_them(home: House) -> None:
    holder, stranger, statuses = Holder(home), home.visitor(), set[int]()
    assert len(home.provider.routes) > 80
    asked = {holder.visitor: ("GET", "POST"), stranger: ("GET", "HEAD", "POST", "PUT", "OPTIONS")}
    for route in home.provider.routes:
        assert isinstance(route, Route)
        path = re.sub(
            r"{(\w+)(:\w+)?}",
            lambda found: FILLING.get(found[1]) or holder.things.get(found[1], "1"),
            route.path,
        )
        for visitor, methods in asked.items():
            # With https there are a few headers more, and nothing else.
            for method in methods[: 1 if home.settings.secure else None]:
                answer = visitor.request(method, path, headers={"accept": "text/html"})
                check(home, answer)
                statuses.add(answer.status_code)
    assert statuses >= {200, 303, 401, 403, 404, 410}
    assert home.settings.secure or statuses >= {405, 415}


def test_every_refusal_has_them_for_people_and_for_scripts(home: House) -> None:
    visitor, url = home.visitor(), home.settings.url
    json = {"origin": url, "content-type": "application/json"}
    form = {"origin": url, "content-type": "application/x-www-form-urlencoded"}
    for _ in range(12):
        home.do(rates.take, ("device.ip", "203.0.113.7"))
    asks: dict[str, tuple[str, str, dict[str, str], bytes]] = {
        "400": ("POST", "/auth/token", json, b"{"),
        "401": ("POST", "/auth/token", json, b"{}"),
        "403": ("POST", "/auth/sign-in", {**form, "origin": "https://evil.example"}, b""),
        "404": ("GET", "/auth/nothing", {}, b""),
        "405": ("PUT", "/auth/sign-in", {}, b""),
        "410": ("GET", "/auth/verify?flow=x", {}, b""),
        "413": ("POST", "/auth/sign-in", form, b"a=" + b"x" * 70_000),
        "415": ("POST", "/auth/token", {**json, "content-type": "text/plain"}, b"{}"),
        "429": ("POST", "/auth/device", json, b"{}"),
        "404 of the administration": ("GET", "/auth/v1/nothing", {}, b""),
        "403 of the administration": ("GET", "/auth/v1/users", {}, b""),
        "404 of its things": ("GET", "/auth/v1/users/x", {"authorization": "Convex admin|secret"}, b""),
    }  # fmt: skip
    for status, (method, path, headers, content) in asks.items():
        for accept in ("text/html", "application/json"):
            answer = visitor.request(method, path, headers={**headers, "accept": accept}, content=content)
            assert answer.status_code == int(status[:3]), (status, answer.text)
            assert answer.headers["content-type"].startswith(accept)
            check(home, answer)
            assert ("retry-after" in answer.headers) is (answer.status_code == 429)


def test_preflights_have_them_whoever_asks(home: House) -> None:
    for origin, status in (("https://app.example.com", 204), ("https://evil.example", 403)):
        headers = {"origin": origin, "access-control-request-method": "POST"}
        answer = home.visitor().request("OPTIONS", "/auth/token", headers=headers)
        assert answer.status_code == status
        check(home, answer)


def test_what_breaks_has_them_and_tells_nothing(home: House, caplog: pytest.LogCaptureFixture) -> None:
    holder = Holder(home)
    home.do(lambda core: core.file.change("ALTER TABLE api_keys RENAME TO lost"))
    try:
        for accept in ("text/html", "application/json"):
            key = {"authorization": "Convex admin|secret", "accept": accept}
            for path in ("/auth/api-keys", "/auth/v1/api-keys"):
                answer = holder.visitor.request("GET", path, headers=key)
                assert answer.status_code == 500
                check(home, answer)
                assert "api_keys" not in answer.text and "Traceback" not in answer.text
    finally:
        home.do(lambda core: core.file.change("ALTER TABLE lost RENAME TO api_keys"))
    assert "api_keys" in caplog.text


def test_a_server_with_too_much_to_do_says_so_with_them(tmp_path: Path) -> None:
    with house(tmp_path, CHEAP, EmailCode(), limits=Limits(identity_requests=0)) as built:
        cookie = f"{built.provider.session_cookie}=x"
        answer = built.visitor().request("GET", "/auth/account", headers={"cookie": cookie})
        assert answer.status_code == 503 and answer.headers["retry-after"]
        check(built, answer)
