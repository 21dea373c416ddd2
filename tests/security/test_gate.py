"""Everything that a server answers, called by whoever should not get in. The list is the running server's own: what is
added to it later is called too, and fails here unless it refuses, or is named below as open.

Functions are called one by one, over HTTP and sockets, in tests/identity/test_middleware.py.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Generator, Iterable
from typing import Final

import httpx
import pytest

from support.gated_app import Gated, gated
from support.raw_http import RawConnection
from support.sockets import SyncSocket
from syncline.http import Surface

#: Endpoints that call functions: the gate is before each of these.
FUNCTIONS: Final = {
    "/api/query", "/api/mutation", "/api/action", "/api/run/", "/api/query_at_ts", "/api/query_batch", "/api/watch/",
}  # fmt: skip
#: What answers everybody, and why that tells and changes nothing.
OPEN_ENDPOINTS: Final = {
    "/version": "the version of Syncline",
    "/instance_version": "the same",
    "/instance_name": "the name of the deployment, which is in every admin key",
    "/.well-known/jwks.json": "public keys",
    "/healthz": "whether it lives",
    "/readyz": "whether it takes requests",
    "/echo": "what was sent",
    "/api/debug_event": "nothing is kept",
    "/api/query_ts": "the time of the last commit",
    "*": "preflights, which browsers send without credentials",
}
OPEN_PAGES: Final = {
    "/docs": "in development; tests/security/test_reference_pages.py has production",
    "/docs/reference.js": "a script of ours",
    "/docs/reference.css": "its colours",
    "/openapi.json": "the same",
    "/_syncline/convex.js": "the client library",
    "/{path:path}": "the site, which a browser must get before anybody can sign in",
}
#: Pages of the sign-in that are for those who are not signed in.
OPEN_SIGN_IN: Final = {
    f"/auth{path}"
    for path in (
        "", "/", "/sign-in", "/sign-up", "/verify", "/link", "/reset", "/new-password", "/mfa", "/sign-out", "/invitation",
        "/passkeys/options", "/passkeys/sign-in", "/session", "/authorize", "/exchange", "/revoke", "/device", "/inbox",
        "/inbox/{id:int}", "/inbox/samples", "/inbox/samples/{kind}",
        "/.well-known/jwks.json", "/.well-known/openid-configuration", "/assets/theme.css",
        "/assets/{name}", "/oauth/{provider}/start", "/oauth/{provider}/callback", "/impersonate", "/connect",
    )
}  # fmt: skip


@pytest.fixture(scope="module", params=["together", "apart"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gated]:
    """With administration where everything is, and at an address of its own."""
    with gated(tmp_path_factory.mktemp("app"), administration=request.param == "apart") as world:
        yield world


def parts(world: Gated, kind: str) -> list[Surface]:
    return [each for each in world.server.call(world.server.deployment.surface) if each.kind == kind]


def ask(
    world: Gated, each: Surface, headers: dict[str, str], body: str = "{}", http: httpx.Client | None = None
) -> httpx.Response:
    """Ask for one of the addresses, parameters filled with what exists. `http`: where, if not where everybody does."""
    path = re.sub(r"{(\w+)(:\w+)?}", lambda found: _filling(world, found[1]), each.path)
    path += "anything" if path.endswith("/") and each.kind in ("endpoint", "mount") else ""
    method = "POST" if each.method == "*" else each.method
    sent = None if method in ("GET", "HEAD") else body
    return (http or world.http).request(
        method, path, headers={"content-type": "application/json", **headers}, content=sent
    )


def _filling(world: Gated, name: str) -> str:
    return world.thing if name == "id" else "11111111-1111-1111-1111-111111111111"


def methods_of(each: Surface) -> Iterable[Surface]:
    """The methods to try: all where any is taken."""
    if each.method != "*":
        return [each]
    return [each._replace(method=name) for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")]


def test_the_list_has_something_of_every_kind(world: Gated) -> None:
    found = Counter(each.kind for each in world.server.call(world.server.deployment.surface))
    assert set(found) == {"endpoint", "file", "route", "mount", "page", "sign-in"}
    assert found["endpoint"] > 40 and found["sign-in"] > 60
    assert {each.path for each in parts(world, "mount")} == {
        "/shop/", "/shop/window/", "/http/shop/", "/http/shop/window/",
    }  # fmt: skip


def test_endpoints_are_for_functions_or_for_admins_or_named_as_open(world: Gated) -> None:
    named = FUNCTIONS | OPEN_ENDPOINTS.keys()
    assert named <= {each.path for each in parts(world, "endpoint")}
    guests = {**world.strangers(), "a user": world.user("eve")}
    for each in parts(world, "endpoint"):
        if each.path in named:
            continue
        for shape in ("{}", '{"path": "things:mine", "args": {}}', '{"changes": []}'):
            for name, headers in guests.items():
                for http in (world.http, world.admin_http):
                    answer = ask(world, each, headers, shape, http)
                    assert answer.status_code in (400, 401, 403, 404), (name, each, answer.status_code)
                    assert world.thing not in answer.text and "of ada" not in answer.text, (name, each)
        admin = ask(world, each, {"authorization": f"Convex {world.server.admin_key}"}, http=world.admin_http)
        bare = ask(world, each, {}, http=world.admin_http)
        # What admins get to do, others do not get as far as to do wrongly.
        assert bare.status_code in (401, 403) or bare.text == admin.text, (each, bare.text)


def test_endpoints_of_functions_refuse_every_credential_that_is_none(world: Gated) -> None:
    for each in parts(world, "endpoint"):
        if each.path not in FUNCTIONS - {"/api/watch/"} or each.method == "HEAD":
            continue  # A watch has no end: tests/identity/test_middleware.py has them.
        args = {"id": world.thing}
        call = {"path": "things:get", "args": args, "format": "json"}
        bodies = {
            "/api/run/": {"args": args},
            "/api/query_batch": {"queries": [call]},
            "/api/query_at_ts": call | {"ts": world.http.post("/api/query_ts").json()["ts"]},
        }
        body = json.dumps(bodies.get(each.path, call))
        for name, headers in world.strangers().items():
            for http in (world.http, world.admin_http):
                answer = ask(world, each, headers, body, http)
                assert "of ada" not in answer.text and "of eve" not in answer.text, (name, each)
                if "authorization" in headers and answer.status_code not in (400, 404):
                    assert answer.status_code in (401, 403), (name, each, answer.text)


def test_routes_are_refused_before_their_code_runs_on_both_of_their_addresses(world: Gated) -> None:
    routes = parts(world, "route")
    assert {each.path for each in routes} >= {"/things", "/http/things", "/open", "/things/{id}"}
    before = len(world.seen())
    for each in routes:
        for name, headers in world.strangers().items():
            answer = ask(world, each, headers)
            if each.anonymous:
                assert (answer.status_code, answer.text) == (200, "[]"), (name, each)
            else:
                assert answer.status_code == 401, (name, each)
                assert answer.json()["code"] == "unauthenticated", (name, each)
    assert len(world.seen()) == before


def test_routes_show_users_their_own_and_nothing_of_others(world: Gated) -> None:
    for each in parts(world, "route"):
        answer = ask(world, each, world.user("eve"))
        assert answer.status_code == 200, each
        expected = "None" if each.path.endswith("{id}") else "['of eve']"
        assert answer.text == expected, each
    one = world.http.get(f"/things/{world.thing}", headers=world.user("ada"))
    assert one.text == "of ada"


def test_mounts_are_refused_at_every_path_below_them_before_their_code_runs(world: Gated) -> None:
    before, opened = len(world.seen()), 0
    for mount in parts(world, "mount"):
        for each in methods_of(mount):
            for below in ("", "anything", "deep/er", "%2e%2e/open", "window2", "/"):
                for name, headers in world.strangers().items():
                    answer = world.http.request(each.method, mount.path + below, headers=headers)
                    if mount.anonymous and answer.status_code == 200:
                        assert answer.text in ("[]", ""), (name, each)
                        opened += 1
                    else:
                        assert answer.status_code in (401, 404, 405), (name, each, below, answer.status_code)
    assert opened > 0
    assert len(world.seen()) == before + opened
    assert not any("window" not in path for path in world.seen()[before:])


def test_mounts_show_users_their_own_and_nothing_of_others(world: Gated) -> None:
    for mount in parts(world, "mount"):
        assert ask(world, mount, world.user("eve")).text == "['of eve']", mount


@pytest.mark.parametrize(
    "path",
    [
        "/%74hings", "//things", "/things/", "/things//", "/./things", "/open/../things", "/things%00", "/things;x", "/THINGS",
        "/http//things", "/http/http/things", "/%68ttp/things", "/shop", "/shop/x/../window",
        "/%73hop/x", "/shop%2fx", "/http/%73hop/x",
    ],
)  # fmt: skip
def test_other_ways_to_write_a_path_lead_around_nothing(world: Gated, path: str) -> None:
    before = len(world.seen())
    with RawConnection(world.server.port) as connection:  # Libraries tidy paths up.
        connection.send(f"GET {path} HTTP/1.1\r\nhost: test\r\naccept: */*\r\n\r\n".encode())
        answer = connection.read()
    assert answer is not None and answer.status in (400, 401, 404), answer
    assert len(world.seen()) == before


def test_pages_are_named_as_open_and_hold_nothing_of_anybody(world: Gated) -> None:
    for each in parts(world, "page"):
        assert each.path in OPEN_PAGES, f"{each}: say why it is open, or let it refuse"
        for headers in ({}, world.user("eve")):
            assert "of ada" not in ask(world, each, headers).text


def test_the_description_names_no_internal_function(world: Gated) -> None:
    assert "/api/run/things/mine" in world.http.get("/openapi.json").text
    registry = world.server.deployment.engine.release.registry
    paths = world.http.get("/openapi.json").json()["paths"]
    for function in registry:
        name = f"/api/run/{function.path.replace(':', '/')}"
        assert (name in paths) is (not function.internal and not function.path.startswith("_system/"))


def test_pages_of_the_sign_in_refuse_whoever_has_no_session(world: Gated) -> None:
    """Access tokens are no sessions: a page of somebody's account opens with the cookie alone."""
    named = {each.path for each in parts(world, "sign-in")}
    assert named >= OPEN_SIGN_IN
    origin = {"origin": world.server.url}
    guests = {**world.strangers(), "a user of another issuer": world.user("eve")}
    for each in parts(world, "sign-in"):
        if each.path in OPEN_SIGN_IN:
            continue
        for name, headers in guests.items():
            for kind in ("application/json", "application/x-www-form-urlencoded"):
                answer = ask(world, each, {**headers, **origin, "content-type": kind})
                assert answer.headers["x-frame-options"] == "DENY", each
                assert "default-src 'none'" in answer.headers["content-security-policy"], each
                if answer.status_code == 303:
                    assert answer.headers["location"].startswith("/auth/sign-in"), (name, each)
                else:
                    # 404: of a way to sign in that the application has not.
                    assert answer.status_code in (401, 403, 404, 415), (name, each, answer.status_code)


def test_files_are_served_by_their_own_addresses_only(world: Gated) -> None:
    ada = world.user("ada")
    upload = world.call("mutation", "things:upload_url", ada, private=True)
    file = world.http.post(upload, content=b"a secret of ada").json()["storageId"]
    signed = world.call("query", "things:file_url", ada, file=file, expires_in=60)
    assert world.http.get(signed).text == "a secret of ada"
    address, _, signature = signed.partition("?")
    other = world.http.post(
        world.call("mutation", "things:upload_url", world.user("eve"), private=True), content=b"of eve"
    ).json()["storageId"]
    others = world.call("query", "things:file_url", world.user("eve"), file=other, expires_in=60)
    late = re.sub(r"expires=(\d+)", lambda found: f"expires={int(found[1]) + 3600}", signed)
    wrong = [
        address,
        f"{address}?{others.partition('?')[2]}",
        late,
        signed[:-4] + "AAAA",
        f"{address}?signature=&expires=9999999999",
    ]
    assert signature
    for url in wrong:
        for name, headers in {**world.strangers(), "a user": world.user("eve"), "its owner": ada}.items():
            for method in ("GET", "HEAD"):
                answer = world.http.request(method, url, headers=headers)
                assert answer.status_code == 403, (name, url, answer.status_code)
                assert "secret" not in answer.text


def test_uploads_take_nothing_without_an_address_that_was_given_out(world: Gated) -> None:
    ada = world.user("ada")
    used = world.call("mutation", "things:upload_url", ada, private=False)
    token = used.partition("token=")[2]
    assert world.http.post(used, content=b"one").status_code == 200
    guests = {**world.strangers(), "a user": world.user("eve")}
    for each in parts(world, "file"):
        if each.path.endswith("{key}"):
            assert ask(world, each, {}).status_code == 404
            continue
        for query in ("", "?token=", "?token=a.b", f"?token={token[:-4]}AAAA", f"?token={token[4:]}"):
            for name, headers in guests.items():
                answer = ask(world, each._replace(path=each.path + query), headers)
                assert answer.status_code == 403, (name, each, query, answer.status_code)
    assert world.http.post(used, content=b"two").status_code == 409


def test_sockets_open_at_their_own_addresses_only_and_show_strangers_nothing(world: Gated) -> None:
    for path in (
        "/shop",
        "/shop/window",
        "/things",
        "/",
        "/auth/sign-in",
        "/api/storage/upload",
        "/http/api/sync",
    ):
        with SyncSocket(world.server.port, path) as socket:
            assert not socket.opened.startswith(b"HTTP/1.1 101"), path
    for name, headers in world.strangers().items():
        # Headers count for nothing: who somebody is, sockets learn from messages.
        with SyncSocket(world.server.port, **headers) as socket:
            socket.connect()
            socket.subscribe(0, "things:mine")
            assert socket.value(0) == [], name


def test_the_admin_key_opens_no_door_in_another_deployments_name(world: Gated) -> None:
    name, _, secret = world.server.admin_key.partition("|")
    for key in (f"other|{secret}", f"|{secret}", secret, f"{name}|", f"{name}|{secret.upper()}"):
        headers = {"authorization": f"Convex {key}"}
        assert world.admin_http.get("/api/check_admin_key", headers=headers).status_code == 403, key


DEEP: Final = {
    # Small enough for pages, which take 64 KiB.
    "a few": '{"path":"things:mine","a":' + "[" * 5_000 + "]" * 5_000 + "}",
    "lists": "[" * 100_000 + "]" * 100_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "within": '{"path":"things:mine","format":"json","args":%s}' % ('{"a":' * 90_000 + "1" + "}" * 90_000),
    "open": '{"path":"things:mine","args":{"a":' + "[" * 500_000,
}


def test_deep_json_is_a_mistake_of_the_caller_wherever_it_is_taken(world: Gated) -> None:
    """And the server serves on: a parser that gives up takes nothing along."""
    admin = {"authorization": f"Convex {world.server.admin_key}"}
    asked = 0
    for each in (*parts(world, "endpoint"), *parts(world, "sign-in")):
        if each.method in ("GET", "HEAD", "OPTIONS") or each.path in ("*", "/echo"):
            continue
        for name, body in DEEP.items():
            answer = ask(world, each, admin, body, world.admin_http)
            assert answer.status_code < 500, (each, name, answer.text[:200])
            asked += 1
    assert asked > 200
    assert world.http.get("/healthz").status_code == 200


def test_deep_json_in_headers_and_addresses_is_a_mistake_of_the_caller(world: Gated) -> None:
    deep = "[" * 5_000 + "]" * 5_000

    def identity(claim: str) -> str:
        return base64.b64encode(b'{"subject":"x","issuer":"https://y","a":%s}' % claim.encode()).decode()

    def encoded(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    header = encoded('{"alg":"RS256","typ":"JWT"}')
    token = f"{header}.{encoded('[' * 2_500 + ']' * 2_500)}.{encoded('x')}"
    query = {"path": "things:mine", "format": "json"}
    for headers, args in (
        ({"authorization": f"Bearer {token}"}, "{}"),
        ({"authorization": f"Convex {world.server.admin_key}:{identity(deep)}"}, "{}"),
        ({"authorization": f"Convex {world.server.admin_key}:{identity('[' * 64 + ']' * 64)}"}, "{}"),
        ({}, deep),
        ({}, f'{{"a":{deep}}}'),
    ):  # fmt: skip
        answer = world.admin_http.get("/api/query", params={**query, "args": args}, headers=headers)
        assert answer.status_code in (400, 401, 403), (headers, answer.status_code, answer.text[:200])
