"""Issuers as there are outside: keys, tokens, and a server that publishes discovery document and key set."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

_jti = count(1)


@cache
def rsa_key(name: str = "ins_1") -> RSAKey:
    """A key of its own per name; made once, it takes a while."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@cache
def other_key(algorithm: str) -> Key:
    """A key for an algorithm other than RS256; its id is the algorithm."""
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", {"kid": algorithm})
    return OKPKey.generate_key("Ed25519", {"kid": algorithm})


def public(*keys: Key) -> dict[str, Any]:
    """The key set that an issuer publishes."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def encoded(value: bytes | Mapping[str, Any]) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign(
    header: bytes | Mapping[str, Any], claims: bytes | Mapping[str, Any], key: Key, algorithm: str = "RS256"
) -> str:
    """A token of any header and claims, right or wrong, with the signature of `key`."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    signature: bytes = JWSRegistry.algorithms[algorithm].sign(signed.encode(), key)
    return f"{signed}.{encoded(signature)}"


def clerk_claims(issuer: str, now: float, **changes: Any) -> dict[str, Any]:
    """The claims of a session token of Clerk, version 2, with the Convex integration. None leaves a claim out."""
    second = int(now)
    claims: dict[str, Any] = {
        "aud": "convex",
        "azp": "http://localhost:3000",
        "exp": second + 60,
        "fva": [3, -1],
        "iat": second,
        "iss": issuer,
        "jti": f"{next(_jti):020x}",
        "nbf": second - 10,
        "sid": "sess_2abc",
        "sts": "active",
        "sub": "user_2abc",
        "v": 2,
        "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "", "fpm": ""},
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def clerk_token(issuer: str, now: float, key: RSAKey | None = None, **changes: Any) -> str:
    """A token as Clerk signs it: its header has a `cat` that no other issuer's has."""
    key = key or rsa_key()
    header = {"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": key.kid, "typ": "JWT"}
    return sign(header, clerk_claims(issuer, now, **changes), key)


class LocalIssuer:
    """A server on localhost that publishes what an issuer publishes. Its attributes may be changed at any time."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = public(rsa_key())
        #: What is served instead of the usual, by path: status, content type, body.
        self.instead: dict[str, tuple[int, str, bytes]] = {}
        #: The paths that were asked for.
        self.asked: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                status, kind, body = issuer.instead.get(self.path) or issuer.usual(self.path)
                self.send_response(status)
                self.send_header("content-type", kind)
                if status == 302:
                    self.send_header("location", body.decode())
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_address[1]}"

    def usual(self, path: str) -> tuple[int, str, bytes]:
        if path == "/.well-known/openid-configuration":
            document = {"issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks.json"}
            return 200, "application/json", json.dumps(document).encode()
        if path == "/.well-known/jwks.json":
            return 200, "application/jwk-set+json", json.dumps(self.keys).encode()
        return 404, "text/plain", b"not here"

    @contextmanager
    def running(self) -> Generator[LocalIssuer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
