"""What clients of the sync protocol send in fuzzing: messages that are right, almost right, or none; and frames."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from .conformance import Listener
from .fuzz import broken_json, json_texts
from .restartable import ADMIN_KEY
from .sockets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, SyncSocket, frame

Json = dict[str, Any]


@dataclass
class Peer:
    """The client's side of one socket."""

    socket: SyncSocket
    listener: Listener = field(default_factory=Listener)
    #: What a client that does everything right would send next.
    query_set: int = 0
    identity: int = 0
    #: It has said Connect, as far as the server can have understood it.
    connected: bool = False
    #: The server cannot know where the next frame begins.
    torn: bool = False
    #: A fragmented message has begun.
    unfinished: bool = False
    closing: bool = False

    def send(self, data: bytes) -> None:
        try:
            self.socket.send_raw(data)
        except OSError:
            self.torn = True  # The server has hung up already; why, is still to be read.


Step = Callable[[Peer], None]

# Values

_words = st.sampled_from(
    ["", "a", "canary", "$integer", "\x00", "\ud800", "é" * 40, "__proto__", "x" * 2_000]
)
_numbers = st.one_of(
    st.integers(-2, 5), st.sampled_from([2**31, 2**32, 2**53, 2**64, -(2**63), 10**400, 1.5, 1e308])
)
_scalars = st.one_of(st.none(), st.booleans(), _numbers, _words)
_SPECIAL: list[Json] = [
    {"$integer": "AQAAAAAAAAA="},
    {"$integer": "AQ=="},
    {"$bytes": "!"},
    {"$float": "AAAAAAAA+H8="},
    {"$float": "AAAAAAAA8D8="},
    {"$set": []},
    {"$commitTs": None},
]
_NOTHING: Json = {}
_values: st.SearchStrategy[Any] = st.recursive(
    _scalars | st.sampled_from(_SPECIAL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=6,
)

# Messages that are right, unless their parts are not

_paths = st.sampled_from(
    [
        *["things:echo", "things:count", "things:page", "things.js:keep", "things:keep", "things:relay"],
        *["things:get", "things:failing", "things:relay_in_a_thread"],
        *["things:secret", "things:nothing", "nowhere:echo", "things", "_system/cli/tables:default"],
        *["", ":", "a:b:c", "../things:echo", "things:echo\x00", "things.py:echo", "é:é", "a/" * 50 + "b:c"],
    ]
)
_pages = st.fixed_dictionaries(
    {"numItems": _numbers, "cursor": st.none() | _words},
    optional={"endCursor": st.none() | _words, "id": _values, "maximumRowsRead": _numbers},
)
_arguments: st.SearchStrategy[Any] = st.one_of(
    st.just(_NOTHING),
    st.fixed_dictionaries({}, optional={"value": _values, "name": _words, "paginationOpts": _pages}),
    st.fixed_dictionaries({"id": _words}),
    st.dictionaries(_words, _values, max_size=3),
)
_argument_lists = st.one_of(
    _arguments.map(lambda args: [args]), _arguments, st.lists(_arguments, max_size=3), _values
)

_adds = st.fixed_dictionaries(
    {"type": st.just("Add"), "queryId": st.integers(0, 12), "udfPath": _paths, "args": _argument_lists},
    optional={"journal": st.none() | _words, "componentPath": st.sampled_from([None, "", "a/b"])},
)
_removes = st.fixed_dictionaries({"type": st.just("Remove"), "queryId": st.integers(0, 12)})
_modify = st.fixed_dictionaries(
    {
        "type": st.just("ModifyQuerySet"),
        "baseVersion": st.just("BASE"),
        "newVersion": st.just("NEW"),
        "modifications": st.lists(_adds | _adds | _removes, max_size=4),
    }
)
_requests = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Mutation", "Mutation", "Action"]),
        "requestId": st.integers(0, 50),
        "udfPath": _paths,
        "args": _argument_lists,
    },
    optional={"componentPath": st.sampled_from([None, "", "a/b"])},
)
_attributes = st.one_of(
    st.just({"subject": "somebody", "issuer": "https://users.test"}),
    st.dictionaries(
        st.sampled_from(["subject", "issuer", "tokenIdentifier", "email", ""]), _values, max_size=4
    ),
)
_authenticate = st.fixed_dictionaries(
    {
        "type": st.just("Authenticate"),
        "baseVersion": st.just("IDENTITY"),
        "tokenType": st.sampled_from(["None", "Admin", "User"]),
    },
    optional={
        "value": st.sampled_from(
            [ADMIN_KEY, ADMIN_KEY, f"prod:{ADMIN_KEY}", "wrong|key", "", "a.b.c", "\x00"]
        ),
        "impersonating": st.none() | _attributes,
        "acting_as": st.none() | _attributes,
    },
)
_event = st.fixed_dictionaries({"type": st.just("Event"), "eventType": _words, "event": _values})
_connect = st.fixed_dictionaries(
    {
        "type": st.just("Connect"),
        "sessionId": st.one_of(
            st.uuids().map(str), st.sampled_from(["", "1", "{}", str(uuid.UUID(int=0)).upper()])
        ),
        "connectionCount": st.integers(0, 3),
    },
    optional={
        "lastCloseReason": st.none() | _words,
        "maxObservedTimestamp": st.sampled_from(
            [None, "AAAAAAAAAAA=", "/////////38=", "//////////8=", "AA", ""]
        ),
        "clientTs": _numbers,
    },
)
_messages = st.one_of(_modify, _modify, _requests, _requests, _authenticate, _event, _connect)


@st.composite
def damaged_messages(draw: st.DrawFn) -> Json:
    """A message with one thing in it that does not belong there."""
    message: Json = dict(draw(_messages))
    name = draw(st.sampled_from(sorted(message)))
    match draw(st.integers(0, 3)):
        case 0:
            del message[name]
        case 1:
            message[name] = draw(_values)
        case 2:
            message[draw(_words)] = draw(_values)
        case _:
            message["type"] = draw(
                st.sampled_from(["connect", "Transition", "Ping", "FatalError", "", "Add"])
            )
    return message


# Steps


def say(message: Json) -> Step:
    """Send a message, with the versions filled in that are right at this moment."""

    def step(peer: Peer) -> None:
        filled = dict(message)
        for name, value in message.items():
            if value == "BASE":
                filled[name] = peer.query_set
            elif value == "NEW":
                filled[name] = peer.query_set + 1
            elif value == "IDENTITY":
                filled[name] = peer.identity
        if filled.get("baseVersion") == peer.query_set and filled.get("newVersion") == peer.query_set + 1:
            peer.query_set += 1
        peer.connected |= filled.get("type") == "Connect"
        if filled.get("type") == "Authenticate" and filled.get("baseVersion") == peer.identity:
            peer.identity += 1
        peer.send(frame(TEXT, json.dumps(filled).encode("utf-8", "surrogatepass")))

    return step


def send(data: bytes, *, torn: bool = False, unfinished: bool = False, closing: bool = False) -> Step:
    def step(peer: Peer) -> None:
        peer.torn |= torn
        peer.unfinished |= unfinished
        peer.closing |= closing
        peer.send(data)

    return step


def in_pieces(message: Json) -> Step:
    """A fragmented message with a ping in the middle."""
    data = json.dumps(message).encode("utf-8", "surrogatepass")
    third = len(data) // 3
    first, middle, last = data[:third], data[third : 2 * third], data[2 * third :]
    return send(
        frame(TEXT, first, fin=False)
        + frame(PING, b"")
        + frame(CONTINUATION, middle, fin=False)
        + frame(CONTINUATION, last)
    )


_sizes = st.sampled_from([100, 4_990, 5_010, 30_000, 59_990, 60_010, 100_000])
_depths = st.sampled_from([10, 63, 64, 65, 66, 500, 5_000, 25_000])


def large(size: int) -> bytes:
    head = b'{"type":"Event","eventType":"large","event":"'
    return head + b"x" * max(0, size - len(head) - 2) + b'"}'


def deep(depth: int) -> bytes:
    head = b'{"type":"Mutation","requestId":7,"udfPath":"things:keep","args":[{"value":'
    return head + b"[" * depth + b"]" * depth + b"}]}"


_frames: st.SearchStrategy[Step] = st.one_of(
    _sizes.map(lambda size: send(frame(TEXT, large(size)))),
    _depths.map(lambda depth: send(frame(TEXT, deep(depth)))),
    st.one_of(json_texts, broken_json).map(lambda raw: send(frame(TEXT, raw))),
    st.binary(max_size=40).map(lambda raw: send(frame(BINARY, raw))),
    st.binary(max_size=125).map(lambda raw: send(frame(PING, raw))),
    st.binary(max_size=125).map(lambda raw: send(frame(PONG, raw))),
    st.binary(min_size=126, max_size=200).map(lambda raw: send(frame(PING, raw), torn=True)),
    st.binary(max_size=20).map(lambda raw: send(frame(TEXT, raw, fin=False), unfinished=True)),
    st.binary(max_size=20).map(lambda raw: send(frame(CONTINUATION, raw))),
    st.integers(3, 15).map(lambda kind: send(frame(kind, b"?"), torn=kind == CLOSE)),
    st.integers(1, 7).map(lambda bits: send(frame(TEXT, b"{}", rsv=bits), torn=True)),
    st.just(send(frame(TEXT, b"{}", masked=False), torn=True)),
    st.one_of(st.just(b""), st.binary(min_size=1, max_size=20)).map(
        lambda raw: send(frame(CLOSE, raw), closing=True)
    ),
    st.integers(1, 13).map(lambda size: send(frame(TEXT, b"x" * 200)[:size], torn=True)),
    # A length of eight bytes that no memory has, and one that is negative if it is read as a signed number.
    st.sampled_from([2**62, 2**63, 2**64 - 1]).map(
        lambda size: send(b"\x81\xff" + size.to_bytes(8, "big") + b"mask" + b"x" * 50, torn=True)
    ),
    st.binary(min_size=1, max_size=60).map(lambda raw: send(raw, torn=True)),
)

_steps: st.SearchStrategy[Step] = st.one_of(
    _messages.map(say), _messages.map(say), damaged_messages().map(say), _messages.map(in_pieces), _frames
)
_connected = st.uuids().map(
    lambda session: say({"type": "Connect", "sessionId": str(session), "connectionCount": 0})
)
#: Most examples begin as they should, so that what follows is looked at.
examples = st.tuples(st.one_of(_connected, _connected, _connected, _steps), st.lists(_steps, max_size=6))
