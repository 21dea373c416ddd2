"""What the server sends over the socket, byte for byte as in the reference's transcripts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.protocol import (
    INITIAL_VERSION,
    PING,
    StateVersion,
    action_failed,
    action_response,
    auth_error,
    failed_for,
    fatal_error,
    mutation_failed,
    mutation_response,
    query_failed,
    query_removed,
    query_updated,
    shared_failure_tail,
    shared_update_tail,
    transition,
    transition_chunks,
    updated_for,
)

FIRST_TS = 1795349248916486283
SECOND_TS = 1795349250998818604
FIRST = StateVersion(1, 0, FIRST_TS)
SECOND = StateVersion(1, 0, SECOND_TS)


def test_the_transcript_of_a_subscription() -> None:
    assert transition(
        INITIAL_VERSION, FIRST, [query_updated(0, b"[]", b"[]", None)], 12, 1795349250608420000
    ) == (
        b'{"type":"Transition","startVersion":{"querySet":0,"identity":0,"ts":"AAAAAAAAAAA="},'
        b'"endVersion":{"querySet":1,"identity":0,"ts":"i3huNaFc6hg="},"modifications":['
        b'{"type":"QueryUpdated","queryId":0,"value":[],"logLines":[],"journal":null}],'
        b'"clientClockSkew":12,"serverTs":1795349250608420000}'
    )
    assert mutation_response(0, b"null", SECOND_TS, b"[\"[LOG] 'sent'\"]") == (
        b'{"type":"MutationResponse","requestId":0,"success":true,"result":null,'
        b'"ts":"LFeMsaFc6hg=","logLines":["[LOG] \'sent\'"]}'
    )
    assert PING == b'{"type":"Ping"}'
    assert transition(SECOND, StateVersion(2, 0, SECOND_TS), [query_removed(0)], 12, 1795349260000000000) == (
        b'{"type":"Transition","startVersion":{"querySet":1,"identity":0,"ts":"LFeMsaFc6hg="},'
        b'"endVersion":{"querySet":2,"identity":0,"ts":"LFeMsaFc6hg="},"modifications":['
        b'{"type":"QueryRemoved","queryId":0}],"clientClockSkew":12,"serverTs":1795349260000000000}'
    )


def test_the_transcript_of_a_failure_with_data() -> None:
    message = '[Request ID: 0123456789abcdef] Server Error\nUncaught ConvexError: "bad"\n'

    assert mutation_failed(1, message, error_data=b'"bad"') == (
        b'{"type":"MutationResponse","requestId":1,"success":false,"result":"[Request ID: 0123456789abcdef] '
        b'Server Error\\nUncaught ConvexError: \\"bad\\"\\n","ts":null,"logLines":[],"errorData":"bad"}'
    )


def test_the_transcript_of_a_refused_token() -> None:
    assert auth_error("Could not validate token: expired", 0, True) == (
        b'{"type":"AuthError","error":"Could not validate token: expired","baseVersion":0,"authUpdateAttempted":true}'
    )
    assert json.loads(auth_error("x", None, False)) == {
        "type": "AuthError",
        "error": "x",
        "baseVersion": None,
        "authUpdateAttempted": False,
    }


def test_an_empty_transition_says_that_nothing_changed() -> None:
    message: Any = json.loads(transition(FIRST, FIRST, [], None, 5))

    assert message["startVersion"] == message["endVersion"]
    assert (message["modifications"], message["clientClockSkew"], message["serverTs"]) == ([], None, 5)


def test_several_modifications_travel_together() -> None:
    parts = [
        query_updated(1, b'{"a":1.0}', b'["[LOG] 1"]', "j\n"),
        query_failed(2, "no", b"[]", None),
        query_removed(3),
    ]

    assert json.loads(transition(FIRST, SECOND, parts, -3, 5))["modifications"] == [
        {
            "type": "QueryUpdated",
            "queryId": 1,
            "value": {"a": 1.0},
            "logLines": ["[LOG] 1"],
            "journal": "j\n",
        },
        {"type": "QueryFailed", "queryId": 2, "errorMessage": "no", "logLines": [], "journal": None},
        {"type": "QueryRemoved", "queryId": 3},
    ]


def test_what_all_subscribers_share_is_made_once() -> None:
    updated, failed = shared_update_tail(b"1.0", b"[]", "j"), shared_failure_tail("no", b"[]", None, b"null")

    assert updated_for(7, updated) == query_updated(7, b"1.0", b"[]", "j")
    assert failed_for(7, failed) == query_failed(7, "no", b"[]", None, b"null")


def test_error_data_is_there_only_for_errors_that_have_it() -> None:
    # Its presence, even as null, makes the client's error a ConvexError.
    assert "errorData" not in json.loads(query_failed(1, "no", b"[]", None))
    assert json.loads(query_failed(1, "no", b"[]", None, b"null"))["errorData"] is None
    assert "errorData" not in json.loads(mutation_failed(1, "no"))
    assert "errorData" not in json.loads(action_failed(1, "no"))
    assert json.loads(action_failed(1, "no", b"[]", b"{}"))["errorData"] == {}


def test_responses_to_actions_have_no_timestamp() -> None:
    assert action_response(3, b"2.0") == (
        b'{"type":"ActionResponse","requestId":3,"success":true,"result":2.0,"logLines":[]}'
    )
    assert json.loads(action_failed(3, "no")) == {
        "type": "ActionResponse",
        "requestId": 3,
        "success": False,
        "result": "no",
        "logLines": [],
    }


def test_a_failed_mutation_has_no_timestamp_but_the_field() -> None:
    assert json.loads(mutation_failed(1, "no"))["ts"] is None


def test_texts_of_errors_may_hold_anything() -> None:
    assert fatal_error('a "b"\n') == b'{"type":"FatalError","error":"a \\"b\\"\\n"}'
    assert json.loads(fatal_error("half \ud800 of a pair"))["error"] == "half \\ud800 of a pair"


@given(st.text('aé€😀\n"\\', max_size=60), st.integers(4, 30))
def test_chunks_put_together_are_the_message(text: str, size: int) -> None:
    message = transition(
        FIRST, SECOND, [query_updated(0, json.dumps(text, ensure_ascii=False).encode(), b"[]", None)], 1, 2
    )
    chunks: list[Any] = [json.loads(chunk) for chunk in transition_chunks(message, size)]

    assert "".join(chunk["chunk"] for chunk in chunks).encode() == message
    assert all(0 < len(chunk["chunk"].encode()) <= size for chunk in chunks)
    assert [chunk["partNumber"] for chunk in chunks] == list(range(len(chunks)))
    assert {(chunk["type"], chunk["totalParts"], chunk["transitionId"]) for chunk in chunks} == {
        ("TransitionChunk", len(chunks), str(len(message)))
    }


@pytest.mark.parametrize("size", [20, 10, 7])
def test_chunks_are_cut_only_where_needed(size: int) -> None:
    chunks = transition_chunks(b"x" * 20, size)

    assert [len(json.loads(chunk)["chunk"]) for chunk in chunks] == {20: [20], 10: [10, 10], 7: [7, 7, 6]}[
        size
    ]
