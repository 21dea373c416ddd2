"""What programs ask the sign-in of a server: for a login (RFC 8628), for the next token, and to end it.

On `http.client`, so that a command that needs one token starts in a moment.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import msgspec

from syncline import __version__
from syncline.kernel.clock import Clock

from .errors import AuthenticationError, ClientError, ConnectionLostError

_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_SECONDS: Final = 30.0
_MOST_BYTES: Final = 256 * 1024
#: What the other side says is shown on terminals and opened in browsers: nothing else than this.
_CODE: Final = re.compile(r"[A-Za-z0-9-]{4,32}").fullmatch
_ADDRESS: Final = re.compile(r"https?://[!-~]{1,1000}").fullmatch

#: How a server says that there is no such refresh token any more.
_OVER: Final = ("grant", "invalid_grant")
_LONGEST_WAIT: Final = 3600.0
_LONGEST_INTERVAL: Final = 60.0

T = TypeVar("T")

#: Answers of RFC 8628 that are no failure of the conversation.
PENDING: Final = ("authorization_pending", "slow_down")


@dataclass(frozen=True, slots=True)
class Asked:
    """A login that waits for its user, who enters `user_code` at `page`; `page_with_code` has it filled in."""

    device_code: str = field(repr=False)
    user_code: str
    page: str
    page_with_code: str
    seconds: float
    interval: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_at`: of the access token, in seconds since the epoch. No refresh token: the old one stays good."""

    token: str = field(repr=False)
    expires_at: float
    refresh_token: str | None = field(repr=False)


class _Codes(msgspec.Struct):
    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float
    verification_uri_complete: str = ""
    interval: float = 5.0


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float
    refresh_token: str | None = None


class LoginServer:
    """The sign-in of the server at `url`. Calls block; they raise ConnectionLostError without an answer."""

    def __init__(self, url: str, clock: Clock, ssl_context: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._clock = clock
        self._ssl = ssl_context
        try:
            parts = urlsplit(url)
            self._host, self._port, self._secure = parts.hostname or "", parts.port, parts.scheme == "https"
        except ValueError as error:
            raise ClientError(f"{url} is no address of a server: {error}") from None
        if parts.scheme not in ("http", "https") or not self._host:
            raise ClientError(f"{url} is no address of a server: it begins with http:// or https://")

    def ask(self, name: str) -> Asked:
        """Begin a login of a program that calls itself `name`. Raises ClientError."""
        status, answer = self._post("/auth/device", client_name=name)
        if status == 404:
            raise ClientError(
                f"the server at {self._url} has no sign-in of its own: its application lists none of "
                "Syncline's ways to sign in, such as Password()"
            )
        if status != 200:
            raise self._refused(status, answer)
        codes = self._understood(answer, _Codes)
        page, complete = (
            codes.verification_uri,
            codes.verification_uri_complete or codes.verification_uri,
        )
        if not (_CODE(codes.user_code) and _ADDRESS(page) and _ADDRESS(complete)):
            raise self._strange()
        seconds = min(codes.expires_in, _LONGEST_WAIT)
        interval = min(max(codes.interval, 1.0), _LONGEST_INTERVAL)
        return Asked(codes.device_code, codes.user_code, page, complete, seconds, interval)

    def poll(self, asked: Asked) -> Tokens | str:
        """The tokens; or what there is instead, of RFC 8628: `authorization_pending`, `slow_down`, `access_denied`,
        `expired_token`, `invalid_grant`. Raises ClientError."""
        status, answer = self._post("/auth/exchange", grant_type=_DEVICE_GRANT, device_code=asked.device_code)
        if status == 200:
            return self._tokens(answer)
        if status == 429:
            return "slow_down"
        error = answer.get("error")
        if error in (*PENDING, "access_denied", "expired_token", "invalid_grant"):
            return str(error)
        raise self._refused(status, answer)

    def refresh(self, refresh_token: str) -> Tokens:
        """The next tokens. Raises AuthenticationError if the login has ended; ClientError for what may pass."""
        status, answer = self._post("/auth/exchange", grant_type="refresh_token", refresh_token=refresh_token)
        if status == 200:
            return self._tokens(answer)
        if answer.get("error") in _OVER:  # and nothing less: what is in between may refuse, too
            raise AuthenticationError(str(answer.get("message")))
        raise self._refused(status, answer)

    def revoke(self, refresh_token: str) -> None:
        """End the login. Raises ClientError."""
        status, answer = self._post("/auth/revoke", refresh_token=refresh_token)
        if status != 200:
            raise self._refused(status, answer)

    def _tokens(self, answer: dict[str, Any]) -> Tokens:
        granted = self._understood(answer, _Granted)
        expires_at = self._clock.wall_ns() / 1e9 + granted.expires_in
        return Tokens(granted.access_token, expires_at, granted.refresh_token)

    def _understood(self, answer: dict[str, Any], kind: type[T]) -> T:
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError:
            raise self._strange() from None

    def _strange(self) -> ClientError:
        return ClientError(f"{self._url} does not answer as a Syncline server does")

    def _refused(self, status: int, answer: dict[str, Any]) -> ClientError:
        text = str(answer.get("message", ""))[:500]
        said = "".join(char for char in text if char.isprintable()) or f"status {status}"
        return ClientError(f"the sign-in of {self._url} refused: {said}")

    def _post(self, path: str, **fields: str) -> tuple[int, dict[str, Any]]:
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "user-agent": f"syncline/{__version__}",
        }
        connection = self._connection()
        try:
            connection.request("POST", path, urlencode(fields), headers)
            response = connection.getresponse()
            content = response.read(_MOST_BYTES)
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise ConnectionLostError(f"the server at {self._url} does not answer: {reason}") from None
        finally:
            connection.close()
        try:
            answer: object = msgspec.json.decode(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            if response.status in (404, 405):  # of a server's site, whose paths take nothing but GET
                return 404, {}
            raise self._strange()
        return response.status, cast("dict[str, Any]", answer)

    def _connection(self) -> HTTPConnection:
        if self._secure:
            return HTTPSConnection(self._host, self._port, timeout=_SECONDS, context=self._ssl)
        return HTTPConnection(self._host, self._port, timeout=_SECONDS)
