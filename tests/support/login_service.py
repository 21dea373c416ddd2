"""Another service that signs people in, on a port of this machine: an OpenID Connect provider, and GitHub's way.

It behaves as theirs do: a code works once and needs the verifier of its challenge, the secret and the address of the
callback must be right, and the ID token is for who asked.
"""

from __future__ import annotations

import base64
import html
import json
import secrets
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from support.houses import Visitor
from support.receivers import answering
from syncline.accounts import Core

CLIENT = ("client-1", "secret-1")
#: Services put into headers what they like.
_ODD = JWSRegistry(strict_check_header=False)
_KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})


@dataclass
class LoginService:
    """`person` is who is in front of the browser: claims, or a GitHub user with `emails`."""

    url: str
    person: dict[str, Any] = field(default_factory=dict[str, Any])
    #: Claims of ID tokens that differ from what is right.
    lies: dict[str, Any] = field(default_factory=dict[str, Any])
    key: RSAKey = field(default_factory=lambda: _KEY)
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    asked: list[str] = field(default_factory=list[str])
    clock: float | None = None

    def agree(self, url: str) -> dict[str, str]:
        """The person agrees on the page at this address: the query of the callback."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["client_id"] == CLIENT[0]
        assert query["response_type"] == "code" and query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return {"code": code, "state": query["state"]}

    def redeem(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        query = self.codes.pop(form.get("code", ""), None)
        if query is None:
            return 400, {"error": "invalid_grant"}
        challenge = (
            base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        right = (
            (form["client_id"], form["client_secret"]) == CLIENT
            and form["redirect_uri"] == query["redirect_uri"]
            and challenge == query["code_challenge"]
        )
        if not right:
            return 400, {"error": "invalid_client"}
        now = int(self.clock if self.clock is not None else time.time())
        claims = {
            "iss": self.url, "aud": CLIENT[0], "iat": now, "exp": now + 300, "nonce": query.get("nonce"), **self.person,
            **self.lies,
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "k1", "cat": "x"}, claims, self.key, registry=_ODD)
        return 200, {"access_token": "access-1", "token_type": "Bearer", "id_token": token}

    def discovery(self) -> dict[str, str]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
        }


@contextmanager
def login_service() -> Generator[LoginService]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            service.asked.append(path)
            if path in ("/.well-known/openid-configuration", "/common/v2.0/.well-known/openid-configuration"):
                self._answer(200, service.discovery())
            elif path == "/t-1/v2.0/.well-known/openid-configuration":  # one tenant of Microsoft
                self._answer(200, service.discovery() | {"issuer": f"{service.url}/t-1/v2.0"})
            elif path == "/far/.well-known/openid-configuration":  # its page is on another host
                page = f"{service.url.replace('127.0.0.1', 'login.localhost')}/authorize"
                self._answer(
                    200,
                    service.discovery() | {"issuer": f"{service.url}/far", "authorization_endpoint": page},
                )
            elif path == "/jwks":
                self._answer(200, {"keys": [_KEY.as_dict(private=False)]})
            elif path in ("/authorize", "/login/oauth/authorize"):
                query = parse_qs(urlsplit(self.path).query)
                self.send_response(302)
                self.send_header(
                    "location", f"{query['redirect_uri'][0]}?{urlencode(service.agree(self.path))}"
                )
                self.end_headers()
            elif path == "/api/v3/user" and self.headers["authorization"] == "Bearer access-1":
                self._answer(200, {name: value for name, value in service.person.items() if name != "emails"})
            elif path == "/api/v3/user/emails" and self.headers["authorization"] == "Bearer access-1":
                self._answer(200, service.person["emails"])
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*service.redeem(form))

        def _answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(Handler) as url:
        service = LoginService(url)
        yield service


def leave(visitor: Visitor, provider: str = "acme", page: str = "/auth/sign-in") -> str:
    """Where the button leads."""
    visitor.get(page)
    answer = visitor.submit(f"/auth/oauth/{provider}/start")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text.partition("0; url=")[2].partition('"')[0])


def come_back(visitor: Visitor, answer: dict[str, str], provider: str = "acme") -> httpx.Response:
    return visitor.get(f"/auth/oauth/{provider}/callback?{urlencode(answer)}")


def connections(core: Core) -> list[tuple[str, str, str]]:
    """Who is connected with what: provider, subject there, user here."""
    return core.file.rows("SELECT provider, subject, user_id FROM connections ORDER BY subject")
