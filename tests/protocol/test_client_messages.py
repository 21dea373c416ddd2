"""What clients send over the socket."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.fuzz import damaged, json_texts
from syncline.kernel.errors import ArgumentError
from syncline.protocol import (
    Action,
    Add,
    Authenticate,
    Connect,
    Event,
    ModifyQuerySet,
    Mutation,
    ProtocolError,
    Remove,
    argument_object,
    decode_client_message,
)
from syncline.values import decode_json

SESSION = "6f1c1f0e-6f1b-4d3a-9a55-0d2b8a1f7c10"
CONNECT = (
    b'{"type":"Connect","sessionId":"6f1c1f0e-6f1b-4d3a-9a55-0d2b8a1f7c10","connectionCount":1,'
    b'"lastCloseReason":"InactiveServer","maxObservedTimestamp":"i3huNaFc6hg=","clientTs":1795349251135}'
)
MODIFY = (
    b'{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":['
    b'{"type":"Add","queryId":0,"udfPath":"messages:list","args":[{"n": 1}],"journal":"j"},'
    b'{"type":"Remove","queryId":4294967295}]}'
)
MUTATION = b'{"type":"Mutation","requestId":0,"udfPath":"messages:send","args":[{"body":"hi"}]}'
ACTION = b'{"type":"Action","requestId":7,"udfPath":"a:b","args":[{}],"componentPath":""}'
LOGIN = b'{"type":"Authenticate","baseVersion":2,"tokenType":"User","value":"jwt"}'
EVENT = b'{"type":"Event","eventType":"ClientConnect","event":[{"name":"x"}]}'


def test_connect_names_the_session_and_what_it_has_seen() -> None:
    message = decode_client_message(CONNECT)

    assert isinstance(message, Connect)
    assert message.session_id == UUID(SESSION)
    assert (message.connection_count, message.last_close_reason) == (1, "InactiveServer")
    assert (message.max_observed_ts, message.client_ts) == (1795349248916486283, 1795349251135)


def test_the_rust_client_connects_with_less() -> None:
    message = decode_client_message(
        b'{"type":"Connect","sessionId":"%b","connectionCount":0,"lastCloseReason":null}' % SESSION.encode()
    )

    assert isinstance(message, Connect)
    assert (message.last_close_reason, message.max_observed_ts, message.client_ts) == (None, None, None)


def test_the_query_set_is_changed_by_adding_and_removing() -> None:
    message = decode_client_message(MODIFY)

    assert isinstance(message, ModifyQuerySet)
    assert (message.base_version, message.new_version) == (0, 1)
    add, remove = message.modifications
    assert isinstance(add, Add)
    assert (add.query_id, add.udf_path, add.journal, add.component_path) == (0, "messages:list", "j", None)
    assert bytes(add.args) == b'[{"n": 1}]'
    assert isinstance(remove, Remove)
    assert remove.query_id == 4294967295


def test_an_empty_change_of_the_query_set_is_a_message_too() -> None:
    message = decode_client_message(
        b'{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[]}'
    )

    assert isinstance(message, ModifyQuerySet)
    assert message.modifications == []


def test_calls_carry_their_arguments_unread() -> None:
    mutation, action = decode_client_message(MUTATION), decode_client_message(ACTION)

    assert isinstance(mutation, Mutation)
    assert (mutation.request_id, mutation.udf_path, bytes(mutation.args)) == (
        0,
        "messages:send",
        b'[{"body":"hi"}]',
    )
    assert isinstance(action, Action)
    assert (action.request_id, action.udf_path, action.component_path) == (7, "a:b", "")


def test_an_admin_may_act_as_a_user_in_either_spelling() -> None:
    base: dict[str, Any] = {"type": "Authenticate", "baseVersion": 0, "tokenType": "Admin", "value": "key"}
    npm = decode_client_message(json.dumps({**base, "impersonating": {"subject": "a"}}).encode())
    rust = decode_client_message(json.dumps({**base, "acting_as": {"subject": "b"}}).encode())
    plain = decode_client_message(json.dumps({**base, "impersonating": None}).encode())

    assert (
        isinstance(npm, Authenticate) and isinstance(rust, Authenticate) and isinstance(plain, Authenticate)
    )
    assert [m.acting_as for m in (npm, rust, plain)] == [{"subject": "a"}, {"subject": "b"}, None]
    assert (npm.token_type, npm.value) == ("Admin", "key")


def test_logging_in_and_out() -> None:
    user = decode_client_message(LOGIN)
    nobody = decode_client_message(b'{"type":"Authenticate","baseVersion":3,"tokenType":"None"}')

    assert isinstance(user, Authenticate) and isinstance(nobody, Authenticate)
    assert (user.base_version, user.token_type, user.value) == (2, "User", "jwt")
    assert (nobody.token_type, nobody.value) == ("None", None)


@pytest.mark.parametrize("event", ["1", "null", '{"timeSavedMs":5}', '[{"a":[]}]'])
def test_events_are_accepted_whatever_they_hold(event: str) -> None:
    message = decode_client_message(f'{{"type":"Event","eventType":"x","event":{event}}}'.encode())

    assert isinstance(message, Event)


def test_fields_of_later_versions_are_ignored() -> None:
    message = decode_client_message(b'{"new":{"a":[1]},' + MUTATION[1:])

    assert isinstance(message, Mutation)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `type`"),
        (b'{"type":"Zip"}', "Invalid value 'Zip' - at `$.type`"),
        (b'{"type":"Mutation"}', "Object missing required field `requestId`"),
        (MUTATION.replace(b":0,", b":-1,"), "Expected `int` >= 0 - at `$.requestId`"),
        (MUTATION.replace(b":0,", b":4294967296,"), "Expected `int` <= 4294967295 - at `$.requestId`"),
        (MUTATION.replace(b":0,", b":1.5,"), "Expected `int`, got `float` - at `$.requestId`"),
        (MUTATION.replace(b'"messages:send"', b"1"), "Expected `str`, got `int` - at `$.udfPath`"),
        (MUTATION.replace(b"messages", b"\xff"), "the message is not valid UTF-8"),
        (MUTATION.replace(b"[{", b"[" * 100_000), "the message is too deeply nested"),
        (CONNECT.replace(b"6f1c", b"zzzz"), "Invalid UUID - at `$.sessionId`"),
        (
            CONNECT.replace(b"i3hu", b""),
            "'NaFc6hg=' is not a timestamp: it must be 8 bytes, little endian, in padded base64",
        ),
        (LOGIN.replace(b"User", b"Robot"), "Invalid enum value 'Robot' - at `$.tokenType`"),
        (LOGIN.replace(b',"value":"jwt"', b""), "Authenticate with tokenType 'User' needs a value"),
    ],
)
def test_a_message_that_is_none_gets_the_text_of_its_fatal_error(raw: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        decode_client_message(raw)

    assert str(refused.value) == f"Received Invalid JSON on websocket: {reason}"
    assert refused.value.code == "WSMessageInvalidJson"


def _with_args(pair: tuple[bytes, bytes]) -> bytes:
    template, args = pair
    return template.replace(b"[{}]", args).replace(b'[{"body":"hi"}]', args)


messages = st.sampled_from([CONNECT, MODIFY, MUTATION, ACTION, LOGIN, EVENT])


@given(
    st.one_of(
        st.binary(max_size=40),
        json_texts,
        damaged(messages),
        st.tuples(st.sampled_from([MUTATION, ACTION]), json_texts).map(_with_args),
    )
)
@example(MUTATION.replace(b"[{", b'[{"a":' * 50_000))
@example(MUTATION.replace(b'"hi"', b'"\\ud800"'))
@example(MUTATION.replace(b'"hi"', b"\xff"))
@example(MUTATION.replace(b"0", b"9" * 5000))
@example(MUTATION.replace(b"}]}", b'}],"requestId":{}}'))
def test_any_bytes_are_a_message_or_a_protocol_error(raw: bytes) -> None:
    try:
        message = decode_client_message(raw)
    except ProtocolError as error:
        assert str(error).startswith("Received Invalid JSON on websocket: ")
        return
    if isinstance(message, Mutation | Action):
        try:
            decode_json(argument_object(message.args))
        except (ArgumentError, ValueError) as error:
            assert str(error)
