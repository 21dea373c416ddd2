"""The connection against a server that a test plays: every message by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from syncline.client.calls import MAX_WAITING, CallKind
from syncline.client.connection import MAX_WATCHES, Connection, FatalProtocolError, RefusedError
from syncline.client.errors import AuthenticationError, ClientError, ConnectionLostError
from syncline.client.outcomes import Failed, Settled, Succeeded
from syncline.client.tokens import AdminKey
from syncline.client.watches import Watch
from syncline.kernel.clock import FakeClock
from syncline.kernel.errors import OverloadedError
from syncline.protocol import ProtocolError
from syncline.values import encode_ts

Json = dict[str, Any]


class Played:
    """A connection, and the server's end of its socket."""

    def __init__(self, **options: Any) -> None:
        self.states: list[tuple[str, str]] = []
        self.connection = Connection(
            UUID(int=7), FakeClock(), lambda state, reason: self.states.append((state, reason)), **options
        )
        self.at = (0, 0, 0)
        self.changes = 0

    def open(self) -> list[Json]:
        self.at = (0, 0, 0)
        self.connection.opened()
        return self.sent()

    def sent(self) -> list[Json]:
        return [msgspec.json.decode(message) for message in self.connection.take()]

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.sent()]

    def say(self, **message: Any) -> None:
        self.connection.received(msgspec.json.encode(message))

    def transition(self, *modifications: Json, query_set: int = 1, identity: int = 0, ts: int = 10) -> None:
        start, self.at = self.at, (query_set, identity, ts)
        self.say(
            type="Transition",
            startVersion=version(start),
            endVersion=version(self.at),
            modifications=list(modifications),
            clientClockSkew=0,
            serverTs=1,
        )

    def watch(self, path: str = "m:list", args: bytes = b"{}") -> Watch:
        return self.connection.watch(path, args, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def call(self, kind: CallKind = "mutation", path: str = "m:send") -> list[Settled]:
        """The list that the outcome will be in."""
        settled: list[Settled] = []
        self.connection.call(kind, path, b"{}", settled.append)
        return settled

    def committed(self, request_id: int, ts: int = 10, result: Any = None) -> None:
        self.say(
            type="MutationResponse",
            requestId=request_id,
            success=True,
            result=result,
            ts=encode_ts(ts),
            logLines=[],
        )


def version(at: tuple[int, int, int]) -> Json:
    return {"querySet": at[0], "identity": at[1], "ts": encode_ts(at[2])}


def state(of: Watch | Connection) -> str:
    """Its state now: type checkers would remember the last one."""
    return of.state


def updated(query_id: int, value: Any, journal: str | None = None) -> Json:
    return {"type": "QueryUpdated", "queryId": query_id, "value": value, "logLines": [], "journal": journal}


def failed(query_id: int, message: str, **more: Any) -> Json:
    return {
        "type": "QueryFailed",
        "queryId": query_id,
        "errorMessage": message,
        "logLines": [],
        "journal": None,
        **more,
    }


def test_a_socket_begins_with_connect_and_the_query_set() -> None:
    played = Played()
    connect, modify = played.open()
    assert connect["sessionId"] == str(UUID(int=7))
    assert connect["connectionCount"] == 0
    assert connect["lastCloseReason"] == "InitialConnect"
    assert connect["maxObservedTimestamp"] is None
    assert (modify["baseVersion"], modify["newVersion"], modify["modifications"]) == (0, 1, [])


def test_queries_that_are_asked_for_together_travel_together() -> None:
    played = Played()
    played.open()
    played.watch("m:one")
    played.watch("m:two", b'{"a":1.0}')
    (modify,) = played.sent()
    assert [(add["queryId"], add["udfPath"], add["args"]) for add in modify["modifications"]] == [
        (0, "m:one", [{}]),
        (1, "m:two", [{"a": 1.0}]),
    ]


def test_large_query_sets_are_sent_in_parts() -> None:
    played = Played()
    for _ in range(5):
        played.watch(args=b'{"a":"%b"}' % (b"x" * 600_000))
    messages = played.open()
    assert [len(message.get("modifications", [])) for message in messages] == [0, 2, 2, 1]
    played.transition(updated(0, 1), updated(1, 1))
    assert state(played.connection) == "connecting"
    played.transition(*(updated(number, 1) for number in (2, 3, 4)), query_set=3)
    assert state(played.connection) == "live"


def test_a_query_is_live_from_its_first_result_to_the_loss_of_the_socket() -> None:
    played = Played()
    watch = played.watch()
    assert state(watch) == "connecting"
    played.open()
    played.transition(updated(0, ["a"]))
    assert (state(watch), watch.answer) == ("live", Succeeded(b'["a"]'))
    played.connection.lost("reset")
    assert (state(watch), watch.answer) == ("stale", Succeeded(b'["a"]'))
    played.open()
    assert state(watch) == "stale"
    played.transition(updated(0, ["a"]))
    assert state(watch) == "live"
    assert played.states == [("live", ""), ("stale", "reset"), ("live", "")]
    assert played.changes == 3


def test_coming_back_says_what_was_seen_and_where_pages_end() -> None:
    played = Played()
    played.watch()
    played.open()
    played.transition(updated(0, [], journal="end"), ts=1234)
    played.connection.lost("closed with code 1006")
    connect, modify = played.open()
    assert connect["connectionCount"] == 1
    assert connect["lastCloseReason"] == "closed with code 1006"
    assert connect["maxObservedTimestamp"] == encode_ts(1234)
    assert modify["modifications"][0]["journal"] == "end"


def test_an_equal_result_is_no_change_and_neither_is_an_equal_failure() -> None:
    played = Played()
    value, failure = played.watch(), played.watch()
    played.open()
    played.transition(updated(0, 1), failed(1, "[Request ID: 1] no", errorData={"a": 1}))
    answers = value.answer, failure.answer
    played.transition(updated(0, 1), failed(1, "[Request ID: 2] no", errorData={"a": 1}), ts=11)
    assert (value.answer, failure.answer) == answers
    assert value.answer is answers[0] and failure.answer is answers[1]


@pytest.mark.parametrize(
    ("more", "data"), [({}, None), ({"errorData": None}, b"null"), ({"errorData": 5}, b"5")]
)
def test_a_failure_has_data_only_if_the_server_sent_some(more: Json, data: bytes | None) -> None:
    played = Played()
    watch = played.watch()
    played.open()
    played.transition(failed(0, "no", **more))
    assert watch.answer == Failed("m:list", "no", data)


def test_results_for_queries_that_are_closed_are_ignored() -> None:
    played = Played()
    watch = played.watch()
    played.open()
    played.connection.unwatch(watch)
    played.transition(updated(0, 1))
    assert watch.answer is None
    assert played.sent()[0]["modifications"] == [{"type": "Remove", "queryId": 0}]


def test_a_mutation_is_over_when_a_transition_shows_it() -> None:
    played = Played()
    played.open()
    settled = played.call()
    assert played.kinds() == ["Mutation"]
    played.committed(0, ts=20, result="id")
    played.transition(ts=19)
    assert settled == []
    played.transition(ts=20)
    assert settled == [Succeeded(b'"id"')]


def test_a_failed_mutation_is_over_at_once() -> None:
    played = Played()
    played.open()
    settled = played.call()
    played.sent()
    played.say(
        type="MutationResponse", requestId=0, success=False, result="no", ts=None, logLines=[], errorData=1
    )
    assert settled == [Failed("m:send", "no", b"1")]


def test_unanswered_mutations_are_sent_again_in_order_with_their_numbers() -> None:
    played = Played(in_flight=2)
    played.open()
    outcomes = [played.call() for _ in range(4)]
    assert [message["requestId"] for message in played.sent()] == [0, 1]
    played.connection.lost("reset")
    played.connection.opened()
    assert [message["requestId"] for message in played.sent()[2:]] == [0, 1]
    played.committed(0)
    assert [message["requestId"] for message in played.sent()] == [2]
    played.committed(1)
    assert [message["requestId"] for message in played.sent()] == [3]
    played.committed(2)
    played.committed(3)
    played.at = (0, 0, 0)
    played.transition()
    assert outcomes == [[Succeeded(b"null")]] * 4


def test_a_committed_mutation_is_not_sent_again_and_over_with_the_first_view_of_the_next_socket() -> None:
    played = Played()
    played.open()
    settled = played.call()
    played.sent()
    played.committed(0, ts=500)
    played.connection.lost("reset")
    assert [message["type"] for message in played.open()] == ["Connect", "ModifyQuerySet"]
    # An older timestamp: somebody has restored a copy of the database.
    played.transition(ts=30)
    assert settled == [Succeeded(b"null")]


def test_nothing_is_over_before_the_queries_are_back() -> None:
    played = Played()
    played.connection.token = "ada"
    watch = played.watch()
    played.open()
    settled = played.call()
    played.sent()
    played.committed(0, ts=500)
    played.connection.lost("reset")
    played.open()
    played.transition(query_set=0, identity=1, ts=600)
    assert settled == [] and state(played.connection) == "connecting" and state(watch) == "connecting"
    played.transition(updated(0, 1), query_set=1, identity=1, ts=600)
    assert len(settled) == 1 and state(watch) == "live"


def test_an_action_that_was_under_way_is_lost_and_others_are_sent() -> None:
    played = Played(in_flight=1)
    played.open()
    under_way, waiting = played.call("action", "m:mail"), played.call("action", "m:mail")
    played.sent()
    played.connection.lost("reset")
    (error,) = under_way
    assert isinstance(error, ConnectionLostError)
    assert "m:mail: the connection was lost while the action ran (reset)" in str(error)
    assert [message["requestId"] for message in played.open()[2:]] == [1]
    played.say(type="ActionResponse", requestId=1, success=True, result=5, logLines=[])
    assert waiting == [Succeeded(b"5")]


def test_a_call_that_nobody_waits_for_runs_only_if_it_was_sent() -> None:
    played = Played()
    sent = played.connection.call("mutation", "m:send", b"{}", lambda settled: None)
    played.open()
    played.connection.lost("reset")
    unsent = played.connection.call("mutation", "m:send", b"{}", lambda settled: None)
    played.connection.abandon(sent)
    played.connection.abandon(unsent)
    assert [message["requestId"] for message in played.open()[2:]] == [0]
    played.committed(0)
    played.transition()
    assert played.connection.waiting == 0


def test_a_second_answer_and_answers_to_nothing_are_ignored() -> None:
    played = Played()
    played.open()
    settled = played.call()
    played.sent()
    for request_id in (0, 0, 9):
        played.committed(request_id)
    played.transition()
    assert len(settled) == 1


def test_a_new_user_waits_for_earlier_calls_and_later_calls_wait_for_the_user() -> None:
    played = Played()
    played.open()
    played.transition()
    order: list[str] = []
    played.call()
    played.connection.authenticate(
        "ada", lambda: order.append("begun"), lambda error: order.append(f"done {error}")
    )
    later = played.call()
    assert played.kinds() == ["Mutation"]
    played.connection.lost("reset")
    # As nobody, whom the first call was made as.
    assert [message["type"] for message in played.open()] == ["Connect", "ModifyQuerySet", "Mutation"]
    played.committed(0)
    assert order == []
    played.transition()
    assert order == ["begun"]
    authenticate, mutation = played.sent()
    assert (authenticate["tokenType"], authenticate["value"], authenticate["baseVersion"]) == (
        "User",
        "ada",
        0,
    )
    assert mutation["requestId"] == 1
    played.transition(identity=1)
    assert order == ["begun", "done None"]
    played.committed(1)
    played.transition(identity=1)
    assert len(later) == 1


def test_the_admin_key_and_nobody_are_tokens_too() -> None:
    played = Played()
    played.connection.token = AdminKey("key", {"issuer": "i", "subject": "s"})
    message = played.open()[1]
    assert (message["tokenType"], message["value"], message["impersonating"]["subject"]) == (
        "Admin",
        "key",
        "s",
    )
    played.connection.authenticate(None, lambda: None, lambda error: None)
    assert played.sent()[0]["tokenType"] == "None"
    assert "key" not in repr(AdminKey("key"))


def test_a_refused_token_is_told_and_a_refusal_of_an_earlier_one_is_not() -> None:
    played = Played()
    played.connection.token = "old"
    played.open()
    played.connection.authenticate("new", lambda: None, lambda error: None)
    played.sent()
    with pytest.raises(ProtocolError, match="another one has replaced"):
        played.say(type="AuthError", error="no", baseVersion=0, authUpdateAttempted=True)
    with pytest.raises(RefusedError, match="no"):
        played.say(type="AuthError", error="no", baseVersion=1, authUpdateAttempted=True)


def test_a_stopped_client_refuses_everything_until_it_goes_on() -> None:
    played = Played()
    played.open()
    watch, settled = played.watch(), played.call()
    played.connection.stop(AuthenticationError("refused"))
    assert isinstance(settled[0], AuthenticationError)
    assert isinstance(watch.error, AuthenticationError)
    for ask in (played.watch, played.call):
        with pytest.raises(AuthenticationError, match="refused"):
            ask()
    played.connection.resume()
    assert watch.error is None
    assert [message["type"] for message in played.open()] == ["Connect", "ModifyQuerySet"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b'{"type":"Surprise"}',
        b'{"type":"Transition"}',
        b'{"type":"Ping"',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    played = Played()
    played.open()
    with pytest.raises(ProtocolError, match="no message of the protocol"):
        played.connection.received(raw)


def test_a_transition_from_elsewhere_is_refused() -> None:
    played = Played()
    played.open()
    played.at = (5, 0, 0)
    with pytest.raises(ProtocolError, match="StartVersionMismatch"):
        played.transition()


def test_a_fatal_error_is_told_and_a_ping_needs_no_answer() -> None:
    played = Played()
    played.open()
    played.say(type="Ping")
    assert played.sent() == []
    with pytest.raises(FatalProtocolError, match="our mistake"):
        played.say(type="FatalError", error="our mistake")


def test_there_are_bounds() -> None:
    played = Played()
    for _ in range(MAX_WAITING):
        played.call()
    with pytest.raises(OverloadedError, match="10,000 calls of this client wait"):
        played.call()
    for _ in range(MAX_WATCHES):
        played.watch()
    with pytest.raises(OverloadedError, match="1,000 queries"):
        played.watch()


def test_stopping_keeps_what_was_committed() -> None:
    played = Played()
    played.open()
    settled = played.call()
    played.sent()
    played.committed(0, result="done")
    played.connection.stop(ClientError("closed"))
    assert settled == [Succeeded(b'"done"')]
