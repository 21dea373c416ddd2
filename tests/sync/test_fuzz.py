"""Whatever arrives, in whatever order: a session answers or closes, it never raises, and it owes nothing at rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from support.model_client import caller_of
from support.session_pair import NPM, PYTHON, Server, Socket
from support.swallowed import nothing_swallowed
from syncline.kernel.limits import Limits
from syncline.sync import Rejected, Unavailable, Verdict, Verified
from syncline.values import decode_ts, encode_ts

U32 = st.integers(0, 2**32 - 1)
SMALL = st.integers(0, 4)
VERSIONS = SMALL | U32

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
paths = st.sampled_from(
    [
        "m:sum",
        "m.js:sum",
        "m:slow",
        "m:mine",
        "m:odd",
        "m:page",
        "m:nothing",
        "m",
        "m:",
        "",
        "a/b:c",
        "m.py:f",
    ]
) | st.text(max_size=6)
arguments = (
    st.just([{"group": "aa", "name": "00", "by": 1, "size": 2}])
    | st.just([{"group": "bb", "name": "01", "by": 2, "size": 1}])
    | st.lists(json_values, max_size=2)
    | json_values
)
components = st.none() | st.sampled_from(["", "c"])


def messages() -> st.SearchStrategy[dict[str, Any]]:
    add = st.fixed_dictionaries(
        {"type": st.just("Add"), "queryId": VERSIONS, "udfPath": paths, "args": arguments},
        optional={"journal": st.none() | st.text(max_size=4), "componentPath": components},
    )
    remove = st.fixed_dictionaries({"type": st.just("Remove"), "queryId": VERSIONS})
    call = {
        "requestId": VERSIONS,
        "udfPath": paths | st.sampled_from(["m:add", "m:noop", "m:act"]),
        "args": arguments,
    }
    return st.one_of(
        st.fixed_dictionaries(
            {
                "type": st.just("Connect"),
                "sessionId": st.uuids().map(str) | st.text(max_size=4),
                "connectionCount": VERSIONS,
            },
            optional={
                "lastCloseReason": st.none() | st.text(max_size=5),
                "maxObservedTimestamp": st.integers(0, 2**63 - 1).map(encode_ts) | st.text(max_size=5),
                "clientTs": st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
            },
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("ModifyQuerySet"),
                "baseVersion": VERSIONS,
                "newVersion": VERSIONS,
                "modifications": st.lists(add | remove, max_size=4),
            }
        ),
        st.fixed_dictionaries({"type": st.just("Mutation"), **call}, optional={"componentPath": components}),
        st.fixed_dictionaries({"type": st.just("Action"), **call}, optional={"componentPath": components}),
        st.fixed_dictionaries(
            {
                "type": st.just("Authenticate"),
                "baseVersion": VERSIONS,
                "tokenType": st.sampled_from(["User", "Admin", "None", "Other"]),
            },
            optional={
                "value": st.sampled_from(["alice", "bad", "nobody knows", "the-admin-key"]),
                "impersonating": st.dictionaries(
                    st.sampled_from(["issuer", "subject", "tokenIdentifier", "email", "emailVerified"]),
                    json_values,
                ),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("Event"), "eventType": st.text(max_size=4), "event": json_values}
        ),
        st.fixed_dictionaries({"type": st.text(max_size=5)}),
    )


#: What a client and its surroundings do next. Numbers in messages are made to fit now and then, so that sequences
#: get further than their first mistake.
steps = st.one_of(
    st.tuples(st.just("message"), messages(), st.booleans()),
    st.tuples(st.just("raw"), st.binary(max_size=30), st.none()),
    st.tuples(
        st.sampled_from(
            ["write", "settle", "lane", "news", "reader", "answers", "release", "tick", "slow", "fast"]
        ),
        st.none(),
        st.none(),
    ),
)


def verify(token: str, done: Callable[[Verdict], None]) -> None:
    identity = caller_of(token).identity
    assert identity is not None
    if token == "nobody knows":
        done(Unavailable("no answer"))
    else:
        done(Rejected("bad token") if token == "bad" else Verified(identity))


def received(client: Socket) -> tuple[int, int]:
    """How far the session has taken in what the client sent: query set and identity."""
    delivery = client.session._delivery  # pyright: ignore[reportPrivateUsage]  # Clients know; random ones do not.
    return delivery.received_query_set, delivery.received_identity


def fit(message: dict[str, Any], client: Socket) -> dict[str, Any]:
    received_query_set, received_identity = received(client)
    match message["type"]:
        case "ModifyQuerySet":
            return message | {"baseVersion": received_query_set, "newVersion": received_query_set + 1}
        case "Authenticate":
            return message | {"baseVersion": received_identity}
        case _:
            return message


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(steps, max_size=25),
    connect=st.booleans(),
    version=st.sampled_from([NPM, PYTHON, None]),
)
def test_any_sequence_of_messages_is_answered_or_closes_the_socket(
    steps: list[tuple[str, Any, bool | None]], connect: bool, version: Any
) -> None:
    server = Server(
        Limits(session_queries=3, session_mutations=3, session_actions=2, frame_bytes=2_000, chunk_bytes=300),
        verify_user=verify,
    )
    client = Socket(server, version, UUID(int=1))
    with nothing_swallowed():
        if connect:
            client.connect()
        for kind, content, fits in steps:
            act(kind, content, bool(fits), server, client)
        client.unsent = 0
        client.session.drained()
        server.settle()
    check(client)
    client.session.disconnected()
    assert server.live.stats().subscriptions == 0


def act(kind: str, content: Any, fits: bool, server: Server, client: Socket) -> None:
    engine = server.engine
    match kind:
        case "message":
            client.session.receive(msgspec.json.encode(fit(content, client) if fits else content))
        case "raw":
            client.session.receive(content)
        case "write":
            server.write("aa", "00", by=1)
        case "settle":
            server.settle()
        case "lane":
            engine.step_lane(2)
        case "news":
            engine.step_news()
        case "reader":
            engine.step_reader(False, 1)
            engine.step_reader(True, 1)
        case "answers":
            engine.step_answers(False)
            engine.step_answers(True)
        case "release":
            engine.release()
        case "tick":
            server.clock.advance(5)
            client.session.tick(server.clock.monotonic())
            server.live.tick()
        case "slow":
            client.unsent = 300_000
        case _:
            client.unsent = 0
            client.session.drained()


def check(client: Socket) -> None:
    """Transitions chain; at rest the client's whole state is confirmed, unless the socket was closed."""
    version: dict[str, Any] = {"querySet": 0, "identity": 0, "ts": encode_ts(0)}
    owed = False
    parts: list[str] = []
    for message in client.inbox:
        if message["type"] == "TransitionChunk":
            parts.append(message["chunk"])
            if len(parts) < message["totalParts"]:
                continue
            message = msgspec.json.decode("".join(parts))
            parts = []
        assert not parts, "something came between two chunks"
        if message["type"] == "Transition":
            assert message["startVersion"] == version
            assert decode_ts(message["endVersion"]["ts"]) >= decode_ts(version["ts"])
            version = message["endVersion"]
            owed = False
        elif message["type"] in ("MutationResponse", "ActionResponse"):
            owed = True
    if client.closed is None:
        assert (version["querySet"], version["identity"]) == received(client)
        assert not owed, "a response was not followed by a transition"
