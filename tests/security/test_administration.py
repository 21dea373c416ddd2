"""Administration at an address of its own: where everybody comes in there is nothing of it, and no admin key counts."""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx
import pytest

from support.gated_app import Gated, gated
from support.sockets import SyncSocket
from syncline.kernel.clock import SystemEntropy
from syncline.server.admin_keys import Scope, create_key


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gated]:
    with gated(tmp_path_factory.mktemp("app"), administration=True) as world:
        yield world


def key(world: Gated) -> dict[str, str]:
    return {"authorization": f"Convex {world.server.admin_key}"}


def administration(world: Gated) -> list[tuple[str, str]]:
    """Method and path of all of it."""
    paths = world.server.deployment.gateway.administration
    every = world.server.call(world.server.deployment.surface)
    return [
        (each.method, each.path)
        for each in every
        if each.path in paths or (each.kind == "sign-in" and each.path.startswith("/auth/v1"))
    ]


def told(answer: httpx.Response, path: str) -> tuple[int, str, dict[str, str]]:
    """All that an answer says, but for its date and the path that it was asked for."""
    # Headers of the sign-in have a new nonce each time.
    headers = {
        name: re.sub(r"nonce-[\w-]+", "", value)
        for name, value in answer.headers.items()
        if name not in ("date", "content-length")
    }
    return answer.status_code, re.sub(r'nonce="[^"]*"', "", answer.text).replace(path, "PATH"), headers


def nothing_like(path: str) -> str:
    prefix = next((each for each in ("/api/", "/auth/") if path.startswith(each)), "/")
    return f"{prefix}nothing-of-this-name"


def test_everything_that_needs_the_admin_key_is_counted_as_administration(world: Gated) -> None:
    """What refuses for want of the key must be among what is hidden."""
    found = {path for _, path in administration(world)}
    assert len(found) > 30
    for each in world.server.call(world.server.deployment.surface):
        if (
            each.kind != "endpoint"
            or each.path in found
            or each.path in ("*", "/api/")
            or each.path.endswith("/")
        ):
            continue
        answer = world.http.request(each.method, each.path, content=b"{}")
        assert "the admin key" not in answer.text, each


@pytest.mark.parametrize("holder", ["of the key", "of nothing"])
def test_the_addresses_of_administration_are_like_those_that_do_not_exist(world: Gated, holder: str) -> None:
    headers = key(world) if holder == "of the key" else {}
    for declared, path in administration(world):
        path = re.sub(r"{\w+(:\w+)?}", "1", path)
        nothing = nothing_like(path)
        for method in {declared, "GET", "POST", "PUT", "DELETE"}:
            for written, other in (
                (path, nothing),
                (f"{path}?x=1", f"{nothing}?x=1"),
                (f"/{path}", f"/{nothing}"),
            ):
                answer = world.http.request(method, written, headers=headers)
                expected = world.http.request(method, other, headers=headers)
                assert told(answer, path) == told(expected, nothing), (method, written)


def test_no_admin_key_counts_where_everybody_comes_in(world: Gated) -> None:
    call = {"path": "things:get", "args": {"id": world.thing}, "format": "json"}
    for headers in (key(world), {"authorization": f"Convex {world.server.admin_key}:e30="}):
        for path in ("query", "mutation", "action", "run/things/get", "query_at_ts", "query_batch"):
            body = {"query_batch": {"queries": [call]}, "query_at_ts": {**call, "ts": "AAAAAAAAAAA="}}.get(
                path, call
            )
            answer = world.http.post(f"/api/{path}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "BadDeployKey"), path
        assert world.http.get("/api/watch/things:mine", headers=headers).status_code == 403
        assert (
            world.http.get(f"/api/query?path=things:mine&adminKey={world.server.admin_key}").status_code
            == 403
        )
        for path in ("/things", "/http/things", f"/things/{world.thing}", "/shop/x", "/http/shop/x"):
            assert world.http.get(path, headers=headers).status_code == 401, path
    with SyncSocket(world.server.port) as socket:
        socket.connect()
        socket.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=world.server.admin_key)
        refused = socket.receive()
        assert refused["type"] == "AuthError" and "BadDeployKey" in refused["error"]
    assert '"key refused"' in (world.server.deployment.settings.data / "audit.log").read_text()


@pytest.mark.parametrize("scope", ["admin", "read"])
def test_no_key_that_was_made_later_counts_there_either(world: Gated, scope: Scope) -> None:
    deployment = world.server.deployment
    _, made = create_key(deployment.settings.data, "syncline", "ci", scope, None, 0, SystemEntropy())
    ring = deployment._key_ring  # pyright: ignore[reportPrivateUsage] - what its timer does
    world.server.call(ring.look)
    headers = {"authorization": f"Convex {made}"}
    while world.admin_http.get("/api/check_admin_key", headers=headers).status_code != 200:
        pass  # It is read on another thread.
    call = {"path": "things:get", "args": {"id": world.thing}, "format": "json"}
    answer = world.http.post("/api/query", json=call, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "BadDeployKey")
    assert world.http.get("/things", headers=headers).status_code == 401
    with SyncSocket(world.server.port) as socket:
        socket.connect()
        socket.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=made)
        assert socket.receive()["type"] == "AuthError"


def test_everything_is_answered_at_the_address_of_administration(world: Gated) -> None:
    headers = key(world)
    for path in ("/metrics", "/api/check_admin_key", "/api/statistics", "/auth/v1/users", "/things", "/docs"):
        assert world.admin_http.get(path, headers=headers).status_code == 200, path
        if path != "/docs":
            assert world.admin_http.get(path).status_code in (401, 403), path
    body = {"path": "things:get", "args": {"id": world.thing}, "format": "json"}
    assert world.admin_http.post("/api/function", json=body, headers=headers).json()["value"] == "of ada"
    assert world.admin_http.get("/things", headers=world.user("eve")).text == "['of eve']"
    with SyncSocket(httpx.URL(world.server.admin_url).port or 0) as socket:
        socket.connect()
        socket.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=world.server.admin_key)
        socket.subscribe(0, "things:get", id=world.thing)
        assert socket.value(0) == "of ada"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/version"])
def test_health_is_told_at_both(world: Gated, path: str) -> None:
    assert world.http.get(path).status_code == world.admin_http.get(path).status_code == 200
