"""HTTP requests of every kind: whatever is asked, the answer has a documented form, and the connection stays usable.

Three kinds of examples. Requests that are HTTP, to all endpoints and to none, with every combination of method,
target, headers and body: each gets one answer, and the next request on the connection gets its own. Requests whose
end cannot be found, and bytes that are no HTTP: those are refused, or waited for. And upgrades to sockets.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fuzzed import FUZZING, Target
from support.fuzzed_http import Ask, asks, torn_requests, upgrades
from support.raw_http import Answer, RawConnection

#: What the API may answer. 500 is not among them: nothing that is asked may be a fault of the server.
_STATUSES = {200, 400, 401, 403, 404, 405, 413, 415, 417, 431, 503}


def ask(target: Target, asked: Ask) -> None:
    with RawConnection(target.port) as connection:
        connection.send(asked.encode())
        # Of what is no HTTP at all, the method does not count either.
        answer = connection.read(asked.method if asked.target.isascii() else b"GET")
        assert answer is not None, "the server hung up without an answer"
        judge(asked, answer)
        if answer.streaming:
            return
        if answer.closes:
            assert connection.at_end()
            return
        # The end of this request was found where it is, or the next one would be another one.
        assert connection.send(b"GET /version HTTP/1.1\r\nhost: test\r\n\r\n")
        version = connection.read()
        assert version is not None and version.status == 200 and version.body[:1].isdigit(), version


def judge(asked: Ask, answer: Answer) -> None:
    assert answer.status in _STATUSES | {304}, answer
    origin = dict(asked.headers).get(b"origin")
    if origin is not None and asked.target.isascii():
        assert answer.headers.get("access-control-allow-origin") == "*", answer
    if asked.method == b"HEAD" or answer.streaming:
        return
    is_json = answer.headers.get("content-type") == "application/json"
    if answer.status >= 400 and (is_json or asked.target.startswith((b"/api/", b"//api/"))):
        error = json.loads(answer.body)
        assert set(error) == {"code", "message"}, error
        assert error["code"].isalnum() and error["code"][0].isupper() and error["message"], error
    elif is_json and asked.target.startswith((b"/api/query?", b"/api/mutation", b"/api/action", b"/api/run")):
        check_envelope(json.loads(answer.body))


def check_envelope(envelope: dict[str, Any]) -> None:
    if envelope["status"] == "success":
        assert set(envelope) <= {"status", "value", "logLines"} and "value" in envelope, envelope
    else:
        assert envelope["status"] == "error" and isinstance(envelope["errorMessage"], str), envelope
        assert set(envelope) <= {"status", "errorMessage", "errorData", "logLines"}, envelope


@settings(FUZZING, max_examples=400)
@given(asks)
def test_every_request_has_one_answer_of_a_documented_form(target: Target, asked: Ask) -> None:
    ask(target, asked)
    target.check()


def is_refused_unread(asked: Ask) -> bool:
    """Whether the connection is closed for it, so that those before it may go without their answers."""
    return not asked.target.isascii() or any(name == b"content-encoding" for name, _ in asked.headers)


@settings(FUZZING, max_examples=40)
@given(st.lists(asks, min_size=2, max_size=6))
def test_requests_sent_together_are_answered_in_their_order(target: Target, asked: list[Ask]) -> None:
    asked = [each for each in asked if not is_refused_unread(each)]
    with RawConnection(target.port) as connection:
        connection.send(b"".join(each.encode() for each in asked))
        for each in asked:
            answer = connection.read(each.method)
            assert answer is not None, f"no answer to {each}"
            judge(each, answer)
            if answer.closes or answer.streaming:
                break
    target.check()


@pytest.mark.long
@settings(FUZZING, max_examples=15_000)
@given(asks)
def test_every_request_has_one_answer_for_long(target: Target, asked: Ask) -> None:
    ask(target, asked)
    target.check()


def send_torn(target: Target, raw: bytes) -> None:
    with RawConnection(target.port) as connection:
        connection.send(raw)
        connection.finish()
        # However much of it was understood: well-formed answers, and then the end. (What was asked is unclear, so
        # a HEAD among it may be answered without the body that its head announces.)
        try:
            while (answer := connection.read()) is not None and not answer.streaming:
                assert answer.status in _STATUSES | {100, 101, 304, 408}, answer
                if answer.status == 101:
                    break
        except AssertionError:
            assert b"HEAD" in raw.upper()
    target.check()


@settings(FUZZING, max_examples=250)
@given(torn_requests())
def test_what_is_hardly_http_is_refused_or_waited_for(target: Target, raw: bytes) -> None:
    send_torn(target, raw)


@pytest.mark.long
@settings(FUZZING, max_examples=15_000)
@given(torn_requests())
def test_what_is_hardly_http_for_long(target: Target, raw: bytes) -> None:
    send_torn(target, raw)


@settings(FUZZING, max_examples=80)
@given(upgrades, st.sampled_from([b"", b"hello", b"\x81\x80mask"]))
def test_an_upgrade_becomes_a_socket_or_is_refused(
    target: Target, fields: dict[str, bytes], rest: bytes
) -> None:
    fields = dict(fields)
    method = fields.pop("method")
    lines = [b"%b %b HTTP/1.1" % (method, fields.pop("target")), b"host: test"]
    lines += [b"%b: %b" % (name.encode(), value) for name, value in fields.items() if value]
    with RawConnection(target.port) as connection:
        connection.send(b"\r\n".join([*lines, b"", b""]) + rest)
        connection.finish()
        answer = connection.read(method)
        # Whoever hangs up at once may get no answer any more.
        if answer is not None:
            assert answer.status in _STATUSES | {101}, answer
            assert (
                "sec-websocket-extensions" not in answer.headers
                and "sec-websocket-protocol" not in answer.headers
            )
    target.check()
