"""Mutations and actions: their responses, the transitions after them, their order, their bounds."""

from __future__ import annotations

import pytest

from support.session_pair import Json, Server, Socket, end_ts, values
from syncline.functions import request_id_for
from syncline.kernel.limits import Limits
from syncline.values import decode_ts


def kinds(messages: list[Json]) -> list[str]:
    return [message["type"] for message in messages]


def watching(server: Server, *groups: str) -> Socket:
    client = server.client()
    for query_id, group in enumerate(groups):
        client.watch(query_id, "m:sum", group=group)
    client.settled()
    return client


def test_a_response_and_the_transition_after_it_leave_in_one_write() -> None:
    server = Server()
    client = watching(server, "bb")
    client.writes.clear()
    client.mutate(0)
    response, transition = client.settled()
    assert response == {
        "type": "MutationResponse",
        "requestId": 0,
        "success": True,
        "result": 2.0,
        "ts": response["ts"],
        "logLines": [],
    }
    assert transition["modifications"] == []
    assert end_ts(transition) == decode_ts(response["ts"]) == server.engine.history.head
    assert len(client.writes) == 1


def test_the_transition_after_a_response_shows_the_write() -> None:
    server = Server()
    client = watching(server, "aa")
    client.writes.clear()
    client.mutate(0)
    response, transition = client.settled()
    assert values(transition) == {0: 2.0}
    assert end_ts(transition) >= decode_ts(response["ts"])
    assert len(client.writes) == 1


def test_a_client_without_queries_gets_its_transition_too() -> None:
    client = Server().client()
    client.mutate(0)
    assert kinds(client.settled()) == ["MutationResponse", "Transition"]


def test_a_failed_mutation_is_answered_at_once_and_followed_by_a_transition() -> None:
    server = Server()
    client = watching(server, "aa")
    client.watch(1, "m:sum", group="bb")  # Nothing can be shown until it has run.
    client.mutate(4, "m:fail")
    server.engine.step_lane()
    server.engine.step_news()
    (response,) = client.take()
    assert response["success"] is False
    assert response["ts"] is None
    assert response["errorData"] == {"refused": "m:fail"}
    assert "Server Error" in response["result"]
    assert kinds(client.settled()) == ["Transition"]


def test_a_mutation_without_writes_has_a_timestamp_and_a_transition() -> None:
    server = Server()
    client = watching(server, "aa")
    client.mutate(0, "m:noop")
    response, transition = client.settled()
    assert decode_ts(response["ts"]) <= end_ts(transition)


def test_responses_of_one_batch_share_a_transition() -> None:
    server = Server()
    client = watching(server, "aa")
    for request in range(5):
        client.mutate(request)
    client.writes.clear()
    server.engine.step_lane(64)
    messages = client.settled()
    assert kinds(messages) == ["MutationResponse"] * 5 + ["Transition"]
    assert [message["requestId"] for message in messages[:5]] == [0, 1, 2, 3, 4]
    assert values(messages[-1]) == {0: 10.0}
    assert len(client.writes) == 1


def test_a_transition_to_an_older_snapshot_goes_ahead_of_the_response() -> None:
    server = Server()
    client = watching(server, "aa")
    server.write("aa", "01")
    server.engine.step_news()
    server.engine.step_reader()  # The snapshot is before the client's own mutation.
    client.mutate(0)
    server.engine.step_lane()
    server.engine.step_news()
    server.engine.step_answers()
    assert values(client.transition()) == {0: 2.0}
    response, transition = client.settled()
    assert response["type"] == "MutationResponse"
    assert values(transition) == {0: 4.0}
    assert end_ts(transition) >= decode_ts(response["ts"])


def test_a_response_does_not_wait_for_a_slow_query_but_its_transition_does() -> None:
    server = Server()
    client = server.client()
    client.watch(0, "m:slow", group="aa")
    client.settled()
    client.mutate(0)
    server.engine.step_lane()
    server.engine.step_news()
    (response,) = client.take()
    assert response["type"] == "MutationResponse"
    (transition,) = client.settled()
    assert values(transition) == {0: 2.0}
    assert end_ts(transition) >= decode_ts(response["ts"])


def test_a_replay_gets_the_recorded_result_with_its_timestamp_and_a_transition() -> None:
    server = Server()
    first = server.client()
    first.mutate(3)
    response, _ = first.settled()
    first.session.disconnected()
    again = Socket(server, first.version, first.session_id)
    again.connect(observed=decode_ts(response["ts"]))
    again.modify()
    again.take()
    again.mutate(3)
    repeated, transition = again.settled()
    assert repeated == response
    assert transition["type"] == "Transition"
    assert len(server.engine.applied) == 1


def test_a_replay_that_arrives_while_the_original_waits_takes_effect_once() -> None:
    server = Server()
    first = server.client()
    first.mutate(3)
    first.session.disconnected()
    again = Socket(server, first.version, first.session_id)
    again.connect()
    again.mutate(3)
    assert kinds(again.settled()) == ["MutationResponse", "Transition"]
    assert len(server.engine.applied) == 1
    assert first.take() == []


def test_a_request_sent_twice_over_one_socket_is_answered_twice() -> None:
    client = Server().client()
    client.mutate(3)
    client.mutate(3)
    assert kinds(client.settled()).count("MutationResponse") == 2


def test_mutations_take_effect_in_the_order_in_which_they_were_sent() -> None:
    server = Server()
    client = server.client()
    for request in range(10):
        client.mutate(request, group="aa", name="00", by=2.0, op=str(request))
    client.settled()
    assert server.engine.applied == [str(request) for request in range(10)]


def test_too_many_waiting_mutations_close_the_socket() -> None:
    server = Server(Limits(session_mutations=3))
    client = server.client()
    for request in range(4):
        client.mutate(request)
    assert client.closed == (1013, "TooManyConcurrentMutations")
    server.settle()
    assert client.take() == []


def test_answered_mutations_make_room_for_others() -> None:
    server = Server(Limits(session_mutations=3))
    client = server.client()
    for request in range(9):
        client.mutate(request)
        server.settle()
    assert client.closed is None


def test_an_action_is_answered_and_followed_by_a_transition_with_its_writes() -> None:
    server = Server()
    client = watching(server, "aa")
    client.act(0, "m:add_later", group="aa", name="00", by=2.0)
    messages = client.settled()
    assert messages[-1]["type"] == "Transition"
    assert {
        "type": "ActionResponse",
        "requestId": 0,
        "success": True,
        "result": 2.0,
        "logLines": [],
    } in messages
    shown = [values(message) for message in messages if message["type"] == "Transition"]
    assert {0: 2.0} in shown


def test_a_failed_action_is_followed_by_a_transition() -> None:
    client = Server().client()
    client.act(0, "m:act_fail")
    response, transition = client.settled()
    assert response["type"] == "ActionResponse"
    assert response["success"] is False
    assert "ts" not in response
    assert transition["type"] == "Transition"


def test_too_many_running_actions_close_the_socket() -> None:
    client = Server(Limits(session_actions=2)).client()
    for request in range(3):
        client.act(request)
    assert client.closed == (1013, "TooManyConcurrentActions")


@pytest.mark.parametrize("kind", ["Mutation", "Action"])
def test_a_full_engine_is_the_failure_of_the_call(kind: str) -> None:
    server = Server()
    server.engine.overloaded = True
    client = server.client()
    client.receive({"type": kind, "requestId": 5, "udfPath": "m:add", "args": [{}]})
    response, transition = client.settled()
    assert response["success"] is False
    assert response["errorData"]["code"] == "overloaded"
    assert "Try again" in response["errorData"]["message"]
    assert response["result"].startswith(
        f"[Request ID: {request_id_for(client.session_id.bytes, 5)}] Server Error"
    )
    assert transition["type"] == "Transition"
    assert client.closed is None


@pytest.mark.parametrize("args", ["[]", "[{},{}]"])
def test_anything_but_one_object_of_arguments_is_the_failure_of_the_call(args: str) -> None:
    client = Server().client()
    client.session.receive(f'{{"type":"Mutation","requestId":0,"udfPath":"m:add","args":{args}}}'.encode())
    response, transition = client.settled()
    assert response["success"] is False
    assert "one object with its arguments" in response["errorData"]["message"]
    assert transition["type"] == "Transition"


def test_a_component_holds_no_functions_but_the_root_is_no_component() -> None:
    client = Server().client()
    message: Json = {
        "type": "Mutation",
        "requestId": 0,
        "udfPath": "m:add",
        "args": [{}],
        "componentPath": "c",
    }
    client.receive(message)
    response, _ = client.settled()
    assert "Could not find public function for 'm:add' in 'c'." in response["result"]
    args = [{"group": "aa", "name": "00", "by": 2}]
    client.receive(message | {"requestId": 1, "componentPath": "", "args": args})
    assert client.settled()[0]["success"] is True


def test_in_production_failures_say_nothing_but_their_request_id() -> None:
    server = Server(redact=True)
    client = server.client()
    client.receive(
        {"type": "Mutation", "requestId": 0, "udfPath": "m:add", "args": [{}], "componentPath": "c"}
    )
    response, _ = client.settled()
    assert response["result"] == f"[Request ID: {request_id_for(client.session_id.bytes, 0)}] Server Error"


def test_what_runs_when_the_socket_breaks_goes_on_and_its_responses_go_nowhere() -> None:
    server = Server()
    client = watching(server, "aa")
    client.mutate(0)
    client.act(1)
    client.session.disconnected()
    assert client.settled() == []
    assert len(server.engine.applied) == 1
    assert server.live.stats().subscriptions == 0


def test_a_session_is_busy_until_everything_asked_for_was_answered_and_confirmed() -> None:
    server = Server()
    client = watching(server, "aa")
    assert not client.session.busy
    client.mutate(0)
    assert client.session.busy
    server.engine.step_lane()
    server.engine.step_news()
    assert client.session.busy
    client.settled()
    assert not client.session.busy
