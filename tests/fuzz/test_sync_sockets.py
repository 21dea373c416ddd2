"""Clients of the sync protocol that do everything wrong: the server answers as documented, or closes as documented.

Each example is a sequence of steps on one socket: messages that are right, wrong in one place, or no messages at
all; frames that are none. Afterwards the socket is closed with a documented code, or still works.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_WR

import pytest
from hypothesis import given, settings

from support.conformance import CLOSE_CODES
from support.fuzzed import FUZZING, Target
from support.fuzzed_sync import Peer, Step, examples
from support.sockets import CLOSE, PING, PONG, TEXT, SyncSocket, frame


def attack(target: Target, first: Step, others: list[Step]) -> None:
    with SyncSocket(target.port) as socket:
        peer = Peer(socket)
        for step in [first, *others]:
            step(peer)
        finish(peer)
    target.check()


def finish(peer: Peer) -> None:
    """Read until it is clear that the socket works, or is closed as it should be."""
    if peer.torn:
        # What follows would be taken for the rest of a frame. Whoever hangs up gets what was to be said, and no more.
        with suppress(OSError):
            peer.socket.connection.shutdown(SHUT_WR)
    else:
        peer.send(frame(PING, b"still there?"))
    answered, code = listen(peer, lambda: False)
    if answered:
        if peer.connected and not peer.unfinished:
            prove_that_it_works(peer)
        return
    # It has hung up: after a close frame, unless it was we who hung up first.
    assert code in CLOSE_CODES or (code == "none" and peer.torn) or peer.closing, code
    if peer.listener.ended is not None:
        assert code is None, f"{peer.listener.ended} was followed by the code {code}"


def prove_that_it_works(peer: Peer) -> None:
    last = 2**32 - 1
    request = {"type": "Mutation", "requestId": last, "udfPath": "things:keep", "args": [{"name": "last"}]}
    peer.send(frame(TEXT, json.dumps(request).encode()))
    listener = peer.listener
    listen(peer, lambda: last in listener.responses and not listener.owes_transition)
    assert listener.responses[last]["success"], listener.responses[last]


def listen(peer: Peer, done: Callable[[], bool]) -> tuple[bool, int | str | None]:
    """Hear what the server says until `done` or until it answers the ping; or to the end, and with which code."""
    code: int | str | None = "none"
    while not done() and (received := peer.socket.receive_frame()) is not None:
        kind, payload = received
        if code != "none":
            # Whoever goes on sending what is no frame is told so, even after a close frame.
            assert kind == CLOSE, f"{received} came behind a close frame"
        elif kind == TEXT:
            peer.listener.hear(json.loads(payload))
        elif kind == CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else None
            payload[2:].decode()
            assert len(payload) <= 125
            peer.send(frame(CLOSE, payload[:2]))
        else:
            assert kind == PONG, f"the server sent a frame of kind {kind}"
            if payload == b"still there?":
                return True, code
    return False, code


@settings(FUZZING, max_examples=250)
@given(examples)
def test_whatever_a_client_sends_it_is_answered_or_closed_and_nobody_else_notices(
    target: Target, example: tuple[Step, list[Step]]
) -> None:
    attack(target, *example)


@pytest.mark.long
@settings(FUZZING, max_examples=10_000)
@given(examples)
def test_the_same_for_long(target: Target, example: tuple[Step, list[Step]]) -> None:
    attack(target, *example)
