"""HTTP requests for fuzzing: from almost right to no HTTP at all."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from .fuzz import broken_json, json_texts
from .restartable import ADMIN_KEY


@dataclass(frozen=True)
class Ask:
    """A request whose end is beyond doubt."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    #: The sizes of the pieces in which the body is sent. None: it has a Content-Length.
    chunks: tuple[int, ...] | None

    def encode(self) -> bytes:
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target), b"host: test"]
        lines += [b"%b: %b" % pair for pair in self.headers]
        if self.chunks is not None:
            return b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", self._chunked()])
        if self.body or self.method not in (b"GET", b"HEAD", b"OPTIONS"):
            lines.append(b"content-length: %d" % len(self.body))
        return b"\r\n".join([*lines, b"", b""]) + self.body

    def _chunked(self) -> bytes:
        parts: list[bytes] = []
        rest = self.body
        for size in self.chunks or ():
            if rest:
                parts.append(b"%x\r\n%b\r\n" % (len(rest[:size]), rest[:size]))
                rest = rest[size:]
        if rest:
            parts.append(b"%x;note=x\r\n%b\r\n" % (len(rest), rest))
        return b"".join([*parts, b"0\r\n\r\n"])


# Targets

_paths = st.sampled_from(
    [
        *["things:echo", "things:count", "things:page", "things:keep", "things.js:keep", "things:relay"],
        *["things:get", "things:failing", "things:secret", "things:nothing", "nowhere:echo"],
        *[
            "",
            ":",
            "things",
            "a:b:c",
            "../things:echo",
            "things:echo\x00",
            "é:é",
            "things.py:echo",
            "a/" * 99,
        ],
    ]
)
_texts = st.sampled_from(
    ["", "{}", "[{}]", '{"value":1}', "[", "null", "%", "%zz", "%00", "\u2028", "a" * 3000]
)
_endpoints = st.sampled_from(
    [
        *["/api/query", "/api/mutation", "/api/action", "/api/function", "/api/query_ts", "/api/query_at_ts"],
        *["/api/query_batch", "/api/run/things/echo", "/api/run/things/keep", "/api/run/", "/api/run/things"],
        *["/api/run//echo", "/api/run/things/secret", "/api/run/..%2f/echo", "/api/watch/things:echo"],
        *["/api/watch/things:failing", "/api/watch/", "/api/watch/things%3Aecho", "/api/watch/%ff"],
        *["/api/sync", "/api/1.48.0/sync", "/api/debug_event", "/api/get_config_hashes", "/api/deploy2/x"],
        *["/api/nothing", "/api", "/api/", "/version", "/instance_name", "/healthz", "/readyz", "/echo", "/"],
        *["/_syncline/convex.js", "/favicon.ico", "/index.html"],
    ]
)
_tricks = st.sampled_from(
    [
        *[b"/../api/query", b"//api/query", b"///api/query", b"/api//query", b"/api/./query", b"/API/query"],
        *[
            b"/%61pi/query",
            b"/api/query%00",
            b"/api/query/",
            b"/api/query;x=1",
            b"/api/query#x",
            b"/\xff\xfe",
        ],
        *[
            b"/%2e%2e/%2e%2e/etc/passwd",
            b"/..%5c..%5cwindows",
            b"/....//etc/passwd",
            b"*",
            b"http://a/api/query",
        ],
        *[b"/" + b"a" * 9_000, b"/api/watch/" + b"%2e" * 100, b"/?" + b"a=b&" * 2_000, b"/api/query?path"],
    ]
)


@st.composite
def targets(draw: st.DrawFn) -> bytes:
    if draw(st.integers(0, 5)) == 0:
        return draw(_tricks)
    fields = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "path": _paths,
                "args": _texts,
                "format": st.sampled_from(["json", "convex_encoded_json", "xml", ""]),
                "adminKey": st.sampled_from([ADMIN_KEY, "wrong|key", "", "|", ":"]),
            },
        )
    )
    query = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    return draw(_endpoints).encode() + (b"?" + query.encode() if query else b"")


# Headers and bodies

_identity = base64.b64encode(b'{"subject":"a","issuer":"https://b"}').decode()
_header = st.one_of(
    st.tuples(
        st.just(b"authorization"),
        st.sampled_from(
            [
                *[f"Convex {ADMIN_KEY}", f"convex prod:{ADMIN_KEY}", f"Convex {ADMIN_KEY}:{_identity}"],
                *[
                    f"Convex {ADMIN_KEY}:!!!",
                    f"Convex {ADMIN_KEY}:e30=",
                    "Convex wrong|key",
                    "Convex",
                    "Bearer x.y.z",
                ],
                *["Bearer ", "Bearer " + "x" * 9_000, "Basic YTpi", "é", ":"],
            ]
        ).map(lambda text: text.encode("latin-1")),
    ),
    st.tuples(
        st.just(b"convex-client"),
        st.sampled_from(
            [b"npm-1.48.0", b"python-0.7.0", b"npm-0.1.0", b"python", b"-", b"npm-1.4.0-alpha", b"\xff-1.0.0"]
        ),
    ),
    st.tuples(st.just(b"origin"), st.sampled_from([b"https://a.example", b"null", b"\xe9", b"x" * 500])),
    st.tuples(
        st.just(b"content-type"),
        st.sampled_from([b"application/json", b"text/plain", b"multipart/form-data", b""]),
    ),
    st.tuples(st.just(b"content-encoding"), st.sampled_from([b"gzip", b"identity", b"br", b"Identity"])),
    st.tuples(st.just(b"convex-request-id"), st.sampled_from([b"0123456789abcdef", b"x", b"0" * 999])),
    st.tuples(st.just(b"last-event-id"), st.sampled_from([b"1-abc", b"-", b"\xff", b"9" * 99])),
    st.tuples(st.just(b"accept"), st.sampled_from([b"text/html", b"*/*", b"\xff"])),
    st.tuples(st.just(b"if-none-match"), st.sampled_from([b"*", b'"x"', b"W/"])),
    st.tuples(st.just(b"access-control-request-headers"), st.sampled_from([b"a, b", b"\xe9"])),
    st.tuples(st.just(b"upgrade"), st.sampled_from([b"h2c", b"foo", b""])),
    st.tuples(st.just(b"connection"), st.sampled_from([b"close", b"keep-alive", b"upgrade", b"x", b""])),
    st.tuples(
        st.sampled_from([b"x-forwarded-for", b"cookie", b"range", b"te", b"x" * 60]),
        st.binary(max_size=20).map(lambda raw: bytes(c for c in raw if c >= 32 and c != 127)),
    ),
)
_methods = st.sampled_from(
    [
        b"POST",
        b"POST",
        b"POST",
        b"GET",
        b"HEAD",
        b"OPTIONS",
        b"PUT",
        b"DELETE",
        b"PATCH",
        b"TRACE",
        b"PROPFIND",
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    match draw(st.integers(0, 9)):
        case 0:
            return draw(st.binary(max_size=30))
        case 1:
            return draw(st.one_of(json_texts, broken_json))
        case 2:
            return b"[" * draw(st.sampled_from([100, 5_000, 30_000]))
        case 3:
            return b" " * draw(st.sampled_from([1_000, 59_999, 60_000]))
        case _:
            call: dict[str, Any] = draw(
                st.fixed_dictionaries(
                    {"path": _paths},
                    optional={
                        "args": st.one_of(_arguments, _arguments.map(lambda each: [each]), st.just("x")),
                        "format": st.sampled_from(
                            ["json", "convex_encoded_json", "export_json", "xml", None, 1]
                        ),
                        "ts": st.sampled_from(["AAAAAAAAAAA=", "/////////38=", "x", None, 5]),
                        "componentPath": st.sampled_from(["", "a/b", None, 1]),
                    },
                )
            )
            if draw(st.booleans()):
                return json.dumps(call).encode()
            return json.dumps({"queries": [call] * draw(st.sampled_from([0, 1, 3, 40]))}).encode()


_NOTHING: dict[str, Any] = {}
_arguments: st.SearchStrategy[Any] = st.one_of(
    st.just(_NOTHING),
    st.fixed_dictionaries(
        {"value": st.sampled_from([1, None, "a", {"$integer": "AQ=="}, {"$float": "AAAAAAAA+H8="}])}
    ),
    st.fixed_dictionaries({"name": st.sampled_from(["a", 1, None])}),
    st.fixed_dictionaries({"id": st.sampled_from(["", "x", "j57000820c20a1g7104gm2rc1m70ynr8"])}),
    st.fixed_dictionaries(
        {
            "paginationOpts": st.fixed_dictionaries(
                {
                    "numItems": st.sampled_from([0, 1, -1, 1e308, "x"]),
                    "cursor": st.sampled_from([None, "", "x", 1]),
                }
            )
        }
    ),
)
asks = st.builds(
    Ask,
    _methods,
    targets(),
    st.lists(_header, max_size=3, unique_by=lambda pair: pair[0]).map(tuple),
    bodies(),
    st.none() | st.none() | st.lists(st.integers(1, 2_000), max_size=3).map(tuple),
)


# Hardly HTTP

_POST = b"POST /api/query HTTP/1.1\r\nhost: test\r\n"
_BODY = b'{"path":"things:echo"}'
_ambiguous = st.sampled_from(
    [
        _POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\n" + _BODY,
        _POST + b"content-length: 22\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        _POST + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        _POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        _POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        _POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        _POST + b"content-length: +22\r\n\r\n" + _BODY,
        _POST + b"content-length: -1\r\n\r\n" + _BODY,
        _POST + b"content-length: 0x16\r\n\r\n" + _BODY,
        _POST + b"content-length: 99999999999999999999\r\n\r\n" + _BODY,
        _POST + b"content-length: 22\r\n folded: x\r\n\r\n" + _BODY,
        _POST + b"x: a\rb\r\ncontent-length: 22\r\n\r\n" + _BODY,
        _POST + b"x: a\0b\r\ncontent-length: 22\r\n\r\n" + _BODY,
        _POST + b"x y: z\r\ncontent-length: 22\r\n\r\n" + _BODY,
        _POST + b": nameless\r\ncontent-length: 22\r\n\r\n" + _BODY,
        _POST + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
        _POST + b"transfer-encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
        _POST + b"transfer-encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
        _POST + b"transfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 4\r\n\r\n",
        b"POST /api/query HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /version HTTP/1.1\nhost: test\n\n",
        b"GET /version HTTP/2.0\r\nhost: test\r\n\r\n",
        b"GET /version HTTP/1.1\r\n\r\n",
        b"GET /version\r\n\r\n",
        b"GET  /version  HTTP/1.1\r\nhost: test\r\n\r\n",
        b"get /version HTTP/1.1\r\nhost: test\r\n\r\n",
        b"CONNECT a.example:443 HTTP/1.1\r\nhost: a.example\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\nGET /version HTTP/1.1\r\nhost: test\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
    ]
)


@st.composite
def torn_requests(draw: st.DrawFn) -> bytes:
    """A request with a few bytes changed, or only the beginning of one, or no request at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=100))
    raw = bytearray(draw(st.one_of(_ambiguous, asks.map(Ask.encode))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, min(len(raw), 300)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw)


# Upgrades

upgrades = st.fixed_dictionaries(
    {
        "target": st.sampled_from(
            [
                b"/api/sync",
                b"/api/1.48.0/sync",
                b"/api/x/sync",
                b"/sync",
                b"/api/0.1.0/sync",
                b"/api/1.48.0/sync/x",
            ]
        ),
        "method": st.sampled_from([b"GET", b"GET", b"GET", b"POST", b"HEAD", b"OPTIONS"]),
        "upgrade": st.sampled_from([b"websocket", b"WebSocket", b"websocket, h2c", b"h2c", b""]),
        "connection": st.sampled_from([b"Upgrade", b"keep-alive, Upgrade", b"upgrade", b"close", b""]),
        "sec-websocket-version": st.sampled_from([b"13", b"13", b"8", b"", b"\xff"]),
        "sec-websocket-key": st.sampled_from(
            [b"AAAAAAAAAAAAAAAAAAAAAA==", b"short", b"", b"A" * 5_000, b"\xff"]
        ),
    },
    optional={
        "sec-websocket-extensions": st.just(b"permessage-deflate; client_max_window_bits"),
        "sec-websocket-protocol": st.just(b"chat"),
        "convex-client": st.sampled_from([b"python-0.7.0", b"npm-0.1.0", b"x", b"\xff"]),
        "content-length": st.sampled_from([b"0", b"5"]),
        "origin": st.just(b"https://a.example"),
    },
)
