"""What clients do wrong: what they are told, and how the socket closes."""

from __future__ import annotations

import pytest

from support.session_pair import NPM, Json, Server, Socket, added, values
from syncline.kernel.limits import Limits


def fatal(client: Socket) -> str:
    """The text of the FatalError with which the socket was closed, without a code."""
    (message,) = client.take()
    assert message["type"] == "FatalError"
    assert client.closed == (None, "")
    text: str = message["error"]
    return text


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"x"', b"{}", b'{"type":"Nonsense"}', b"\xff\xfe", b"[" * 30_000]
)
def test_what_is_no_message_is_fatal(raw: bytes) -> None:
    client = Server().client()
    client.session.receive(raw)
    assert fatal(client).startswith("Received Invalid JSON on websocket: ")


BEFORE_CONNECT: list[Json] = [
    {"type": "Mutation", "requestId": 0, "udfPath": "m:add", "args": [{}]},
    {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": []},
    {"type": "Authenticate", "baseVersion": 0, "tokenType": "None"},
    {"type": "Event", "eventType": "x", "event": None},
]


@pytest.mark.parametrize("message", BEFORE_CONNECT)
def test_anything_before_connect_is_fatal(message: Json) -> None:
    client = Server().socket()
    client.receive(message)
    assert fatal(client) == f"Received {message['type']} before Connect: Connect is the first message."


def test_a_second_connect_is_fatal() -> None:
    client = Server().client()
    client.connect()
    assert "Connect twice" in fatal(client)


def test_a_binary_frame_is_fatal() -> None:
    client = Server().client()
    client.session.receive_binary()
    assert "binary" in fatal(client)


@pytest.mark.parametrize(("base", "new"), [(3, 4), (1, 2)])
def test_a_wrong_base_version_is_fatal(base: int, new: int) -> None:
    client = Server().client()
    client.receive({"type": "ModifyQuerySet", "baseVersion": base, "newVersion": new, "modifications": []})
    assert fatal(client) == f"Base version {base} passed up doesn't match the current version 0"


def test_a_new_version_that_is_not_newer_is_fatal() -> None:
    client = Server().client()
    client.receive({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 0, "modifications": []})
    assert "New version 0" in fatal(client)


def test_versions_may_skip_numbers() -> None:
    client = Server().client()
    client.receive({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 7, "modifications": []})
    assert client.transition()["endVersion"]["querySet"] == 7


@pytest.mark.parametrize("path", ["m:", ":f", "m.py:f", "../m:f", "m:f-g", ""])
def test_a_path_that_cannot_be_one_is_fatal(path: str) -> None:
    for kind in ("Add", "Mutation", "Action"):
        client = Server().client()
        if kind == "Add":
            client.watch(0, path)
        else:
            client.receive({"type": kind, "requestId": 0, "udfPath": path, "args": [{}]})
        assert "is not a function path" in fatal(client)


@pytest.mark.parametrize("path", ["m:sum", "m.js:sum"])
def test_paths_with_and_without_extension_are_one(path: str) -> None:
    client = Server().client()
    client.watch(0, path, group="aa")
    assert values(*client.settled()) == {0: 0.0}


def test_adding_a_query_id_twice_closes_for_a_fresh_start() -> None:
    client = Server().client()
    client.modify(added(1, "m:sum"), added(1, "m:sum"))
    assert client.closed == (1011, "InternalServerError")
    assert client.settled() == []


def test_removing_an_unknown_query_closes_for_a_fresh_start() -> None:
    client = Server().client()
    client.unwatch(5)
    assert client.closed == (1011, "InternalServerError")


def test_events_and_unknown_fields_are_ignored() -> None:
    client = Server().client()
    client.receive({"type": "Event", "eventType": "ClientConnect", "event": [{"name": "x"}], "more": 1})
    client.receive({"type": "Event"})
    client.receive(
        {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [], "future": {"a": 1}}
    )
    assert client.transition()["type"] == "Transition"
    assert client.closed is None


def test_a_closed_session_says_and_takes_nothing() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.session.close(1001, "ServerRestart")
    assert client.closed == (1001, "ServerRestart")
    client.mutate(0)
    client.session.receive(b"{")
    client.session.receive_binary()
    client.session.tick(10**9)
    client.session.drained()
    server.write("aa")
    assert client.settled() == []
    assert client.session.closed
    assert server.live.stats().subscriptions == 0


def test_a_large_frame_before_connect_closes_the_socket() -> None:
    client = Server(Limits(frame_bytes_before_connect=100)).socket()
    client.session.receive(b" " * 101)
    assert client.closed == (1009, "MessageTooLarge")


def test_a_frame_above_the_limit_closes_the_socket() -> None:
    client = Server(Limits(frame_bytes=500)).client()
    client.session.receive(b" " * 501)
    assert client.closed == (1009, "MessageTooLarge")


def test_queries_above_the_limit_fail_and_say_why() -> None:
    server = Server(Limits(session_queries=2))
    client = server.client()
    client.modify(*[added(number, "m:sum", group="aa") for number in range(3)])
    (transition,) = client.settled()
    assert transition["modifications"][2]["type"] == "QueryFailed"
    data = transition["modifications"][2]["errorData"]
    assert data["code"] == "limit"
    assert "session queries: 3 used, the limit is 2" in data["message"]
    assert values(transition)[1] == 0.0
    client.unwatch(2)
    client.unwatch(1)
    client.watch(3, "m:sum", group="bb")
    assert values(client.settled()[-1])[3] == 0.0


def test_many_queries_above_the_limit_close_the_socket() -> None:
    client = Server(Limits(session_queries=2)).client()
    client.modify(*[added(number, "m:sum", group="aa") for number in range(5)])
    assert client.closed == (1013, "TooManyQueries")


def test_arguments_of_all_queries_of_a_socket_are_bounded_and_one_may_be_large() -> None:
    """Official clients may send 16 MiB with one query: so there is no smaller bound of each, but one of all together."""
    server = Server(Limits(session_argument_bytes=100_000))
    client = server.client()
    client.modify(*[added(number, "m:sum", group="a" * 33_000) for number in range(4)])
    (transition,) = client.settled()
    kinds = [each["type"] for each in transition["modifications"]]
    assert kinds == ["QueryUpdated", "QueryUpdated", "QueryUpdated", "QueryFailed"]
    data = transition["modifications"][3]["errorData"]
    assert data["code"] == "limit"
    assert "session argument bytes: 132," in data["message"]
    assert (
        "the limit is 100,000. Unsubscribe from queries that are not shown, or send them less"
        in data["message"]
    )
    client.unwatch(0)
    client.watch(4, "m:sum", group="a" * 90_000)
    client.watch(5, "m:sum", group="a" * 33_000)
    shown = client.settled()
    failed = [each["type"] for message in shown for each in message["modifications"]]
    assert failed.count("QueryFailed") == 1 and "QueryUpdated" in failed


def test_a_socket_that_changes_its_queries_without_end_is_closed() -> None:
    server = Server(Limits(session_query_changes=6))
    client = server.client()
    for _ in range(2):
        for number in range(3):
            client.watch(number, "m:sum", group="aa")
            client.unwatch(number)
        client.settled()
        assert client.closed is None
        server.clock.advance(60)
    client.modify(*[added(number, "m:sum", group="aa") for number in range(7)])
    assert client.closed == (1013, "TooManyQueryChanges")
    # What changes nothing is a change, too: it is answered.
    empty = server.client()
    for _ in range(7):
        empty.modify()
    assert empty.closed == (1013, "TooManyQueryChanges")


def test_queries_of_a_component_and_without_arguments_fail_alone() -> None:
    client = Server().client()
    add = added(0, "m:sum", group="aa")
    client.modify(add | {"componentPath": "c"}, add | {"queryId": 1, "args": []}, add | {"queryId": 2})
    (transition,) = client.settled()
    shown = values(transition)
    assert "Could not find public function for 'm:sum' in 'c'." in str(shown[0])
    assert "one object with its arguments" in str(shown[1])
    assert shown[2] == 0.0


def test_a_socket_that_never_connects_is_closed_after_a_while() -> None:
    server = Server()
    client = server.socket(NPM)
    server.clock.advance(60)
    client.session.tick(server.clock.monotonic())
    assert client.closed is None
    server.clock.advance(61)
    client.session.tick(server.clock.monotonic())
    assert client.closed == (1000, "ConnectTimeout")
