"""Who is not signed in may call so often from one network address; who is, and others' addresses, do not notice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.issuers import LocalIssuer, clerk_token
from support.serving import Running, running
from support.sockets import SyncSocket
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import TooManyCallsError
from syncline.sync import CallRates

MODULES = {
    "__init__": "",
    "app": """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route
        from syncline import App
        from syncline.auth import Clerk

        inner = Starlette(routes=[Route("/", lambda request: PlainTextResponse("mounted"))])
        app = App(auth=[Clerk(domain="ISSUER")], mounts={"/mount": inner}, anonymous_mounts=["/mount"])
    """,
    "calls": """
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, Response
        from syncline import ActionCtx, MutationCtx, QueryCtx, action, mutation, query, route


        @query(anonymous=True)
        def look(ctx: QueryCtx) -> str:
            return "seen"


        @mutation(anonymous=True)
        def change(ctx: MutationCtx) -> str:
            return "changed"


        @action(anonymous=True)
        async def act(ctx: ActionCtx) -> str:
            return "done"


        @route("/route", anonymous=True)
        async def answer(ctx: ActionCtx, request: Request) -> Response:
            return PlainTextResponse("answered")
    """,
}
TOLD = "more than 3 calls of nobody who is signed in have come from your network address within a minute; go on in "
QUERY: dict[str, object] = {"path": "calls:look", "args": dict[str, object]()}
_ADDRESSES = count(1)


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    with LocalIssuer().running() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: LocalIssuer) -> Iterator[Running]:
    modules = {name: source.replace("ISSUER", issuer.url) for name, source in MODULES.items()}
    environment = {"SYNCLINE_TRUSTED_PROXIES": "127.0.0.0/8"}
    folder = tmp_path_factory.mktemp("app")
    with running(folder, modules, environment=environment, limits={"anonymous_calls": 3}) as server:
        yield server


@pytest.fixture
def address() -> str:
    """One that nobody has called from."""
    return f"203.0.113.{next(_ADDRESSES)}"


Ask = Callable[[Running, dict[str, str]], httpx.Response]


def post(path: str, body: object) -> Ask:
    return lambda server, headers: server.http.post(path, json=body, headers=headers)


def get(path: str) -> Ask:
    return lambda server, headers: server.http.get(path, headers=headers)


WAYS = {
    "query": post("/api/query", QUERY),
    "query by GET": get("/api/query?path=calls:look&args={}"),
    "mutation": post("/api/mutation", {"path": "calls:change", "args": {}}),
    "action": post("/api/action", {"path": "calls:act", "args": {}}),
    "run": post("/api/run/calls/look", {"args": {}}),
    "batch": post("/api/query_batch", {"queries": [QUERY]}),
    "route": get("/route"),
    "route by its alias": get("/http/route"),
    "mount": get("/mount/"),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_address_is_told_when_and_others_go_on(
    server: Running, issuer: LocalIssuer, address: str, way: str
) -> None:
    ask = WAYS[way]
    stranger = {"x-forwarded-for": address}
    for _ in range(3):
        assert ask(server, stranger).status_code == 200
    refused = ask(server, stranger)
    assert refused.status_code == 429
    assert refused.json()["code"] == "TooManyCalls"
    assert refused.json()["message"].startswith(TOLD)
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    token = clerk_token(issuer.url, time.time(), sub="ada")
    others = [
        {"x-forwarded-for": f"{address}, 198.51.100.{next(_ADDRESSES)}"},
        stranger | {"authorization": f"Bearer {token}"},
        stranger | {"authorization": f"Convex {server.admin_key}"},
    ]
    assert [ask(server, headers).status_code for headers in others] == [200] * 3


def test_each_query_of_a_batch_counts(server: Running, address: str) -> None:
    stranger = {"x-forwarded-for": address}
    assert post("/api/query_batch", {"queries": [QUERY] * 4})(server, stranger).status_code == 429
    assert post("/api/query_batch", {"queries": []})(server, stranger).status_code == 200


def test_streams_count(server: Running, address: str) -> None:
    for _ in range(3):
        with server.http.stream(
            "GET", "/api/watch/calls:look", headers={"x-forwarded-for": address}
        ) as answer:
            assert answer.status_code == 200
    assert server.http.get("/api/watch/calls:look", headers={"x-forwarded-for": address}).status_code == 429


def test_who_presents_what_is_no_token_is_nobody(server: Running, address: str) -> None:
    headers = {"x-forwarded-for": address, "authorization": "Bearer a.b.c"}
    answers = [WAYS["query"](server, headers).status_code for _ in range(4)]
    assert answers == [401, 401, 401, 429]


def test_all_of_a_network_of_ipv6_are_one(server: Running) -> None:
    answers = [WAYS["query"](server, {"x-forwarded-for": f"2001:db8::{n}"}).status_code for n in range(1, 5)]
    assert answers == [200, 200, 200, 429]
    assert WAYS["query"](server, {"x-forwarded-for": "2001:db8:0:1::1"}).status_code == 200


def test_calls_over_sockets_fail_one_by_one_and_the_socket_lives_on(
    server: Running, issuer: LocalIssuer, address: str
) -> None:
    with SyncSocket(server.port, x_forwarded_for=address) as socket:
        socket.connect()
        socket.subscribe(0, "calls:look")
        assert socket.value(0) == "seen"
        socket.mutate(0, "calls:change")
        assert socket.response(0)["success"]
        socket.act(1, "calls:act")
        assert socket.response(1)["success"]
        for request, call in ((2, socket.mutate), (3, socket.act)):
            call(request, "calls:change" if request == 2 else "calls:act")
            response = socket.response(request)
            assert not response["success"] and TOLD in response["result"]
        socket.subscribe(1, "calls:look")
        shown: list[dict[str, Any]] = []
        while not shown:
            shown = socket.receive().get("modifications", [])
        [refused] = shown
        assert refused["type"] == "QueryFailed" and TOLD in refused["errorMessage"]
        assert refused["errorData"]["code"] == "too_many_calls"
        # The same page, signed in.
        token = clerk_token(issuer.url, time.time(), sub="ada")
        socket.send(type="Authenticate", baseVersion=0, tokenType="User", value=token)
        socket.mutate(4, "calls:change")
        assert socket.response(4)["success"]
    with SyncSocket(server.port, x_forwarded_for=address) as again:
        # Another socket from there is not better off.
        again.connect()
        again.mutate(0, "calls:change")
        assert not again.response(0)["success"]


def test_neighbours_of_a_server_that_knows_no_proxies_are_not_counted(tmp_path: Path) -> None:
    modules = {"calls": MODULES["calls"]}
    with running(tmp_path, modules, limits={"anonymous_calls": 1}) as server:
        headers = {"x-forwarded-for": "203.0.113.1"}
        assert [WAYS["query"](server, headers).status_code for _ in range(5)] == [200] * 5
        assert [WAYS["route"](server, headers).status_code for _ in range(5)] == [200] * 5


def test_what_was_used_comes_back_evenly_and_the_table_is_bounded() -> None:
    clock = FakeClock()
    rates = CallRates(6, 2, clock, "more than {limit} calls")

    def made(whose: str, calls: int = 1) -> bool:
        try:
            rates.count(whose, calls)
        except TooManyCallsError as error:
            assert str(error) == f"more than 6 calls; go on in {error.retry_after:.0f} s"
            return False
        return True

    assert [made("a") for _ in range(7)] == [True] * 6 + [False]
    clock.advance(10)
    assert [made("a") for _ in range(2)] == [True, False]
    clock.advance(60)
    assert [made("a", 6), made("a")] == [True, False]
    # Those who called the longest ago begin anew.
    assert [made("b"), made("c"), made("a")] == [True] * 3
