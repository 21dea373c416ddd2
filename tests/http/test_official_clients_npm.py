"""The official npm client, unmodified, against a real server."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from support.applications import write_application
from support.node import node_modules
from support.notes import MODULES
from support.official import ClientError, NpmClient, fault_proxy, npm_client
from support.processes import ServerProcess, serving
from support.serving import Running, running

pytestmark = pytest.mark.node

__all__ = ["node_modules"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running, None, None]:
    with running(tmp_path_factory.mktemp("app"), MODULES) as server:
        yield server


@pytest.fixture
def client(server: Running, node_modules: Path) -> Generator[NpmClient, None, None]:
    with npm_client(node_modules, server.url) as client:
        yield client


def test_a_subscription_shows_each_change(client: NpmClient) -> None:
    client.subscribe("a", "notes:list", list="sub")
    assert client.value("a") == []
    assert isinstance(client.mutation("notes:add", text="one", list="sub"), str)
    assert client.value("a") == ["one"]
    client.mutation("notes:add", text="two", list="sub")
    assert client.value("a") == ["one", "two"]


def test_two_clients_converge(client: NpmClient, server: Running, node_modules: Path) -> None:
    with npm_client(node_modules, server.url) as other:
        for each in (client, other):
            each.subscribe("a", "notes:list", list="two")
        calls = [
            each.start("mutation", path="notes:add", args={"text": str(number), "list": "two"})
            for number in range(10)
            for each in (client, other)
        ]
        for call in calls:
            call.result(60)
        last = [each.until("a", lambda value: len(value) == 20)[-1] for each in (client, other)]
        assert last[0] == last[1]


def test_values_of_all_types_arrive(client: NpmClient) -> None:
    assert client.do("query", path="notes:values") == {
        "big": {"$integer": "AQAAAAAAIAA="},
        "bytes": {"$bytes": "aGk="},
        "half": 0.5,
    }


def test_actions_and_one_shot_queries(client: NpmClient) -> None:
    assert client.do("action", path="notes:twice", args={"text": "x"}) >= 2
    assert client.do("action", path="notes:calculate", args={"number": 21}) == 42
    assert client.do("query", path="notes:shout", args={"text": "hi"}) == "HI"


def test_errors_carry_their_data_and_bugs_their_message(client: NpmClient) -> None:
    with pytest.raises(ClientError) as refused:
        client.mutation("notes:refuse")
    assert refused.value.data == "bad"
    client.subscribe("refused", "notes:refused")
    assert client.event("refused")["data"] == {"code": "no", "limit": 3}
    client.subscribe("broken", "notes:broken")
    event = client.event("broken")
    assert "data" not in event and "Uncaught ValueError: a bug" in event["error"]
    client.subscribe("missing", "notes:missing")
    assert "Could not find public function for 'notes:missing'." in client.event("missing")["error"]
    with pytest.raises(ClientError, match="Could not find public function"):
        client.do("action", path="notes:missing")


def test_pages_adjoin_and_grow_without_gaps(client: NpmClient) -> None:
    for number in range(10):
        client.mutation("notes:add", text=str(number), list="paged")

    def texts(name: str) -> list[str]:
        return [note["text"] for note in client.value(name)["page"]]

    client.subscribe(
        "first", "notes:page", list="paged", paginationOpts={"numItems": 4, "cursor": None, "id": 1}
    )
    first = client.value("first")
    assert [note["text"] for note in first["page"]] == ["9", "8", "7", "6"]
    assert first["isDone"] is False
    options = {"numItems": 4, "cursor": first["continueCursor"], "id": 1}
    client.subscribe("second", "notes:page", list="paged", paginationOpts=options)
    assert texts("second") == ["5", "4", "3", "2"]
    client.mutation("notes:add", text="new", list="paged")
    assert texts("first") == ["new", "9", "8", "7", "6"]
    assert not client.has_event("second")


def test_an_optimistic_update_is_replaced_by_the_result_without_a_flicker(client: NpmClient) -> None:
    client.subscribe("a", "notes:list", list="hope")
    assert client.value("a") == []
    client.do(
        "optimistic",
        path="notes:add",
        args={"text": "real", "list": "hope"},
        query="notes:list",
        queryArgs={"list": "hope"},
        value=["hoped"],
    )
    assert [client.value("a"), client.value("a")] == [["hoped"], ["real"]]


def test_unsubscribed_queries_are_forgotten_by_the_server(client: NpmClient, server: Running) -> None:
    def subscriptions() -> int:
        return server.call(lambda: server.deployment.live.stats().subscriptions)

    client.subscribe("a", "notes:list", list="gone")
    client.value("a")
    before = subscriptions()
    client.do("unsubscribe", **{"as": "a"})
    while subscriptions() >= before:
        pass


def test_the_http_client(client: NpmClient) -> None:
    def http(kind: str, path: str, **args: object) -> object:
        return client.do("http", kind=kind, path=path, args=args)

    http("mutation", "notes:add", text="one", list="http")
    assert http("query", "notes:list", list="http") == ["one"]
    assert http("consistentQuery", "notes:list", list="http") == ["one"]
    assert http("action", "notes:calculate", number=2) == 4
    with pytest.raises(ClientError) as refused:
        http("query", "notes:refused")
    assert refused.value.data == {"code": "no", "limit": 3}


def test_the_admin_key_opens_internal_functions_and_acts_as_users(client: NpmClient, server: Running) -> None:
    client.subscribe("me", "notes:me")
    assert client.value("me") is None
    client.do("admin", key=server.admin_key, identity={"issuer": "https://i", "subject": "ann"})
    assert client.value("me") == "https://i|ann"
    client.subscribe("secret", "notes:secret")
    assert client.value("secret") == "internal"


def test_a_token_without_providers_is_refused_and_the_client_goes_on_anonymously(client: NpmClient) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjEsImV4cCI6NDEwMjQ0NDgwMH0.x"
    client.subscribe("me", "notes:me")
    assert client.value("me") is None
    client.do("token", value=token)
    assert client.value("auth") is False
    assert client.do("query", path="notes:shout", args={"text": "on"}) == "ON"


@pytest.mark.parametrize(
    ("within", "cuts"),
    # The client waits twice as long after each cut.
    [
        (100, 3),
        (1_500, 3),
        *(pytest.param(size, 6, marks=pytest.mark.long) for size in (100, 400, 1_500, 6_000)),
    ],
)
def test_a_client_that_is_cut_off_again_and_again_writes_everything_once(
    server: Running, node_modules: Path, within: int, cuts: int
) -> None:
    """Cuts fall into the handshake, the first messages, a mutation, its response, a transition."""
    name = f"cut-{within}-{cuts}"
    with fault_proxy(server.port, seed=within) as proxy, npm_client(node_modules, proxy.url) as client:
        client.subscribe("a", "notes:list", list=name)
        assert client.value("a") == []
        proxy.cut_within(within)
        proxy.cut_all()
        calls = [
            client.start("mutation", path="notes:add", args={"text": str(n), "list": name}) for n in range(20)
        ]
        proxy.wait_for_cuts(cuts)
        proxy.heal()
        for call in calls:
            call.result(60)
        assert client.until("a", lambda value: len(value) >= 20)[-1] == [str(n) for n in range(20)]
        assert server.value("query", "notes:list", list=name) == [str(n) for n in range(20)]


@pytest.fixture
def process(tmp_path: Path) -> Generator[ServerProcess, None, None]:
    write_application(tmp_path, **MODULES)
    with serving(tmp_path, "start") as process:
        yield process


def test_a_server_that_is_killed_under_load_loses_and_repeats_nothing(
    process: ServerProcess, node_modules: Path
) -> None:
    with npm_client(node_modules, process.url) as client:
        client.subscribe("a", "notes:list")
        assert client.value("a") == []
        calls: list[Future[Any]] = []
        for number in range(300):
            calls.append(client.start("mutation", path="notes:add", args={"text": str(number)}))
            if number in (60, 180):
                calls[number - 50].result(60)
                os.kill(process.children()[0], signal.SIGKILL)
        for call in calls:
            call.result(60)
        assert client.until("a", lambda value: len(value) >= 300)[-1] == [str(n) for n in range(300)]
        assert not client.has_event("uncaught")
    process.wait_for("ready", times=3)


def test_a_server_that_stops_gracefully_is_rejoined(tmp_path: Path, node_modules: Path) -> None:
    write_application(tmp_path, **MODULES)
    with serving(tmp_path, "start") as first:
        port = first.port
        with npm_client(node_modules, first.url) as client:
            client.subscribe("a", "notes:list")
            assert client.value("a") == []
            first.signal(signal.SIGTERM)
            assert first.wait() == 0
            late = client.start("mutation", path="notes:add", args={"text": "while it was away"})
            with serving(tmp_path, "start", "--port", str(port)):
                late.result(60)
                assert client.until("a", bool)[-1] == ["while it was away"]
