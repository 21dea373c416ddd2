"""Tokens: what verifying one costs, and what an authenticated connection costs above an anonymous one."""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from bench.report import Budget, Figure, Report
from bench.server import Server
from bench.settings import Settings
from syncline.identity import Issuer, KeySet, LocalKeys, Verdict, Verified, Verifier
from syncline.kernel.clock import SystemClock
from syncline.kernel.limits import Limits

ISSUER = "https://bench.clerk.accounts.dev"
TOKENS = 2_000
CONNECTIONS = 5_000


def tokens(settings: Settings, report: Report) -> None:
    """A new token, and one that was verified before: RS256, 2,048 bits, claims as Clerk's. In process, one thread."""
    report.begin("tokens: time to verify")
    key = RSAKey.generate_key(2048, {"kid": "key-1"})
    keys = LocalKeys(KeySet.load({"keys": [key.as_dict(private=False)]}))
    verifier = Verifier(SystemClock(), Limits())
    verifier.configure([Issuer(ISSUER, keys, frozenset({"RS256"}), frozenset({"convex"}))])
    made = [token(key, f"user_{number}") for number in range(TOKENS)]
    _times(verifier, made[:100])
    fresh, known = _times(verifier, made[100:]), _times(verifier, made[100:])
    for name, found, budget in (("token, new", fresh, 300), ("token, repeated", known, 10)):
        tail = statistics.quantiles(found, n=100)[98]
        figure = Figure(name, statistics.median(found), "us", Budget(budget), (f"p99 {tail:.1f}",))
        report.add("tokens", figure, {"microseconds": found})


def authenticated(settings: Settings, report: Report) -> None:
    """Memory of connections that are signed in, each as somebody else, above that of anonymous ones."""
    report.begin("authenticated: memory per connection above an anonymous one")
    key = RSAKey.generate_key(2048, {"kid": "key-1"})
    backend = _application(settings.folder, key)
    made = [token(key, f"user_{number}") for number in range(CONNECTIONS)]
    each: list[float] = []
    for credentials in (None, made):
        with Server(settings.new_data(), backend=backend) as server:
            sockets = list(_connect(server.port, 100, made[:100]))
            before = server.memory_bytes()
            sockets += _connect(server.port, CONNECTIONS, credentials)
            time.sleep(1)  # what was allocated for the handshakes is returned
            each.append((server.memory_bytes() - before) / CONNECTIONS / 1024)
            for connection in sockets:
                connection.close()
    notes = (f"{CONNECTIONS:,} connections; {each[0]:.1f} KiB anonymous, {each[1]:.1f} KiB signed in",)
    report.add(
        "authenticated", Figure("signed-in connection, above", each[1] - each[0], "KiB", Budget(3), notes)
    )


def token(key: RSAKey, subject: str) -> str:
    """A token as an issuer makes it for a signed-in user; right for an hour."""
    now = int(time.time())
    claims = {
        "aud": "convex", "azp": "https://app.example.com", "exp": now + 3600, "fva": [3, -1], "iat": now, "iss": ISSUER,
        "jti": uuid.uuid4().hex, "nbf": now - 10, "sid": f"sess_{subject}", "sts": "active", "sub": subject, "v": 2,
        "name": f"Ada {subject}", "email": f"{subject}@example.com",
    }  # fmt: skip
    signed = f"{_encoded({'alg': 'RS256', 'kid': key.kid, 'typ': 'JWT'})}.{_encoded(claims)}"
    signature: bytes = JWSRegistry.algorithms["RS256"].sign(signed.encode(), key)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _times(verify: Callable[[str, Callable[[Verdict], None]], None], made: list[str]) -> list[float]:
    verdicts: list[Verdict] = []
    found: list[float] = []
    for each in made:
        began = time.perf_counter()
        verify(each, verdicts.append)
        found.append((time.perf_counter() - began) * 1e6)
    if not all(isinstance(verdict, Verified) for verdict in verdicts):
        raise RuntimeError("a token was refused")
    return found


def _application(folder: Path, key: RSAKey) -> Path:
    """An application with one issuer, whose keys are written into it."""
    backend = folder / "identity" / "backend"
    backend.mkdir(parents=True)
    keys = {"keys": [key.as_dict(private=False)]}
    (backend / "__init__.py").touch()
    (backend / "app.py").write_text(
        textwrap.dedent(f"""
            from syncline import App
            from syncline.auth import OpenIDConnect

            app = App(auth=[OpenIDConnect(issuer={ISSUER!r}, audience="convex", jwks={keys!r})])
        """)
    )
    return backend


def _connect(port: int, count: int, made: list[str] | None) -> Iterator[socket.socket]:
    """Sync sockets that have said who they are, or that they are nobody, and were answered."""
    for number in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        # Without it the second of two small messages waits for the other end, 40 ms each time.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        nonce = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /api/1.48.0/sync HTTP/1.1\r\nhost: bench\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: {nonce}\r\n\r\n".encode()
        )
        _until(connection, b"\r\n\r\n")
        credential = {"tokenType": "None"} if made is None else {"tokenType": "User", "value": made[number]}
        for message in (
            {"type": "Connect", "sessionId": str(uuid.uuid4()), "connectionCount": 0},
            {"type": "Authenticate", "baseVersion": 0, **credential},
        ):
            connection.sendall(_frame(json.dumps(message).encode()))
        _until(connection, b'"identity":1')
        yield connection


def _frame(payload: bytes) -> bytes:
    """A masked text frame; the mask is zero, which leaves the text as it is."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload


def _until(connection: socket.socket, end: bytes) -> None:
    received = b""
    while end not in received:
        part = connection.recv(65536)
        if not part:
            raise RuntimeError(f"the server hung up after {received[-200:]!r}")
        received += part
