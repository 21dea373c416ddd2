"""Silence, slow readers, large transitions."""

from __future__ import annotations

import msgspec

from support.hand_engine import HandEngine
from support.session_pair import NPM, PYTHON, Server, Socket, values
from syncline.kernel.limits import Limits

KIB = 1024


def test_a_silent_socket_is_pinged_every_fifteen_seconds() -> None:
    server = Server()
    client = server.client()
    for second in range(1, 46):
        server.clock.advance(1)
        client.session.tick(server.clock.monotonic())
        assert len(client.writes) == second // 15
    assert client.take() == [{"type": "Ping"}] * 3


def test_every_message_puts_the_ping_off() -> None:
    server = Server()
    client = server.client()
    server.clock.advance(14)
    client.modify()
    server.clock.advance(14)
    client.session.tick(server.clock.monotonic())
    assert client.transition()["type"] == "Transition"


def watching(server: Server) -> Socket:
    client = server.client()
    client.watch(0, "m:sum", group="aa")
    client.settled()
    return client


def test_a_slow_reader_is_moved_once_it_has_read_and_then_to_the_newest_state() -> None:
    server = Server()
    client = watching(server)
    client.unsent = 300 * KIB
    for _ in range(5):
        server.write("aa")
        server.settle()
    assert client.take() == []
    assert server.live.stats().coalesced == 5
    client.unsent = 0
    client.session.drained()
    assert values(client.transition()) == {0: 10.0}
    client.session.drained()
    assert client.take() == []


def test_a_slow_readers_responses_wait_for_their_transition() -> None:
    server = Server()
    client = watching(server)
    client.unsent = 300 * KIB
    client.mutate(0)
    assert client.settled() == []
    client.unsent = 0
    client.session.drained()
    response, transition = client.take()
    assert response["type"] == "MutationResponse"
    assert values(transition) == {0: 2.0}


def test_a_slow_reader_delays_nobody_else() -> None:
    server = Server()
    slow, fast = watching(server), watching(server)
    slow.unsent = 300 * KIB
    server.write("aa")
    server.settle()
    assert slow.take() == []
    assert values(fast.transition()) == {0: 2.0}


def test_a_reader_that_is_too_far_behind_is_closed() -> None:
    server = Server()
    client = watching(server)
    client.unsent = 9 * KIB * KIB
    server.write("aa")
    assert client.settled() == []
    assert client.closed == (1013, "SlowReader")


def test_responses_that_a_slow_reader_piles_up_count() -> None:
    server = Server(Limits(session_unsent_bytes=301 * KIB))
    client = watching(server)
    client.unsent = 300 * KIB
    for request in range(100):
        client.mutate(request)
        server.settle()
    assert client.closed == (1013, "SlowReader")


def test_one_transition_above_the_limit_is_no_reason_to_close() -> None:
    engine = HandEngine()
    server = Server(Limits(session_unsent_bytes=1000), engine=engine)
    client = server.client()
    client.watch(0, "m:large")
    engine.answer(b'"%b"' % (b"x" * 300 * KIB))
    client.unsent = len(client.writes[-1][0])
    client.mutate(0)
    engine.step_lane()
    engine.step_news()
    assert client.closed is None


def test_a_slow_reader_is_not_pinged_behind_what_it_has_not_read() -> None:
    server = Server()
    client = watching(server)
    client.unsent = 300 * KIB
    server.write("aa")
    server.settle()
    server.clock.advance(20)
    client.session.tick(server.clock.monotonic())
    assert client.take() == []


def test_a_large_transition_reaches_npm_clients_in_chunks() -> None:
    server = Server(Limits(chunk_bytes=50))
    client = server.client(NPM)
    client.watch(0, "m:sum", group="aa")
    chunks = client.settled()
    assert {chunk["type"] for chunk in chunks} == {"TransitionChunk"}
    assert [chunk["partNumber"] for chunk in chunks] == list(range(len(chunks)))
    assert {chunk["totalParts"] for chunk in chunks} == {len(chunks)}
    assert len({chunk["transitionId"] for chunk in chunks}) == 1
    transition = msgspec.json.decode("".join(chunk["chunk"] for chunk in chunks))
    assert values(transition) == {0: 0.0}
    assert len(client.writes[-1]) == len(chunks), "something could come in between"


def test_other_clients_get_a_large_transition_whole() -> None:
    server = Server(Limits(chunk_bytes=50))
    for version in (PYTHON, None):
        client = server.client(version)
        client.watch(0, "m:sum", group="aa")
        assert [message["type"] for message in client.settled()] == ["Transition"]


def test_a_session_that_fails_is_closed_and_nobody_else_notices() -> None:
    server = Server()
    broken, sound = watching(server), watching(server)

    broken.fails = True
    server.write("aa")
    server.settle()
    assert broken.closed == (1011, "InternalServerError")
    assert values(sound.transition()) == {0: 2.0}
